/*
 * The response as a handler writes it, whatever front door it goes out through.
 *
 * Either in one piece: `text`, `html`, `json`, `bytes`, `redirect`. Such a call only takes note; the
 * answer leaves when the handler has returned, so these never block and are not yielded.
 * Or as a stream: `yield* write(chunk)` sends the head with the first chunk and waits for the client
 * where it is slow. Returning from the handler ends the response.
 */
import { GyreError } from '../base/index.ts'
import { Awaitable } from '../kernel/index.ts'
import type { Coroutine, Kernel, Scope } from '../kernel/index.ts'
import { ResponseFields } from '../protocol/index.ts'

/** What a body is made of: text (as UTF-8) or bytes. */
export type Payload = string | Uint8Array

/** Where a response goes: the front door. */
export interface ResponseSink {
  readonly kernel: Kernel
  /** The scope of the exchange: writing ends with it. */
  readonly scope: Scope | null
  /** Sends the head, if it was not sent yet, and a chunk of the body. */
  sendChunk(response: Response, chunk: Payload): Coroutine<void>
}

/** How far a response has come. */
export type ResponseStage = 'open' | 'started' | 'ended'

const TEXT = 'text/plain; charset=utf-8'
const HTML = 'text/html; charset=utf-8'
const JSON_TYPE = 'application/json'
const OK = 200
const FOUND = 302

/** One response. */
export class Response {
  /** The status code, from 200 to 599. */
  status: number = OK
  /** The reason phrase, where it is not the usual one of the status. */
  reason: string | undefined = undefined
  /** `started` once the head is sent, `ended` once nothing may be added. */
  stage: ResponseStage = 'open'
  /** The body of an answer in one piece, or the last piece of a stream. For front doors. */
  payload: Payload = ''
  /** The Content-Type, where the handler has not set that field itself. For front doors. */
  contentType = ''
  private readonly sink: ResponseSink
  private fields: ResponseFields | null = null

  constructor(sink: ResponseSink) {
    this.sink = sink
  }

  /** The header fields to send. Date, and what frames the body, are added where you do not set them. */
  get headers(): ResponseFields {
    this.fields ??= new ResponseFields()
    return this.fields
  }

  /** The header fields, where the handler has set any. For front doors. */
  get ownHeaders(): ResponseFields | null {
    return this.fields
  }

  /** Answers with text. @param status - 200 without it */
  text(text: string, status?: number): void {
    this.answer(text, TEXT, status)
  }

  /** Answers with a page. @param status - 200 without it */
  html(markup: string, status?: number): void {
    this.answer(markup, HTML, status)
  }

  /** Answers with a value as JSON. @param status - 200 without it */
  json(value: unknown, status?: number): void {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined) throw new TypeError(`response.json() cannot send ${typeof value}: JSON has no such value`)
    this.answer(text, JSON_TYPE, status)
  }

  /** Answers with bytes, as `application/octet-stream` unless Content-Type is set. @param status - 200 without it */
  bytes(bytes: Uint8Array, status?: number): void {
    this.answer(bytes, 'application/octet-stream', status)
  }

  /**
   * Sends the client elsewhere.
   *
   * @param location - a URI reference (RFC 9110 section 10.2.2)
   * @param status - 302 without it; 301, 303, 307 and 308 are the others
   */
  redirect(location: string, status: number = FOUND): void {
    this.headers.set('Location', location)
    this.answer(`${status} see ${location}\n`, TEXT, status)
  }

  /**
   * Sends a chunk of the body, and waits until the connection has taken it. `yield*` or await it: by
   * itself the call does nothing.
   *
   * @throws GyreError `GYRE_PEER_GONE`, `GYRE_RESPONSE_ENDED`, `GYRE_LENGTH_MISMATCH`
   * @example
   * ```ts
   * for (const line of lines) yield* response.write(`${line}\n`)
   * ```
   */
  write(chunk: Payload): Awaitable<void> {
    return new WriteChunk(this.sink, this, chunk)
  }

  /**
   * Ends the response, with a last chunk if there is one. Returning from the handler does the same
   * without one. Never blocks: the chunk leaves when the handler has returned.
   */
  end(chunk: Payload = ''): void {
    this.mustNotBeEnded()
    this.payload = chunk
    this.stage = 'ended'
  }

  /** @throws GyreError `GYRE_RESPONSE_ENDED` once nothing may be added */
  mustNotBeEnded(): void {
    if (this.stage === 'ended') throw new GyreError('GYRE_RESPONSE_ENDED')
  }

  private answer(payload: Payload, contentType: string, status: number | undefined): void {
    if (this.stage !== 'open') {
      this.mustNotBeEnded()
      throw new GyreError('GYRE_RESPONSE_STARTED')
    }
    if (status !== undefined) this.status = status
    this.contentType = contentType
    this.payload = payload
    this.stage = 'ended'
  }
}

class WriteChunk extends Awaitable<void> {
  protected readonly kernel: Kernel
  protected readonly scope: Scope | null
  private readonly sink: ResponseSink
  private readonly response: Response
  private readonly chunk: Payload

  constructor(sink: ResponseSink, response: Response, chunk: Payload) {
    super()
    this.kernel = sink.kernel
    this.scope = sink.scope
    this.sink = sink
    this.response = response
    this.chunk = chunk
  }

  *[Symbol.iterator](): Coroutine<void> {
    this.response.mustNotBeEnded()
    if (this.chunk.length > 0) yield* this.sink.sendChunk(this.response, this.chunk)
  }
}
