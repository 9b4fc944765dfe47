/*
 * start_response: takes an application's status and headers, checks them while the application still
 * runs (W12), and keeps the rules of when it may be called (W14, W15).
 */
import { GyreError, LIMITS } from '../base/index.ts'
import type { Response } from '../server/index.ts'
import type { StartResponse, WriteChunk } from './types.ts'

/** RFC 9110 section 15 for the code; the reason is text without control characters. */
const STATUS = /^([2-5]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/

/** RFC 9110 section 7.6.1: these are about the connection, which is not the application's (W13). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
])

/** The names checked last. Applications set the same few again and again. */
const allowedNames = new Set<string>()
const ALLOWED_NAMES = 256

export class Starter {
  /** True once start_response was called. */
  started = false
  /** What was given to `write`, in order, and not sent yet. */
  readonly written: Uint8Array[] = []
  private readonly response: Response
  private writtenBytes = 0

  constructor(response: Response) {
    this.response = response
  }

  /** What the application is handed. */
  readonly startResponse: StartResponse = (status, headers, error) => {
    const { response } = this
    if (this.started) {
      // W14: without an error to report, a second call is a fault, even if the first one threw.
      if (error === undefined || error === null) throw failed('start_response was called twice')
      // W15: it is too late to replace what was sent, or given to write(), which counts as sent; the first error goes on.
      if (response.stage !== 'open' || this.writtenBytes > 0) throw errorOf(error)
    }
    this.started = true
    const parts = typeof status === 'string' ? STATUS.exec(status) : null
    if (parts === null) throw failed(`the status must be like "200 OK", not ${JSON.stringify(status)}`)
    if (!Array.isArray(headers)) throw failed('the headers must be an array of pairs')
    response.status = Number(parts[1])
    response.reason = parts[2]
    response.headers.clear()
    for (const pair of headers as readonly unknown[]) this.addHeader(pair)
    return this.write
  }

  private readonly write: WriteChunk = (chunk) => {
    mustBeBytes(chunk)
    this.writtenBytes += chunk.length
    // The application runs on the loop and cannot be made to wait, so what it writes lies in memory.
    if (this.writtenBytes > LIMITS.bodyBytes.value * WRITE_ALLOWANCE)
      throw new GyreError('GYRE_WSGI_APP', 'too much was given to write(): return an iterable instead')
    if (chunk.length > 0) this.written.push(Uint8Array.from(chunk))
  }

  private addHeader(pair: unknown): void {
    if (!Array.isArray(pair) || pair.length !== 2) throw failed('each header must be a pair of name and value')
    const [name, value] = pair as unknown[]
    if (typeof name !== 'string' || typeof value !== 'string')
      throw failed('names and values of headers must be strings')
    if (!allowedNames.has(name)) {
      if (HOP_BY_HOP.has(name.toLowerCase())) throw failed(`${name} is about the connection: the server sets it`)
      if (allowedNames.size < ALLOWED_NAMES) allowedNames.add(name)
    }
    this.response.headers.append(name, value)
  }
}

const WRITE_ALLOWANCE = 64

/** @throws GyreError `GYRE_WSGI_CHUNK` */
export function mustBeBytes(chunk: unknown): asserts chunk is Uint8Array {
  if (!(chunk instanceof Uint8Array))
    throw new GyreError('GYRE_WSGI_CHUNK', `a chunk must be bytes, not ${typeof chunk}`)
}

function failed(detail: string): GyreError {
  return new GyreError('GYRE_WSGI_START', detail)
}

/** Python hands (type, value, traceback); here the error itself, or a triple with it in the middle. */
function errorOf(error: unknown): unknown {
  return Array.isArray(error) && error.length === 3 ? (error[1] as unknown) : error
}
