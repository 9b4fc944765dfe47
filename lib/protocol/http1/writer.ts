/*
 * Response heads: what frames the body, whether the connection goes on, and the text of it all.
 *
 * The framing of a response follows from four facts (RFC 9112 section 6.3, RFC 9110 section 6.4.1): the
 * method and the version of the request, the status, and whether the length of the body is known.
 */
import { GyreError } from '../../base/index.ts'
import { checkValue, sameName } from './fields.ts'
import type { ResponseFields } from './fields.ts'
import { reasonOf } from './status.ts'

/** How the end of a response's body is told: not at all, by a number, by the last chunk, by closing. */
export type ResponseFraming = 'none' | 'length' | 'chunked' | 'close'

/** What a head is made of. */
export interface ResponsePlan {
  /** The method of the request. */
  readonly method: string
  /** Version of the request: 1 for HTTP/1.1. */
  readonly minor: 0 | 1
  /** The status, from 200 to 599. */
  readonly status: number
  /** The reason phrase, where it is not the usual one. */
  readonly reason?: string | undefined
  /** What the handler has set; null where that is nothing. */
  readonly fields: ResponseFields | null
  /** The Content-Type, where the handler has not set that field. Empty for none. */
  readonly contentType: string
  /** Length of the body in bytes; undefined where it is not known. */
  readonly length: number | undefined
  /** Whether we would have the connection go on. */
  readonly keepAlive: boolean
  /** The line of the Date field. */
  readonly date: string
}

/** A head, and what it means for what follows. */
export interface PlannedHead {
  /** What is sent, with the empty line. */
  readonly text: string
  /** The status that it has. */
  readonly status: number
  /** How the end of the body is told. */
  readonly framing: ResponseFraming
  /** Whether bytes of a body follow the head. */
  readonly hasBody: boolean
  /** The length that the head announces; undefined where it announces none. */
  readonly length: number | undefined
  /** Whether the connection goes on after the body. */
  readonly keepAlive: boolean
}

const LOWEST_STATUS = 200
const HIGHEST_STATUS = 599
const LOWEST_REDIRECT = 300
const NO_CONTENT = 204
const RESET_CONTENT = 205
const NOT_MODIFIED = 304

/** Status lines with the usual reason phrase. */
const statusLines: string[] = []

/**
 * @param reason - the reason phrase; undefined for the usual one
 * @throws GyreError `GYRE_BAD_HEADER`
 */
export function statusLine(status: number, reason: string | undefined): string {
  if (reason !== undefined) return `HTTP/1.1 ${status} ${checkedText('the reason phrase', reason)}\r\n`
  return (statusLines[status] ??= `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`)
}

let lastGood = ''

/**
 * Texts that come into a head beside its fields are checked like their values (H9: Tornado's CVE-2025-67724 was a
 * reason phrase). Most responses have the one that the last had.
 */
function checkedText(what: string, text: string): string {
  if (text !== lastGood) lastGood = checkValue(what, text)
  return text
}

/** @throws GyreError `GYRE_BAD_STATUS` */
function checkStatus(status: number): void {
  if (!(Number.isInteger(status) && status >= LOWEST_STATUS && status <= HIGHEST_STATUS))
    throw new GyreError(
      'GYRE_BAD_STATUS',
      `${String(status)} is not a status from ${LOWEST_STATUS} to ${HIGHEST_STATUS}`,
    )
}

/** Openings by their Content-Type, all of one second. */
const openings = new Map<string, { readonly status: number; readonly bytes: Uint8Array }>()
let openedAt = ''
/** Content-Types may be made of what clients send. */
const OPENINGS = 16

/**
 * How the head begins of the answer that most requests get: a known length, no field but Content-Type, HTTP/1.1, and
 * the connection goes on. What is missing is the length, and the empty line. Many answers begin alike within a second,
 * so it is kept as bytes: to copy these takes a third of what writing a text takes.
 *
 * @param status - one that has a body (`isBodiless`)
 * @param contentType - without line end; not empty
 * @param date - the line of the Date field, with its end
 * @returns the head up to and with `Content-Length: `; not to be changed
 * @throws GyreError `GYRE_BAD_HEADER` for a Content-Type that would break a line
 * @example
 * ```ts
 * const opening = plainOpening(200, 'text/plain', dateLine(784_111_777_000))
 * console.log(`${Buffer.from(opening)}5`.split('\r\n')[3]) // Content-Length: 5
 * ```
 */
export function plainOpening(status: number, contentType: string, date: string): Uint8Array {
  if (date !== openedAt) openings.clear()
  openedAt = date
  const kept = openings.get(contentType)
  if (kept?.status === status) return kept.bytes
  const type = checkedText('Content-Type', contentType)
  const text = `${statusLine(status, undefined)}${date}Content-Type: ${type}\r\nContent-Length: `
  const bytes = Uint8Array.from(Buffer.from(text, 'latin1'))
  if (openings.size >= OPENINGS) openings.clear()
  openings.set(contentType, { status, bytes })
  return bytes
}

