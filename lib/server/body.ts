/*
 * The body of a request: pieces from a front door, gathered on demand.
 *
 * A front door brings a BodySource. Everything that a handler can ask of a body is made of its one
 * operation, "the next piece", here, where the limit is kept as well.
 */
import { GyreError } from '../base/index.ts'
import { Awaitable } from '../kernel/index.ts'
import type { Coroutine, Kernel, Scope } from '../kernel/index.ts'
import type { RequestFields } from '../protocol/index.ts'

/** Where the pieces of a body come from. */
export interface BodySource {
  readonly kernel: Kernel
  /** The scope of the exchange: reading ends with it. */
  readonly scope: Scope | null
  /** How long the body will be, in bytes; undefined where that is not known. */
  readonly bodyLength: number | undefined
  /** The fields behind the body; null until it was read to its end. */
  readonly trailers: RequestFields | null
  /** Reads the next piece; null at the end. */
  readBody(): Coroutine<Buffer | null>
}

/** A body on its way in. */
export class RequestBody {
  readonly source: BodySource
  /** How many bytes it may have. */
  limit: number
  private received = 0
  private started = false
  private ended = false

  constructor(source: BodySource, limit: number) {
    this.source = source
    this.limit = limit
  }

  *read(): Coroutine<Buffer | null> {
    if (this.ended) return null
    // What announces itself as too large is refused before a byte of it is asked for.
    if (!this.started) this.mustFit(this.source.bodyLength ?? 0)
    this.started = true
    const chunk = yield* this.source.readBody()
    if (chunk === null) this.ended = true
    else this.mustFit((this.received += chunk.length))
    return chunk
  }

  *gather(): Coroutine<Buffer> {
    if (this.started) throw new GyreError('GYRE_BODY_USED')
    const first = yield* this.read()
    if (first === null) return EMPTY
    const announced = this.source.bodyLength ?? Infinity
    let whole = first
    let size = first.length
    for (let piece; (piece = yield* this.read()) !== null; size += piece.length) {
      // Into one buffer that doubles: a body in pieces of one byte must not cost a Buffer for each. Never beyond what was
      // announced, or the last bytes of 64 KB would cost 128; and not at once to that, which nobody has sent yet.
      const needed = size + piece.length
      if (needed > whole.length) whole = enlarged(whole, size, Math.max(needed, Math.min(size * 2, announced)))
      piece.copy(whole, size)
    }
    return whole.subarray(0, size)
  }

  private mustFit(bytes: number): void {
    if (bytes > this.limit) throw new GyreError('GYRE_BODY_TOO_LARGE', `the body is larger than ${this.limit} bytes`)
  }
}

const EMPTY = Buffer.alloc(0)

function enlarged(bytes: Buffer, used: number, room: number): Buffer {
  const larger = Buffer.allocUnsafe(room)
  bytes.copy(larger, 0, 0, used)
  return larger
}

/** Something read of a body: `yield*` it in a task, await it in an async function. */
abstract class BodyRead<T> extends Awaitable<T> {
  protected readonly body: RequestBody
  protected readonly kernel: Kernel
  protected readonly scope: Scope | null

  constructor(body: RequestBody) {
    super()
    this.body = body
    this.kernel = body.source.kernel
    this.scope = body.source.scope
  }
}

export class ReadChunk extends BodyRead<Buffer | null> {
  [Symbol.iterator](): Coroutine<Buffer | null> {
    return this.body.read()
  }
}

export class ReadBytes extends BodyRead<Buffer> {
  [Symbol.iterator](): Coroutine<Buffer> {
    return this.body.gather()
  }
}

export class ReadText extends BodyRead<string> {
  *[Symbol.iterator](): Coroutine<string> {
    return (yield* this.body.gather()).toString('utf8')
  }
}

export class ReadJson extends BodyRead<unknown> {
  *[Symbol.iterator](): Coroutine<unknown> {
    const bytes = yield* this.body.gather()
    try {
      return JSON.parse(bytes.toString('utf8')) as unknown
    } catch (error) {
      throw new GyreError('GYRE_BODY_NOT_JSON', undefined, error)
    }
  }
}
