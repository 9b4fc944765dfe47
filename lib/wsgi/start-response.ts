/*
 * start_response: takes an application's status and headers, checks them while the application still
 * runs (W12), and keeps the rules of when it may be called (W14, W15) and how much may follow (W23).
 */
import { GyreError, LIMITS } from '../base/index.ts'
import { sameName } from '../protocol/index.ts'
import type { ResponseFields } from '../protocol/index.ts'
import { isHopByHop } from './hop-by-hop.ts'
import type { StartResponse, WriteChunk } from './types.ts'

/** RFC 9110 section 15 for the code; the reason is text without control characters. */
const STATUS = /^([2-5]\d\d) ([\x20-\x7e\x80-\xff]*)$/
const DIGITS = /^\d+$/
const CONTENT_LENGTH = 'content-length'

/** Most answers have the status that the last one had. */
let lastStatus = { text: '200 OK', code: 200, reason: 'OK' }

function readStatus(text: unknown): typeof lastStatus {
  const parts = typeof text === 'string' ? STATUS.exec(text) : null
  if (parts === null) throw failed(`the status must be like "200 OK", not ${JSON.stringify(text)}`)
  return (lastStatus = { text: parts[0], code: Number(parts[1]), reason: parts[2] as string })
}

/** The names checked last. Applications set the same few again and again. */
const allowedNames = new Set<string>()
const ALLOWED_NAMES = 256

/** The head that is made: a Response, or what a thread will tell of one. */
export interface Head {
  status: number
  reason: string | undefined
  readonly headers: ResponseFields
  /** `open` as long as nothing was sent. */
  readonly stage: 'open' | 'started' | 'ended'
}

export class Starter {
  /** True once start_response has been called, and has not thrown. */
  accepted = false
  /** True once the request is over: an application that has kept `write` must not reach another's answer. */
  over = false
  /** What was given to `write`, in order, and not sent yet. */
  written: Uint8Array[] = []
  protected readonly head: Head
  private called = false
  /** What was set before the application was called, by a handler around it. */
  private outer: Pairs = NONE
  /** Bytes in `written`. */
  private held = 0
  /** What Content-Length says; Infinity where there is none. */
  private announced = Infinity
  /** Bytes of the body so far. */
  private counted = 0
  private wrote = false

  constructor(head: Head) {
    this.head = head
  }

  /** What the application is handed. */
  readonly startResponse: StartResponse = (status, headers, error) => {
    const { head } = this
    if (this.called) {
      // W14: without an error to report, a second call is a fault, even if the first one threw.
      if (error === undefined || error === null) throw failed('start_response was called twice')
      // W15: it is too late to replace what was sent, or given to write(), which counts as sent; the first error goes on.
      if (head.stage !== 'open' || this.wrote) throw errorOf(error)
      head.headers.clear()
    } else this.outer = takeAll(head.headers)
    this.called = true
    this.accepted = false
    const { code, reason } = status === lastStatus.text ? lastStatus : readStatus(status)
    if (!Array.isArray(headers)) throw failed('the headers must be an array of pairs')
    head.status = code
    head.reason = reason
    this.announced = Infinity
    for (const pair of headers as readonly unknown[]) this.addHeader(pair)
    giveBack(head.headers, this.outer)
    this.accepted = true
    return this.write
  }

  /**
   * What may be sent of a chunk of the body (W23): all of it, or as much as Content-Length leaves room for.
   *
   * @returns an empty chunk where nothing may follow any more
   */
  cut(chunk: Uint8Array): Uint8Array {
    const room = this.announced - this.counted
    if (chunk.length <= room) {
      this.counted += chunk.length
      return chunk
    }
    this.counted = this.announced
    return chunk.subarray(0, room)
  }

  /** How many bytes of the body are still to come; Infinity where the application has not said how long it is. */
  get room(): number {
    return this.announced - this.counted
  }

  /** Counts what was sent without being cut. */
  count(bytes: number): void {
    this.counted += bytes
  }

