/*
 * Where a request ends, and whether its connection goes on: decided from the fields, in the order of
 * RFC 9112 section 6.3. Doubt is refused, never resolved: two readers of one message that disagree
 * about its end are what request smuggling lives on.
 */
import { GyreError } from '../../base/index.ts'
import { readLength } from '../policy.ts'

/** How the end of a body is told. */
export type Framing = 'none' | 'length' | 'chunked'

/** What the fields that concern framing were found to say. */
export interface FramingFields {
  /** 1 for HTTP/1.1. */
  readonly minor: 0 | 1
  /** The Transfer-Encoding lines, joined; undefined where there is none. */
  readonly transferEncoding: string | undefined
  /** The Content-Length line; undefined where there is none. */
  readonly contentLength: string | undefined
}

/** How a body is framed. */
export interface BodyFraming {
  /** How its end is told. */
  readonly framing: Framing
  /** In bytes; 0 where it is not known or there is no body. */
  readonly length: number
}

const NONE: BodyFraming = { framing: 'none', length: 0 }
const CHUNKED: BodyFraming = { framing: 'chunked', length: 0 }

/**
 * Decides the framing of a request's body (RFC 9112 section 6.3).
 *
 * @param fields - what the head says of it
 * @returns how its end is told, and its length
 * @throws GyreError `GYRE_BAD_FRAMING`, `GYRE_UNKNOWN_CODING`
 * @example
 * ```ts
 * const body = frameBody({ minor: 1, transferEncoding: undefined, contentLength: '14' })
 * console.log(body.framing, body.length) // length 14
 * try {
 *   frameBody({ minor: 1, transferEncoding: 'chunked', contentLength: '14' })
 * } catch (error) {
 *   console.log((error as GyreError).code) // GYRE_BAD_FRAMING
 * }
 * ```
 */
export function frameBody({ minor, transferEncoding, contentLength }: FramingFields): BodyFraming {
  // Steps 1 and 2 concern responses.
  if (transferEncoding !== undefined) {
    // 6.1: HTTP/1.0 has no transfer codings; one that sends them has a message altered on its way.
    if (minor === 0) throw badFraming('Transfer-Encoding in HTTP/1.0')
    // Step 3: both fields at once are an attempt at smuggling.
    if (contentLength !== undefined) throw badFraming('both Content-Length and Transfer-Encoding')
    // Step 4: chunked must be there, last, and once. Other codings would be ours to decode: none is.
    const codings = transferEncoding.toLowerCase().split(',')
    for (const coding of codings) {
      const name = trimWhitespace(coding)
      if (name === '') throw badFraming('an empty transfer coding')
      if (name !== 'chunked') throw new GyreError('GYRE_UNKNOWN_CODING')
    }
    if (codings.length !== 1) throw badFraming('chunked more than once')
    return CHUNKED
  }
  // Step 5 and 6: a length is digits and nothing else, and a number that can be counted to.
  if (contentLength !== undefined) return { framing: 'length', length: readLength(contentLength) }
  // Step 7: no body.
  return NONE
}

/** What Connection asks for. */
export interface ConnectionWish {
  /** That the connection ends after the answer. */
  readonly close: boolean
  /** That it goes on, where it would end by itself. */
  readonly keepAlive: boolean
  /** That the field Upgrade is meant. */
  readonly upgrade: boolean
}

const CLOSE: ConnectionWish = Object.freeze({ close: true, keepAlive: false, upgrade: false })
const KEEP_ALIVE: ConnectionWish = Object.freeze({ close: false, keepAlive: true, upgrade: false })

/**
 * Reads the Connection field (RFC 9110 section 7.6.1): tokens in any case, between them commas, spaces and tabs.
 *
 * @param value - its lines, joined by commas
 * @returns which of the three tokens that we know are there
 * @example
 * ```ts
 * const wish = readConnection('Keep-Alive, Upgrade')
 * console.log(wish.close, wish.keepAlive, wish.upgrade) // false true true
 * ```
 */
export function readConnection(value: string): ConnectionWish {
  // What nearly all send.
  if (value === 'keep-alive') return KEEP_ALIVE
  if (value === 'close') return CLOSE
  const tokens = value.toLowerCase().split(',').map(trimWhitespace)
  return {
    close: tokens.includes('close'),
    keepAlive: tokens.includes('keep-alive'),
    upgrade: tokens.includes('upgrade'),
  }
}

/**
 * Takes spaces and tabs off both ends: nothing else is white space in a field (RFC 9110 section 5.6.3), and `trim()`
 * would take NBSP and others too. No pattern, because one that looks for a run at the end tries each run anew,
 * in quadratic time.
 */
export function trimWhitespace(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

/** True for a space and a tab. */
export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function badFraming(detail: string): GyreError {
  return new GyreError('GYRE_BAD_FRAMING', detail)
}
