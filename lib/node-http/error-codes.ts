/*
 * What Node calls the errors that 'clientError' is emitted with, and what it answers where nobody listens.
 */
import type { GyreError } from '../base/index.ts'
import type { Refused } from '../server/index.ts'

/** An error as listeners of 'clientError' know it. */
export interface ClientError extends Error {
  code: string
  /** How many bytes the parser had taken. */
  bytesParsed?: number
  /** What had come. */
  rawPacket?: Buffer
  reason?: string
}

/** What llhttp says is wrong, and its name for that; the first that is part of the sentence. */
const NAMES: readonly (readonly [part: string, code: string])[] = [
  ['extensions', 'HPE_CHUNK_EXTENSIONS_OVERFLOW'],
  ["Transfer-Encoding can't", 'HPE_INVALID_TRANSFER_ENCODING'],
  ["Content-Length can't", 'HPE_UNEXPECTED_CONTENT_LENGTH'],
  ['Duplicate Content-Length', 'HPE_UNEXPECTED_CONTENT_LENGTH'],
  ['Content-Length', 'HPE_INVALID_CONTENT_LENGTH'],
  ['Transfer-Encoding', 'HPE_INVALID_TRANSFER_ENCODING'],
  ['method', 'HPE_INVALID_METHOD'],
  ['chunk', 'HPE_INVALID_CHUNK_SIZE'],
  ['url', 'HPE_INVALID_URL'],
  ['target', 'HPE_INVALID_URL'],
  ['version', 'HPE_INVALID_VERSION'],
  ['LF', 'HPE_LF_EXPECTED'],
  ['CR', 'HPE_CR_EXPECTED'],
  ['Expected', 'HPE_INVALID_CONSTANT'],
]

function codeOf(error: GyreError): string {
  switch (error.code) {
    case 'GYRE_HEAD_TOO_LARGE':
    case 'GYRE_TARGET_TOO_LONG':
    case 'GYRE_FIELD_TOO_LARGE':
    case 'GYRE_TOO_MANY_FIELDS':
    case 'GYRE_TRAILERS_TOO_LARGE':
      return 'HPE_HEADER_OVERFLOW'
    case 'GYRE_HEAD_TIMEOUT':
    case 'GYRE_BODY_TIMEOUT':
    case 'GYRE_BODY_TOO_SLOW':
      return 'ERR_HTTP_REQUEST_TIMEOUT'
    case 'GYRE_BODY_TRUNCATED':
    case 'GYRE_PEER_GONE':
      return 'HPE_INVALID_EOF_STATE'
    case 'GYRE_BAD_TARGET':
      return 'HPE_INVALID_URL'
    case 'GYRE_UNKNOWN_VERSION':
      return 'HPE_INVALID_VERSION'
    case 'GYRE_UNKNOWN_CODING':
      return 'HPE_INVALID_TRANSFER_ENCODING'
    case 'GYRE_BODY_TOO_LARGE':
      return 'HPE_CHUNK_EXTENSIONS_OVERFLOW'
    default:
      return NAMES.find(([part]) => error.message.includes(part))?.[1] ?? 'HPE_INVALID_HEADER_TOKEN'
  }
}

/** @param seen - what had come, as far as it is known */
export function clientErrorOf(error: GyreError, seen: Refused | null): ClientError {
  const code = codeOf(error)
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return withCode(new Error('Request timeout'), code)
  const told = withCode(new Error(`Parse Error: ${error.message}`, { cause: error }), code)
  told.reason = error.message
  told.bytesParsed = seen?.parsed ?? 0
  if (seen !== null) told.rawPacket = seen.bytes
  return told
}

function withCode(error: Error, code: string): ClientError {
  return Object.assign(error, { code })
}

const ANSWERS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** @returns the answer that Node gives, without its first word */
export function answerTo({ code }: ClientError): string {
  return `${ANSWERS[code] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`
}
