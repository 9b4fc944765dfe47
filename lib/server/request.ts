/*
 * The request as a handler sees it, whatever front door it came through.
 *
 * Nothing is worked out before it is asked for: path and query are cut from the target, header strings
 * from the head, the addresses asked of the operating system, when somebody first reads them.
 */
import type { Endpoint, TlsConnection } from '../io/index.ts'
import { splitTarget } from '../protocol/index.ts'
import type { RequestFields } from '../protocol/index.ts'
import type { Awaitable, Operation } from '../kernel/index.ts'
import { ReadBytes, ReadChunk, ReadJson, ReadText, RequestBody } from './body.ts'
import type { BodySource } from './body.ts'

/** What the front door knows of a request. */
export interface RequestFacts {
  readonly method: string
  readonly target: string
  readonly minor: 0 | 1
  readonly fields: RequestFields
  /** Whether the client asks for another protocol. */
  readonly upgrade: boolean
}

/** Where a request came from. */
export interface RequestOrigin {
  readonly remote: Endpoint
  readonly local: Endpoint
  /** True where the connection is encrypted. */
  readonly secure: boolean
  /** How it is encrypted, as far as this process does it; null otherwise. */
  readonly tls: TlsConnection | null
}

/** What a request needs of the door that it came through. */
export interface RequestDoor extends RequestOrigin {
  /** Has work go on when the request is answered. */
  afterwards(work: Operation<unknown> | PromiseLike<unknown>): void
}

/**
 * One request.
 *
 * @example
 * ```ts
 * const answer = await inject(function* (request, response) {
 *   const { method, path, query, headers } = request
 *   response.text(`${method} ${path} ${query} ${headers.get('content-type')} ${yield* request.text()}`)
 * }, { method: 'POST', path: '/notes?draft', headers: { 'Content-Type': 'text/plain' }, body: 'bread' })
 * console.log(answer.text()) // POST /notes draft text/plain bread
 * ```
 */
export class Request {
  /** The method, such as `GET`; methods are case-sensitive (RFC 9110 section 9.1). */
  readonly method: string
  /** The request target as it was sent. */
  readonly target: string
  /** The header fields: in order, repeated ones kept, looked up without regard to case. */
  readonly headers: RequestFields
  /** The path that this handler is mounted at; empty at the root. */
  mountPath = ''
  private readonly minor: 0 | 1
  private readonly wantsUpgrade: boolean
  private readonly door: RequestDoor
  private readonly source: BodySource
  private readonly sourceLimit: number
  private bodyOnDemand: RequestBody | null = null
  private pathText: string | null = null
  private queryText = ''
  private abort: AbortController | null = null
  private gone = false

  /** For front doors alone. @internal */
  constructor(facts: RequestFacts, door: RequestDoor, source: BodySource, bodyLimit: number) {
    this.method = facts.method
    this.target = facts.target
    this.headers = facts.fields
    this.minor = facts.minor
    this.wantsUpgrade = facts.upgrade
    this.door = door
    this.source = source
    this.sourceLimit = bodyLimit
  }

  /** `1.0` or `1.1`. */
  get httpVersion(): '1.0' | '1.1' {
    return this.minor === 1 ? '1.1' : '1.0'
  }

  /** The path of the target, percent-encoded as it was sent, without the query. */
  get path(): string {
    return this.pathText ?? this.split()
  }

  /** What follows the `?` of the target; empty where there is none. */
  get query(): string {
    if (this.pathText === null) this.split()
    return this.queryText
  }

  /** Whether the request has a body, be it empty. */
  get hasBody(): boolean {
    return this.source.bodyLength !== 0
  }

  /**
   * The protocols that the client would rather speak (RFC 9110 section 7.8), in lower case; empty where there is
   * none. Answering as usual declines; `response.upgrade` accepts.
   */
  get upgrade(): readonly string[] {
    if (!this.wantsUpgrade) return []
    return (this.headers.get('upgrade') ?? '').split(',').map((name) => name.trim().toLowerCase())
  }

  /**
   * The fields behind a chunked body (RFC 9110 section 6.5); null until the body was read to its end. They are
   * never merged into `headers`.
   */
  get trailers(): RequestFields | null {
    return this.source.trailers
  }

