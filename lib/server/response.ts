/*
 * The response as a handler writes it, whatever front door it goes out through.
 *
 * Either in one piece: `text`, `html`, `json`, `bytes`, `redirect`. Such a call only takes note; the
 * answer leaves when the handler has returned, so these never block and are not yielded.
 * Or as a stream: `yield* write(chunk)` sends the head with the first chunk and waits for the client
 * where it is slow. Returning from the handler ends the response.
 */
import { GyreError } from '../base/index.ts'
import type { ByteStream, SendableFile } from '../io/index.ts'
import { Awaitable } from '../kernel/index.ts'
import type { Coroutine, Kernel, Scope } from '../kernel/index.ts'
import { ResponseFields } from '../protocol/index.ts'
import type { FieldValue } from '../protocol/index.ts'
import type { Takeover } from './takeover.ts'

/** What a body is made of: text (as UTF-8) or bytes. */
export type Payload = string | Uint8Array

/** Where a response goes: the front door. */
export interface ResponseSink {
  readonly kernel: Kernel
  /** The scope of the exchange: writing ends with it. */
  readonly scope: Scope | null
  /** Sends the head, if it was not sent yet, and a chunk of the body. */
  sendChunk(response: Response, chunk: Payload): Coroutine<void>
  /** Sends the head, if it was not sent yet, and a part of a file. @returns how many bytes */
  sendFile(response: Response, file: SendableFile, position: number, length: number): Coroutine<number>
  /** Sends an interim answer, where the client can read one. */
  sendInterim(response: Response, status: InterimStatus, fields: ResponseFields): Coroutine<void>
  /** Answers with 101, or 2xx to CONNECT, and hands the connection over. */
  upgrade(response: Response, protocol: string): Coroutine<ByteStream>
  /** Leaves the answer to a dialect that writes it byte by byte. */
  takeOver(): Takeover
}

/** 102 Processing (RFC 2518 section 10.1), 103 Early Hints (RFC 8297). A 100 is sent by reading the body. */
export type InterimStatus = 102 | 103

/** How far a response has come. */
export type ResponseStage = 'open' | 'started' | 'ended'

const TEXT = 'text/plain; charset=utf-8'
const HTML = 'text/html; charset=utf-8'
const JSON_TYPE = 'application/json'
const OK = 200
const FOUND = 302

/**
 * One response.
 *
 * @example
 * ```ts
 * const answer = await inject((_request, response) => {
 *   response.headers.set('Location', '/notes/1')
 *   response.json({ id: 1 }, 201)
 * })
 * console.log(answer.status, answer.headers.get('location'), answer.text()) // 201 /notes/1 {"id":1}
 * ```
 */
export class Response {
  /** The status code, from 200 to 599. */
  status: number = OK
  /** The reason phrase, where it is not the usual one of the status. */
  reason: string | undefined = undefined
  /** `started` once the head is sent, `ended` once nothing may be added. */
  stage: ResponseStage = 'open'
  /** The body of an answer in one piece, or the last piece of a stream. For front doors. @internal */
  payload: Payload = ''
  /** The Content-Type, where the handler has not set that field itself. For front doors. @internal */
  contentType = ''
  private readonly sink: ResponseSink
  private fields: ResponseFields | null = null
  private trailerFields: ResponseFields | null = null

  /** For front doors alone. @internal */
  constructor(sink: ResponseSink) {
    this.sink = sink
  }

  /** The header fields to send. Date, and what frames the body, are added where you do not set them. */
  get headers(): ResponseFields {
    this.fields ??= new ResponseFields()
    return this.fields
  }

  /** The header fields, where the handler has set any. For front doors. @internal */
  get ownHeaders(): ResponseFields | null {
    return this.fields
  }

  /**
   * Fields to send after the body (RFC 9110 section 6.5). They go out where the body is sent in chunks: a
   * streamed answer of unknown length, to an HTTP/1.1 client. A client may drop them.
   */
  get trailers(): ResponseFields {
    this.trailerFields ??= new ResponseFields()
    return this.trailerFields
  }

  /** The trailer fields, where the handler has set any. For front doors. @internal */
  get ownTrailers(): ResponseFields | null {
    return this.trailerFields
  }

