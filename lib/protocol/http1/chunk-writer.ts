/*
 * Writing the chunked transfer coding (RFC 9112 section 7.1).
 */
import { GyreError } from '../../base/index.ts'
import { mayTrail } from '../policy.ts'
import type { ResponseFields } from './fields.ts'

/**
 * What comes before a chunk: its length, in hexadecimal (RFC 9112 section 7.1).
 *
 * @param length - of the chunk, in bytes; 0 would be the end of the body
 * @returns the line, with its end
 * @example
 * ```ts
 * const chunk = Buffer.from('bread and milk')
 * console.log(JSON.stringify(`${chunkHead(chunk.length)}${chunk}\r\n${LAST_CHUNK}`)) // "e\r\nbread and milk\r\n0\r\n\r\n"
 * ```
 */
export function chunkHead(length: number): string {
  return `${length.toString(16)}\r\n`
}

/** The end of a chunked body that has no trailer. */
export const LAST_CHUNK = '0\r\n\r\n'

/**
 * The end of a chunked body, with trailer fields. Names and values were checked when they were set.
 *
 * @param trailers - sent in their order
 * @throws GyreError `GYRE_BAD_HEADER` for a name that must not stand in trailers (RFC 9110 section 6.5.1)
 * @example
 * ```ts
 * const trailers = new ResponseFields()
 * trailers.set('Server-Timing', 'db;dur=53')
 * console.log(JSON.stringify(lastChunk(trailers))) // "0\r\nServer-Timing: db;dur=53\r\n\r\n"
 * ```
 */
export function lastChunk(trailers: ResponseFields): string {
  let text = '0\r\n'
  for (const [name, value] of trailers) {
    if (!mayTrail(name)) throw new GyreError('GYRE_BAD_HEADER', `${name} cannot be sent behind the body`)
    text += `${name}: ${value}\r\n`
  }
  return `${text}\r\n`
}