  /** The client's end of the connection. */
  get remote(): Endpoint {
    return this.door.remote
  }

  /** Our end of the connection. */
  get local(): Endpoint {
    return this.door.local
  }

  /** True where the connection is encrypted. */
  get secure(): boolean {
    return this.door.secure
  }

  /**
   * Version, cipher, server name and client certificate of an encrypted connection; null where it is not
   * encrypted, or not by this process.
   */
  get tls(): TlsConnection | null {
    return this.door.tls
  }

  /**
   * How large a body this request may have, in bytes: the limit `bodyBytes`, unless the handler sets
   * another before it reads.
   */
  get bodyLimit(): number {
    return this.body.limit
  }

  /** To be set before the body is read. */
  set bodyLimit(bytes: number) {
    this.body.limit = bytes
  }

  /**
   * Reads the next piece of the body.
   *
   * @returns the bytes, which are yours; null at the end. `yield*` or await it.
   * @throws GyreError `GYRE_BODY_TOO_LARGE`, `GYRE_BODY_TRUNCATED`, `GYRE_BODY_TIMEOUT`, `GYRE_MALFORMED_BODY`;
   *   `GYRE_BODY_USED` after a `bytes`, `text` or `json` that was broken off
   * @example
   * ```ts
   * import { createHash } from 'node:crypto'
   * const answer = await inject(function* (request, response) {
   *   const hash = createHash('sha256')
   *   for (let chunk; (chunk = yield* request.read()) !== null; ) hash.update(chunk)
   *   response.text(hash.digest('hex').slice(0, 8))
   * }, { method: 'PUT', body: 'bread and milk' })
   * console.log(answer.text()) // 27cf59c7
   * ```
   */
  read(): Awaitable<Buffer | null> {
    return new ReadChunk(this.body)
  }

  /**
   * Reads the whole body.
   *
   * @returns the bytes; empty where there is no body
   * @throws GyreError as `read`; `GYRE_BODY_USED` when the body was read before
   */
  bytes(): Awaitable<Buffer> {
    return new ReadBytes(this.body)
  }

  /** Reads the whole body as UTF-8. @returns its text @throws GyreError as `bytes` */
  text(): Awaitable<string> {
    return new ReadText(this.body)
  }

  /**
   * Reads the whole body as JSON.
   *
   * @returns the value, which may be of any shape: check it
   * @throws GyreError as `bytes`; `GYRE_BODY_NOT_JSON`
   */
  json(): Awaitable<unknown> {
    return new ReadJson(this.body)
  }

  /** The pieces of the body, for async functions: `for await (const chunk of request)`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    for (let chunk = await this.read(); chunk !== null; chunk = await this.read()) yield chunk
  }

  /**
   * Aborted when the exchange ends before its answer was finished: the client has gone, or the server
   * shuts down. Made when first asked for; a body that merely ended does not abort it.
   */
  get signal(): AbortSignal {
    this.abort ??= new AbortController()
    if (this.gone) this.abort.abort()
    return this.abort.signal
  }

  /**
   * Has work go on behind the answer, and after the client has gone: the answer does not wait for it, and
   * `server.close()` does, within `closeTime`. If it fails, that is logged.
   *
   * @param work - an operation, which runs as a task of its own, or a promise
   * @example
   * ```ts
   * const answer = await inject(function* (request, response) {
   *   request.afterwards(sleep(10))
   *   response.text('thank you')
   * })
   * console.log(answer.text()) // thank you
   * ```
   */
  afterwards(work: Operation<unknown> | PromiseLike<unknown>): void {
    this.door.afterwards(work)
  }

  /** Tells the signal, if there is one. For front doors. @internal */
  breakOff(): void {
    this.gone = true
    this.abort?.abort()
  }

  private get body(): RequestBody {
    this.bodyOnDemand ??= new RequestBody(this.source, this.sourceLimit)
    return this.bodyOnDemand
  }

  private split(): string {
    const { path, query } = splitTarget(this.target)
    this.pathText = path
    this.queryText = query
    return path
  }
}