  /**
   * Answers with text.
   *
   * @param text - sent as UTF-8, as `text/plain` unless Content-Type is set
   * @param status - 200 without it
   * @throws GyreError `GYRE_RESPONSE_STARTED`, `GYRE_RESPONSE_ENDED`, `GYRE_BAD_PAYLOAD`
   */
  text(text: string, status?: number): void {
    this.answer(text, TEXT, status)
  }

  /**
   * Answers with a page.
   *
   * @param markup - sent as UTF-8, as `text/html` unless Content-Type is set
   * @param status - 200 without it
   * @throws GyreError as `text`
   */
  html(markup: string, status?: number): void {
    this.answer(markup, HTML, status)
  }

  /**
   * Answers with a value as JSON.
   *
   * @param value - what `JSON.stringify` takes
   * @param status - 200 without it
   * @throws GyreError as `text`; TypeError for what JSON does not have
   */
  json(value: unknown, status?: number): void {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined) throw new TypeError(`response.json() cannot send ${typeof value}: JSON has no such value`)
    this.answer(text, JSON_TYPE, status)
  }

  /**
   * Answers with bytes, as `application/octet-stream` unless Content-Type is set.
   *
   * @param bytes - must not be changed afterwards
   * @param status - 200 without it
   * @throws GyreError as `text`
   */
  bytes(bytes: Uint8Array, status?: number): void {
    this.answer(bytes, 'application/octet-stream', status)
  }

  /**
   * Sends the client elsewhere.
   *
   * @param location - a URI reference (RFC 9110 section 10.2.2)
   * @param status - 302 without it; 301, 303, 307 and 308 are the others
   * @throws GyreError as `text`; `GYRE_BAD_HEADER`
   */
  redirect(location: string, status: number = FOUND): void {
    this.headers.set('Location', location)
    this.answer(`${status} see ${location}\n`, TEXT, status)
  }

  /**
   * Sends a chunk of the body, and waits until the connection has taken it. `yield*` or await it: by
   * itself the call does nothing.
   *
   * @param chunk - text, sent as UTF-8, or bytes
   * @throws GyreError `GYRE_PEER_GONE`, `GYRE_RESPONSE_ENDED`, `GYRE_LENGTH_MISMATCH`
   * @example
   * ```ts
   * const answer = await inject(function* (_request, response) {
   *   for (const name of ['ada', 'bob']) yield* response.write(`${name} `)
   * })
   * console.log(answer.text(), answer.headers.get('transfer-encoding')) // ada bob  chunked
   * ```
   */
  write(chunk: Payload): Awaitable<void> {
    mustBePayload(chunk)
    return new ResponseCall(this.sink, () => this.sendChunk(chunk))
  }

  /**
   * Sends a part of an open file as the next part of the body, past this process where the connection can do that.
   * `yield*` or await it. Set Content-Length first: of an answer of unknown length nothing is sent this way.
   *
   * @param file - must stay open meanwhile
   * @param position - bytes from the beginning of the file
   * @param length - how many bytes
   * @returns how many bytes were sent; fewer than asked for, or none, where the rest is to be read and written
   * @throws GyreError as `write`
   * @example
   * ```ts
   * const file = DiskFile.temporary()
   * file.write(Buffer.from('of a file'))
   * const answer = await inject(function* (_request, response) {
   *   response.headers.set('Content-Length', 9)
   *   file.seek(yield* response.writeFile(file, 0, 9))
   *   yield* response.write(file.read())
   * })
   * console.log(answer.text()) // of a file
   * ```
   */
  writeFile(file: SendableFile, position: number, length: number): Awaitable<number> {
    return new ResponseCall(this.sink, () => this.sink.sendFile(this, file, position, length))
  }

  /**
   * Sends an interim answer before the final one: 103 with `Link` fields lets a browser fetch what the page
   * will need. `yield*` or await it. An HTTP/1.0 client is sent nothing (RFC 9110 section 15.2).
   *
   * @param status - 103, or 102
   * @param fields - header fields of the interim answer alone
   * @throws GyreError `GYRE_RESPONSE_STARTED` once the final head is sent; `GYRE_BAD_HEADER`
   * @example
   * ```ts
   * const answer = await inject(function* (_request, response) {
   *   yield* response.interim(103, { Link: '</style.css>; rel=preload; as=style' })
   *   response.html('<link rel=stylesheet href=style.css>')
   * })
   * console.log(answer.interim.map(({ status }) => status), answer.status) // 103 200
   * ```
   */
  interim(status: InterimStatus, fields: Readonly<Record<string, FieldValue>> = {}): Awaitable<void> {
    const checked = new ResponseFields()
    for (const [name, value] of Object.entries(fields)) checked.set(name, value)
    return new ResponseCall(this.sink, () => this.sink.sendInterim(this, status, checked))
  }

  /**
   * Leaves HTTP: answers with `101 Switching Protocols` and the header fields that are set, and hands over the
   * connection. `yield*` or await it. The stream is yours until the handler returns, and is closed then. To
   * CONNECT it answers with 200, and `protocol` is `''`.
   *
   * Nobody else watches the stream any more: times, limits and what a hang-up means are yours.
   *
   * @param protocol - one of those that the client asks for, such as `websocket`
   * @returns the stream; what the client has sent already is read first
   * @throws GyreError `GYRE_NO_UPGRADE` (426) where the client has not asked for it; `GYRE_RESPONSE_STARTED`
   * @example
   * ```ts
   * const server = createServer(function* (_request, response) {
   *   const stream = yield* response.upgrade('echo')
   *   yield* copy(stream, stream)
   * })
   * const [client, serverEnd] = memoryPair()
   * server.serve(serverEnd)
   * const stream = new BufferedStream(client)
   * yield* stream.writeAll('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello\n')
   * console.log(String(yield* stream.readUntil('\r\n')).trim()) // HTTP/1.1 101 Switching Protocols
   * yield* stream.readUntil('\r\n\r\n')
   * console.log(yield* stream.readLine()) // hello
   * stream.close()
   * ```
   * @see RFC 9110 section 7.8
   */
  upgrade(protocol: string): Awaitable<ByteStream> {
    return new ResponseCall(this.sink, () => this.sink.upgrade(this, protocol))
  }

  /**
   * Ends the response, with a last chunk if there is one. Returning from the handler does the same
   * without one. Never blocks: the chunk leaves when the handler has returned.
   *
   * @param chunk - text, sent as UTF-8, or bytes
   * @throws GyreError `GYRE_RESPONSE_ENDED`, `GYRE_BAD_PAYLOAD`
   */
  end(chunk: Payload = ''): void {
    mustBePayload(chunk)
    this.mustNotBeEnded()
    this.payload = chunk
    this.stage = 'ended'
  }

  /** @internal Leaves the answer to a dialect whose own classes write it. @throws GyreError as `mustBeOpen` */
  takeOver(): Takeover {
    this.mustBeOpen()
    this.stage = 'ended'
    return this.sink.takeOver()
  }

  /** @internal @throws GyreError `GYRE_RESPONSE_ENDED` once nothing may be added */
  mustNotBeEnded(): void {
    if (this.stage === 'ended') throw new GyreError('GYRE_RESPONSE_ENDED')
  }

  /** @internal @throws GyreError once the head is sent, or the answer is made */
  mustBeOpen(): void {
    if (this.stage === 'open') return
    this.mustNotBeEnded()
    throw new GyreError('GYRE_RESPONSE_STARTED')
  }

  private answer(payload: Payload, contentType: string, status: number | undefined): void {
    mustBePayload(payload)
    this.mustBeOpen()
    if (status !== undefined) this.status = status
    this.contentType = contentType
    this.payload = payload
    this.stage = 'ended'
  }

  private *sendChunk(chunk: Payload): Coroutine<void> {
    this.mustNotBeEnded()
    if (chunk.length > 0) yield* this.sink.sendChunk(this, chunk)
  }
}

/** Callers without types send numbers and ArrayBuffers, which would be framed as something else than they are. */
function mustBePayload(payload: unknown): asserts payload is Payload {
  if (typeof payload !== 'string' && !(payload instanceof Uint8Array))
    throw new GyreError('GYRE_BAD_PAYLOAD', `a body is text or a Uint8Array, not ${typeName(payload)}`)
}

function typeName(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? ((value.constructor as { name?: string } | undefined)?.name ?? 'an object')
    : typeof value
}

/** Something that a response does when it is run: `yield*` it in a task, await it in an async function. */
class ResponseCall<T> extends Awaitable<T> {
  protected readonly kernel: Kernel
  protected readonly scope: Scope | null
  private readonly work: () => Coroutine<T>

  constructor(sink: ResponseSink, work: () => Coroutine<T>) {
    super()
    this.kernel = sink.kernel
    this.scope = sink.scope
    this.work = work
  }

  [Symbol.iterator](): Coroutine<T> {
    return this.work()
  }
}
