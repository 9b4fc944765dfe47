/*
 * An exchange without a connection: the request comes as a Request, the answer leaves as a Response.
 */
import { GyreError, statusOf } from '../../base/index.ts'
import type { ByteStream } from '../../io/index.ts'
import { currentTask, giveWay, waitPromise } from '../../kernel/index.ts'
import type { Coroutine, Kernel, Operation, Scope } from '../../kernel/index.ts'
import { RequestFields } from '../../protocol/index.ts'
import { Request as GyreRequest, Response as GyreResponse, errorText, finish, headOf } from '../../server/index.ts'
import type { BodySource, Handler, Payload, RequestDoor, ResponseSink } from '../../server/index.ts'
import { AsyncResult, withSignal } from '../../sync/index.ts'

const NOWHERE = { address: '', port: 0, family: 'unix' } as const
const TEXT = 'text/plain; charset=utf-8'
const NULL_BODY = [204, 205, 304]

export class WebExchange implements BodySource, ResponseSink, RequestDoor {
  readonly kernel: Kernel
  /** Set as soon as there is a head. */
  readonly answer: AsyncResult<Response> = new AsyncResult()
  scope: Scope | null = null
  readonly bodyLength: number | undefined
  readonly trailers: RequestFields | null = null
  readonly remote: typeof NOWHERE = NOWHERE
  readonly local: typeof NOWHERE = NOWHERE
  readonly secure: boolean
  readonly tls: null = null
  private readonly from: Request
  private readonly request: GyreRequest
  private readonly response: GyreResponse
  private readonly reader: ReadableStreamDefaultReader<Uint8Array> | null
  /** Where the pieces of a streamed answer go; null before the first. */
  private writer: WritableStreamDefaultWriter<Uint8Array> | null = null

  constructor(kernel: Kernel, from: Request) {
    const { protocol, host, pathname, search } = new URL(from.url)
    const fields: [string, string][] = [...from.headers]
    if (!from.headers.has('host')) fields.unshift(['Host', host])
    this.kernel = kernel
    this.from = from
    this.secure = protocol === 'https:'
    this.reader = from.body === null ? null : (from.body.getReader() as ReadableStreamDefaultReader<Uint8Array>)
    this.bodyLength = this.reader === null ? 0 : undefined
    const target = pathname + search
    const facts = { method: from.method, target, minor: 1, fields: RequestFields.from(fields), upgrade: false } as const
    this.request = new GyreRequest(facts, this, this, Infinity)
    this.response = new GyreResponse(this)
  }

  /** Runs the handler, and brings its answer into `answer`. Throws nothing. */
  *run(handler: Handler): Coroutine<void> {
    try {
      yield* withSignal(this.from.signal, () => this.handle(handler))
      yield* this.finish()
    } catch (error) {
      this.failed(error)
    } finally {
      // What nobody has read by now nobody will: whoever sends it is told.
      this.reader?.cancel('the handler has ended').catch(() => undefined)
    }
  }

  *readBody(): Coroutine<Buffer | null> {
    if (this.reader === null) return null
    const { done, value } = yield* waitPromise(this.reader.read())
    return done ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }

  *sendChunk(response: GyreResponse, chunk: Payload): Coroutine<void> {
    if (this.isBodiless) {
      this.answerBodiless(response)
      return yield* giveWay()
    }
    this.writer ??= this.begin(response)
    yield* this.write(this.writer, chunk)
  }

  /** Files are not sent past this process here: whoever wanted that reads and writes it. */
  *sendFile(): Coroutine<number> {
    return 0
  }

  *sendInterim(): Coroutine<void> {
    // A Response is final.
  }

  *upgrade(): Coroutine<ByteStream> {
    throw new GyreError('GYRE_NO_UPGRADE', 'there is no connection that could leave HTTP')
  }

  takeOver(): never {
    throw new GyreError('GYRE_IO_UNAVAILABLE', 'applications of node:http write to a connection, and there is none')
  }

  afterwards(work: Operation<unknown> | PromiseLike<unknown>): void {
    this.kernel.spawn(Symbol.iterator in work ? work : waitPromise(work), { name: 'afterwork' })
  }

  private *handle(handler: Handler): Coroutine<void> {
    this.scope = currentTask().scope
    yield* finish(handler(this.request, this.response))
  }

  /** The handler has returned. */
  private *finish(): Coroutine<void> {
    const { response, writer } = this
    const { payload } = response
    response.stage = 'ended'
    if (this.isBodiless) return this.answerBodiless(response)
    if (writer === null) return this.answer.set(new Response(bodyOf(payload), this.init(Buffer.byteLength(payload))))
    if (payload.length > 0) yield* this.write(writer, payload)
    yield* waitPromise(writer.close())
  }

  private get isBodiless(): boolean {
    return this.from.method === 'HEAD' || NULL_BODY.includes(this.response.status)
  }

  /** What is written to it is dropped: nobody would read it, and the handler would wait for ever. */
  private answerBodiless(response: GyreResponse): void {
    if (this.answer.ready) return
    if (response.stage !== 'ended') response.stage = 'started'
    this.answer.set(new Response(null, this.init(undefined)))
  }

  private begin(response: GyreResponse): WritableStreamDefaultWriter<Uint8Array> {
    response.stage = 'started'
    // A piece is written when somebody asks for it: so the handler keeps pace with whoever reads.
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, {
      highWaterMark: 0,
    })
    this.answer.set(new Response(readable, this.init(undefined)))
    const writer = writable.getWriter()
    writer.closed.catch((error: unknown) => {
      this.request.breakOff()
      this.scope?.cancel(`nobody reads the answer any more: ${String(error)}`)
    })
    return writer
  }

  private *write(writer: WritableStreamDefaultWriter<Uint8Array>, chunk: Payload): Coroutine<void> {
    try {
      yield* waitPromise(writer.write(bytesOf(chunk)))
    } catch (error) {
      throw new GyreError('GYRE_PEER_GONE', 'nobody reads the answer any more', error)
    }
  }

  /** @param length - of the body, where it is known @throws GyreError for what our own server would not send */
  private init(length: number | undefined): ResponseInit {
    const { status, reason, contentType, ownHeaders } = this.response
    headOf(this.response, { method: this.from.method, minor: 1 }, { length })
    const headers = new Headers()
    for (const [name, value] of ownHeaders ?? []) headers.append(name, value)
    if (contentType !== '' && !headers.has('content-type')) headers.set('content-type', contentType)
    return { status, statusText: reason ?? '', headers }
  }

  private failed(error: unknown): void {
    this.request.breakOff()
    this.response.stage = 'ended'
    if (this.answer.ready) {
      // No clean end: whoever reads must see that it is not whole.
      this.writer?.abort(error).catch(() => undefined)
      return
    }
    if (this.from.signal.aborted) return this.answer.setError(error)
    const status = statusOf(error)
    this.answer.set(new Response(errorText(status, error), { status, headers: { 'content-type': TEXT } }))
  }
}

function bytesOf(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload) : payload
}

function bodyOf(payload: Payload): string | Uint8Array<ArrayBuffer> | null {
  if (payload.length === 0) return null
  return typeof payload === 'string' ? payload : new Uint8Array(payload)
}