/**
 * Whether a status has no body by definition (RFC 9110 section 6.4.1), so that `plainOpening` will not do.
 *
 * @param status - a status code
 * @returns true for 1xx, 204, 205 and 304
 * @example
 * ```ts
 * console.log(isBodiless(304), isBodiless(404)) // true false
 * ```
 */
export function isBodiless(status: number): boolean {
  return status === NO_CONTENT || status === NOT_MODIFIED || status === RESET_CONTENT || status < LOWEST_STATUS
}

/**
 * Makes the head of a response.
 *
 * @param plan - what is known of the request and of the answer
 * @returns the head, and what it means for what follows
 * @throws GyreError `GYRE_BAD_STATUS`; `GYRE_BAD_HEADER` where the handler frames the body by itself and in a way that
 *   cannot be kept, or where its reason phrase or Content-Type would break a line; `GYRE_LENGTH_MISMATCH` where its
 *   Content-Length is not the length of its body
 * @example
 * ```ts
 * const date = dateLine(784_111_777_000)
 * const plan = { method: 'GET', minor: 1, status: 200, fields: null, contentType: 'text/plain' } as const
 * const head = responseHead({ ...plan, length: undefined, keepAlive: true, date })
 * console.log(head.framing, head.hasBody, head.keepAlive) // chunked true true
 * ```
 */
export function responseHead(plan: ResponsePlan): PlannedHead {
  const { status, method, minor, fields } = plan
  checkStatus(status)
  // RFC 9110 section 9.3.6: after a 2xx to CONNECT the client sends tunnel bytes, which must not be read as requests.
  if (method === 'CONNECT' && status < LOWEST_REDIRECT)
    throw new GyreError('GYRE_BAD_STATUS', `${status} opens a tunnel: answer CONNECT with upgrade(''), or refuse it`)
  const bodiless = isBodiless(status)
  const announced = fields === null ? undefined : announcedLength(fields)
  const length = announced ?? plan.length
  // H7: no body after HEAD, 204 and 304; HEAD and 304 may say how long it would have been.
  const hasBody = !bodiless && method !== 'HEAD'
  if (hasBody && announced !== undefined && plan.length !== undefined && announced !== plan.length)
    throw new GyreError('GYRE_LENGTH_MISMATCH', `Content-Length is ${announced}, and the body has ${plan.length} bytes`)

  const framing: ResponseFraming = bodiless
    ? 'none'
    : length !== undefined
      ? 'length'
      : minor === 1
        ? 'chunked'
        : 'close'
  const wanted = plan.keepAlive && !(fields !== null && asksToClose(fields))
  const keepAlive = wanted && (framing !== 'close' || !hasBody)

  let text = statusLine(status, plan.reason)
  if (fields === null || !fields.has('date')) text += plan.date
  if (plan.contentType !== '' && !bodiless && (fields === null || !fields.has('content-type')))
    text += `Content-Type: ${checkedText('Content-Type', plan.contentType)}\r\n`
  if (fields !== null) text += fieldLines(fields)
  if (framing === 'length') text += `Content-Length: ${String(length)}\r\n`
  else if (framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
  // On 304 the length is that of what was not sent, and only the handler knows it (RFC 9110 section 8.6).
  else if (status === NOT_MODIFIED && announced !== undefined) text += `Content-Length: ${announced}\r\n`
  // RFC 9110 section 15.3.6: a 205 has no content, and its framing has to say so.
  else if (status === RESET_CONTENT) text += 'Content-Length: 0\r\n'
  if (!keepAlive) text += 'Connection: close\r\n'
  // RFC 9112 appendix C.2.2: an HTTP/1.0 client is told when the connection goes on.
  else if (minor === 0) text += 'Connection: keep-alive\r\n'
  return { text: `${text}\r\n`, status, framing, hasBody, length: framing === 'length' ? length : undefined, keepAlive }
}

function fieldLines(fields: ResponseFields): string {
  let text = ''
  for (let at = 0; at < fields.count; at++) {
    const name = fields.nameAt(at)
    if (!isOurs(name)) text += `${name}: ${fields.valueAt(at)}\r\n`
  }
  return text
}

/** Framing and the fate of the connection are written by us; what the handler has set was taken as a wish. */
function isOurs(name: string): boolean {
  switch (name.length) {
    case 10:
      return sameName(name, 'connection') || sameName(name, 'keep-alive')
    case 14:
      return sameName(name, 'content-length')
    case 17:
      return sameName(name, 'transfer-encoding')
    default:
      return false
  }
}

function announcedLength(fields: ResponseFields): number | undefined {
  if (fields.has('transfer-encoding'))
    throw new GyreError('GYRE_BAD_HEADER', 'Transfer-Encoding is for the server to set')
  const text = fields.get('content-length')
  if (text === undefined) return undefined
  const length = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(length))
    throw new GyreError('GYRE_BAD_HEADER', 'the value of Content-Length is not a number of bytes')
  return length
}

function asksToClose(fields: ResponseFields): boolean {
  return (
    fields
      .get('connection')
      ?.toLowerCase()
      .split(',')
      .some((token) => token.trim() === 'close') ?? false
  )
}
