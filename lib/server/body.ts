/*
 * The body of a request: pieces from a front door, gathered on demand.
 *
 * A front door brings a BodySource. Everything that a handler can ask of a body is made of its one
 * operation, "the next piece", here, where the limit is kept as well. A door that can do so cheaper brings the whole
 * itself, and one that has it there already needs no coroutine for that.
 */
import { GyreError } from '../base/index.ts'
import { Awaitable } from '../kernel/index.ts'
import type { Coroutine, Kernel, Scope, Trap } from '../kernel/index.ts'
import type { RequestFields } from '../protocol/index.ts'
import { Gathered } from './gathered.ts'

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
  /**
   * The whole body, where it is there already.
   *
   * @param lent - whether it may lie where it lasts only until the task waits
   * @returns the body; null where it must be read
   */
  tryReadWhole?(lent: boolean): Buffer | null
  /** Reads the whole body. @param limit - of its bytes @returns the body; null where it is larger */
  readWhole?(limit: number): Coroutine<Buffer | null>
}

/** A body on its way in. */
export class RequestBody {
  readonly source: BodySource
  /** How many bytes it may have. */
  limit: number
  private received = 0
  private started = false
  /** It is read whole, or was to be: what is left where that was broken off is not to be taken for a body. */
  private wanted = false
  private ended = false

  constructor(source: BodySource, limit: number) {
    this.source = source
    this.limit = limit
  }

  /** The next piece; null at the end. @param ofWhole - whether it is read for `gather` */
  *read(ofWhole: boolean = false): Coroutine<Buffer | null> {
    if (this.ended) return null
    if (this.wanted && !ofWhole) throw new GyreError('GYRE_BODY_USED')
    // What announces itself as too large is refused before a byte of it is asked for.
    if (!this.started) this.mustFit(this.source.bodyLength ?? 0)
    this.started = true
    const chunk = yield* this.source.readBody()
    if (chunk === null) this.ended = true
    else this.mustFit((this.received += chunk.length))
    return chunk
  }

  /** The whole body, where it is there already; else null, and `gather` reads it. @param lent - as for a source */
  tryGather(lent: boolean): Buffer | null {
    const { source } = this
    if (this.started) throw new GyreError('GYRE_BODY_USED')
    this.mustFit(source.bodyLength ?? 0)
    const whole = source.tryReadWhole?.(lent) ?? null
    if (whole !== null) this.started = this.ended = true
    return whole
  }

  *gather(): Coroutine<Buffer> {
    const { source } = this
    if (this.started) throw new GyreError('GYRE_BODY_USED')
    this.started = this.wanted = true
    if (source.readWhole === undefined) return yield* this.gatherPieces()
    const whole = yield* source.readWhole(this.limit)
    if (whole === null) throw this.tooLarge()
    this.ended = true
    return whole
  }

  private *gatherPieces(): Coroutine<Buffer> {
    const whole = new Gathered(this.source.bodyLength ?? Infinity)
    for (let piece; (piece = yield* this.read(true)) !== null;) {
      if (whole.size === 0 && piece.length === this.source.bodyLength) whole.bytes = piece
      else {
        whole.enlarge(piece.length)
        piece.copy(whole.bytes, whole.size)
      }
      whole.size += piece.length
    }
    return whole.take()
  }

  private mustFit(bytes: number): void {
    if (bytes > this.limit) throw this.tooLarge()
  }

  private tooLarge(): GyreError {
    return new GyreError('GYRE_BODY_TOO_LARGE', `the body is larger than ${this.limit} bytes`)
  }
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

/** Something made of a whole body. It is its own iterator: a body that is there already costs no coroutine. */
abstract class WholeRead<T> extends BodyRead<T> implements Iterator<Trap, T, unknown> {
  /** Whether the body is not kept. */
  protected abstract readonly lent: boolean
  private begun = false
  private rest: Coroutine<T> | null = null

  protected abstract make(bytes: Buffer): T

  [Symbol.iterator](): Coroutine<T> {
    if (this.begun) return this.gather()
    this.begun = true
    return this as Iterator<Trap, T, unknown> as Coroutine<T>
  }

  next(brought?: unknown): IteratorResult<Trap, T> {
    if (this.rest === null) {
      const whole = this.body.tryGather(this.lent)
      if (whole !== null) return { done: true, value: this.make(whole) }
      this.rest = this.gather()
    }
    return this.rest.next(brought)
  }

  throw(error: unknown): IteratorResult<Trap, T> {
    if (this.rest === null) throw error
    return this.rest.throw(error)
  }

  return(value: T): IteratorResult<Trap, T> {
    return this.rest === null ? { done: true, value } : this.rest.return(value)
  }

  private *gather(): Coroutine<T> {
    return this.make(yield* this.body.gather())
  }
}

export class ReadBytes extends WholeRead<Buffer> {
  protected readonly lent = false

  protected make(bytes: Buffer): Buffer {
    return bytes
  }
}

export class ReadText extends WholeRead<string> {
  protected readonly lent = true

  protected make(bytes: Buffer): string {
    return bytes.toString('utf8')
  }
}

export class ReadJson extends WholeRead<unknown> {
  protected readonly lent = true

  protected make(bytes: Buffer): unknown {
    try {
      return JSON.parse(bytes.toString('utf8')) as unknown
    } catch (error) {
      throw new GyreError('GYRE_BODY_NOT_JSON', undefined, error)
    }
  }
}
