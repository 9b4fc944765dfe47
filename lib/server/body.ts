/*
 * The body of a request: pieces from a front door, gathered on demand.
 *
 * A front door brings a BodySource. Everything that a handler can ask of a body is made of its one
 * operation, "the next piece", here, where the limit is kept as well.
 */
import { GyreError } from '../base/index.ts'
import { Awaitable } from '../kernel/index.ts'
import type { Coroutine, Kernel, Scope } from '../kernel/index.ts'

/** Where the pieces of a body come from. */
export interface BodySource {
  readonly kernel: Kernel
  /** The scope of the exchange: reading ends with it. */
  readonly scope: Scope | null
  /** How long the body will be, in bytes; undefined where that is not known. */
  readonly bodyLength: number | undefined
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
    const pieces = [first]
    for (;;) {
      const piece = yield* this.read()
      if (piece === null) return pieces.length === 1 ? first : Buffer.concat(pieces)
      pieces.push(piece)
    }
  }

  private mustFit(bytes: number): void {
    if (bytes > this.limit) throw new GyreError('GYRE_BODY_TOO_LARGE', `the body is larger than ${this.limit} bytes`)
  }
}

const EMPTY = Buffer.alloc(0)

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