  private readonly write: WriteChunk = (chunk) => {
    mustBeBytes(chunk)
    if (this.over) throw new GyreError('GYRE_RESPONSE_ENDED')
    if (chunk.length === 0) return
    if (this.counted + chunk.length > this.announced)
      throw new GyreError('GYRE_LENGTH_MISMATCH', `Content-Length is ${this.announced}, and more was given to write()`)
    this.counted += chunk.length
    this.wrote = true
    this.deliver(chunk)
  }

  /** Takes what was given to `write`. The application runs on the loop and cannot be made to wait, so it lies in memory. */
  protected deliver(chunk: Uint8Array): void {
    this.held += chunk.length
    if (this.held > LIMITS.outputBytes.value)
      throw new GyreError('GYRE_OUTPUT_TOO_LARGE', 'too much was given to write(): return an iterable instead')
    this.written.push(Buffer.from(chunk))
  }

  /** @returns what was given to `write` and is to be sent now */
  takeWritten(): readonly Uint8Array[] {
    const { written } = this
    if (written.length === 0) return NOTHING
    this.written = []
    this.held = 0
    return written
  }

  private addHeader(pair: unknown): void {
    if (!Array.isArray(pair) || pair.length !== 2) throw failed('each header must be a pair of name and value')
    const name: unknown = pair[0]
    const value: unknown = pair[1]
    if (typeof name !== 'string' || typeof value !== 'string')
      throw failed('names and values of headers must be strings')
    if (!allowedNames.has(name)) {
      // RFC 9110 section 7.6.1: these are about the connection, which is not the application's (W13).
      if (isHopByHop(name)) throw failed(`${name} is about the connection: the server sets it`)
      if (name.toLowerCase() === 'status') throw failed('Status is no header: it is the first argument')
      if (name.length === CONTENT_LENGTH.length && name.toLowerCase() === CONTENT_LENGTH) this.announce(value)
      else if (allowedNames.size < ALLOWED_NAMES) allowedNames.add(name)
    }
    this.head.headers.append(name, value)
  }

  private announce(value: string): void {
    const length = Number(value)
    if (!DIGITS.test(value) || !Number.isSafeInteger(length)) throw failed('Content-Length must be a number of bytes')
    if (this.announced !== Infinity && this.announced !== length) throw failed('Content-Length is set twice')
    this.announced = length
  }
}

/** W20. @throws GyreError `GYRE_WSGI_CHUNK` */
export function mustBeBytes(chunk: unknown): asserts chunk is Uint8Array {
  if (!(chunk instanceof Uint8Array))
    throw new GyreError('GYRE_WSGI_CHUNK', `a chunk must be bytes, not ${typeof chunk}`)
}

/**
 * W17: the head must be known by the first chunk, or by the end; a call that threw has made none.
 *
 * @throws GyreError `GYRE_WSGI_START`
 */
export function mustHaveStarted(starter: Starter): void {
  if (!starter.accepted)
    throw failed('start_response was not called, or threw and was not called again with that error')
}

type Pairs = readonly (readonly [name: string, value: string])[]
const NONE: Pairs = []
const NOTHING: readonly Uint8Array[] = []

/** Takes out what is there of header fields. */
export function takeAll(headers: ResponseFields): Pairs {
  if (headers.count === 0) return NONE
  const all = [...headers]
  headers.clear()
  return all
}

/**
 * Puts back what a handler around the application has set, where the application has not set that field itself.
 * Cookies are not one another's.
 */
export function giveBack(headers: ResponseFields, outer: Pairs): void {
  if (outer.length === 0) return
  const kept = outer.filter(([name]) => sameName(name, 'set-cookie') || !headers.has(name))
  for (const [name, value] of kept) headers.append(name, value)
}

function failed(detail: string): GyreError {
  return new GyreError('GYRE_WSGI_START', detail)
}

/** Python hands (type, value, traceback); here the error itself, or a triple with it in the middle. */
function errorOf(error: unknown): unknown {
  return Array.isArray(error) && error.length === 3 ? (error[1] as unknown) : error
}
