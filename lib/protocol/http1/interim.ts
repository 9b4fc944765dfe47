/*
 * Heads that no body follows and no framing field belongs to: interim answers, and the two answers after which
 * the connection speaks something other than HTTP/1.1.
 *
 * A Content-Length or Transfer-Encoding in one of these is what some client will believe (RFC 9110 sections 8.6 and
 * 9.3.6, RFC 9112 section 6.1), so they are refused and not left out: whoever set them meant a body that nobody would
 * get. What is said of the connection is written here. Names and values were checked when they were set.
 */
import { GyreError } from '../../base/index.ts'
import { sameName } from './fields.ts'
import type { ResponseFields } from './fields.ts'
import { statusLine } from './writer.ts'

const CONTINUE = 100
const SWITCHING_PROTOCOLS = 101
const PROCESSING = 102
const EARLY_HINTS = 103

/** What frames a body, and what concerns the connection. */
const NOT_HERE = ['content-length', 'transfer-encoding', 'trailer', 'connection', 'keep-alive', 'upgrade']

function linesOf(fields: ResponseFields | null): string {
  let text = ''
  for (const [name, value] of fields ?? []) {
    if (NOT_HERE.some((other) => sameName(name, other)))
      throw new GyreError('GYRE_BAD_HEADER', `${name} has no place in an answer without a body`)
    text += `${name}: ${value}\r\n`
  }
  return text
}

/**
 * The head of an interim answer (RFC 9110 section 15.2): `100 Continue`, `102 Processing`, `103 Early Hints`. Any
 * number of them may go before the answer, and none to a client that speaks HTTP/1.0.
 *
 * @param status - 100, 102 or 103
 * @param fields - sent along, such as the Link fields of 103; null for none
 * @returns the head, with the empty line
 * @throws GyreError `GYRE_BAD_STATUS` for another status; `GYRE_BAD_HEADER` for a field that frames a body or concerns
 *   the connection
 * @example
 * ```ts
 * const fields = new ResponseFields()
 * fields.append('Link', '</style.css>; rel=preload; as=style')
 * console.log(interimHead(103, fields).split('\r\n')[0]) // HTTP/1.1 103 Early Hints
 * ```
 */
export function interimHead(status: number, fields: ResponseFields | null): string {
  if (status !== CONTINUE && status !== PROCESSING && status !== EARLY_HINTS)
    throw new GyreError('GYRE_BAD_STATUS', `${String(status)} is no interim answer; there are 100, 102 and 103`)
  return `${statusLine(status, undefined)}${linesOf(fields)}\r\n`
}

/** `protocol-name ["/" protocol-version]` (RFC 9110 section 7.8). */
const PROTOCOL = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?$/

/**
 * The head of the answer that switches to another protocol (RFC 9110 section 15.2.2). What follows it is that
 * protocol's.
 *
 * @param protocol - such as `websocket`
 * @param fields - sent along, such as `Sec-WebSocket-Accept`; null for none
 * @returns the head, with the empty line
 * @throws GyreError `GYRE_BAD_HEADER` for what is no name of a protocol, and for a field that frames a body or
 *   concerns the connection
 * @example
 * ```ts
 * console.log(upgradeHead('websocket', null).trim().split('\r\n').join(' | '))
 * // HTTP/1.1 101 Switching Protocols | Connection: upgrade | Upgrade: websocket
 * ```
 */
export function upgradeHead(protocol: string, fields: ResponseFields | null): string {
  if (typeof protocol !== 'string' || !PROTOCOL.test(protocol))
    throw new GyreError('GYRE_BAD_HEADER', `${JSON.stringify(protocol)} is not the name of a protocol`)
  const head = `${statusLine(SWITCHING_PROTOCOLS, undefined)}Connection: upgrade\r\nUpgrade: ${protocol}\r\n`
  return `${head}${linesOf(fields)}\r\n`
}

const LOWEST_SUCCESS = 200
const HIGHEST_SUCCESS = 299

/**
 * The head of the answer that turns a CONNECT into a tunnel (RFC 9110 section 9.3.6). What follows it is the
 * tunnel's. Other answers to CONNECT are made by `responseHead`, like any.
 *
 * @param status - from 200 to 299
 * @param fields - sent along; null for none
 * @param date - the line of the Date field
 * @returns the head, with the empty line
 * @throws GyreError `GYRE_BAD_STATUS`; `GYRE_BAD_HEADER` for a field that frames a body or concerns the connection
 * @example
 * ```ts
 * const head = connectHead(200, null, dateLine(784_111_777_000))
 * console.log(head.trim().split('\r\n').join(' | ')) // HTTP/1.1 200 OK | Date: Sun, 06 Nov 1994 08:49:37 GMT
 * ```
 */
export function connectHead(status: number, fields: ResponseFields | null, date: string): string {
  if (!(Number.isInteger(status) && status >= LOWEST_SUCCESS && status <= HIGHEST_SUCCESS))
    throw new GyreError('GYRE_BAD_STATUS', `${String(status)} opens no tunnel; it takes one from 200 to 299`)
  const ownDate = fields !== null && fields.has('date')
  return `${statusLine(status, undefined)}${ownDate ? '' : date}${linesOf(fields)}\r\n`
}
