/*
 * A request body coming in over a connection: counted by Content-Length or cut into chunks (RFC 9112
 * section 6). Bytes beyond its end go back to the connection: they begin the next request.
 *
 * What comes is read into the input area, and copied from there once: into a piece, or to its place in the whole. What
 * a known length leaves no doubt about is read straight to where it stays.
 */
import { GyreError, SIZES } from '../base/index.ts'
import type { Limits } from '../base/index.ts'
import { END, WOULD_WAIT } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import { giveWay } from '../kernel/index.ts'
import type { Coroutine, Kernel, Scope } from '../kernel/index.ts'
import { ChunkedDecoder, RequestFields, input } from '../protocol/index.ts'
import type { RequestHead } from '../protocol/index.ts'
import type { BodySource } from './body.ts'
import { ClientWait } from './client-wait.ts'
import { Gathered } from './gathered.ts'
import type { HeadReader } from './head-reader.ts'

/** What a body needs of its exchange. */
export interface BodyPort {
  readonly kernel: Kernel
  readonly scope: Scope | null
  readonly limit: Limits
  readonly stream: ByteStream
  /** Has what was read of the connection and not used yet. */
  readonly reader: HeadReader
  /** Sends `100 Continue`. */
  sendContinue(): Coroutine<void>
  /** The body was read to its end. */
  bodyDone(): void
  /** The client has ended its side in the middle of the body. */
  bodyCut(): void
}

const NO_FIELDS = RequestFields.from([])
const NOTHING = Buffer.alloc(0)

/** The body of a request that has none. */
export class NoBody implements BodySource {
  readonly kernel: Kernel
  readonly scope = null
  readonly bodyLength = 0
  readonly trailers = NO_FIELDS

  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  *readBody(): Coroutine<null> {
    return null
  }

  tryReadWhole(): Buffer {
    return NOTHING
  }
}

export class Incoming implements BodySource {
  readonly kernel: Kernel
  readonly bodyLength: number | undefined
  /** True when the body was read to its end. */
  done = false
  /** True while the client waits for our word before it sends the body (RFC 9110 section 10.1.1). */
  awaited: boolean
  /** True where the client waited for that word, and never got it. */
  unasked = false
  /** True while the client is waited for. */
  waiting = false
  /** What broke reading off: whoever catches it knows that it came from this body, and from nowhere else. */
  brokenBy: unknown = null
  /** Bytes that have come, framing included. */
  received = 0
  private readonly port: BodyPort
  private readonly decoder: ChunkedDecoder | null
  private remaining: number
  /** Where in the input area lies what was filled in. */
  private from = 0
  /** The exchange is over: there is nothing to read any more. */
  private gone = false
  /** The last read was a full one: a client that always has more is not read before all others. */
  private eager = false
  private clientWait: ClientWait | null = null

  constructor(port: BodyPort, head: RequestHead) {
    this.port = port
    this.kernel = port.kernel
    this.awaited = head.expectContinue
    this.decoder = head.framing === 'chunked' ? new ChunkedDecoder(port.limit) : null
    this.bodyLength = head.framing === 'chunked' ? undefined : head.contentLength
    this.remaining = head.contentLength
    if (head.framing === 'length' && this.remaining === 0) this.done = true
  }

  get scope(): Scope | null {
    return this.port.scope
  }

  get trailers(): RequestFields | null {
    return this.decoder === null ? (this.done ? NO_FIELDS : null) : this.decoder.trailers
  }

  /** How much is still to come, in bytes; Infinity where that is not known. */
  get outstanding(): number {
    return this.done ? 0 : this.decoder === null ? this.remaining : Infinity
  }

  /** How long the client was waited for, in milliseconds. */
  get waited(): number {
    return this.clientWait?.waited ?? 0
  }

  *readBody(): Coroutine<Buffer | null> {
    try {
      while (!this.done) {
        const piece = this.readsStraight ? yield* this.readPiece() : this.take(yield* this.fill())
        if (piece !== null) return piece
      }
      return null
    } catch (error) {
      this.brokenBy = error
      throw error
    }
  }

  /** As `readBody`, without waiting. @returns a piece; null at the end; `WOULD_WAIT` */
  tryReadBody(): Buffer | null | typeof WOULD_WAIT {
    try {
      while (!this.done) {
        const size = this.tryFill()
        if (size === WOULD_WAIT) return WOULD_WAIT
        const piece = this.take(size)
        if (piece !== null) return piece
      }
      return null
    } catch (error) {
      this.brokenBy = error
      throw error
    }
  }

  /**
   * Takes the whole body, where it is of known length and all there.
   *
   * @param lent - whether it may lie in the input area, where it lasts until anybody reads
   * @returns the body; null where more of it must come
   */
  tryReadWhole(lent: boolean): Buffer | null {
    if (this.done) return NOTHING
    if (this.decoder !== null) return null
    try {
      const size = this.tryFill()
      if (size === WOULD_WAIT) return null
      if (size >= this.remaining) return lent ? this.lend(size) : this.take(size)
      this.port.reader.leaveRest(this.from, this.from + size)
      return null
    } catch (error) {
      this.brokenBy = error
      throw error
    }
  }

  /**
   * Reads the whole body.
   *
   * @param limit - gives up beyond so many bytes
   * @returns the body; null where it is larger
   */
  *readWhole(limit: number): Coroutine<Buffer | null> {
    const whole = new Gathered(this.bodyLength ?? Infinity)
    try {
      while (!this.done) {
        if (whole.size > limit) return null
        // Where so much is sure to come, it needs no other place than its own.
        if (whole.room >= SIZES.bodyChunk && this.decoder === null) {
          const end = whole.size + Math.min(whole.room, SIZES.turn)
          whole.size += this.count(yield* this.readInto(whole.bytes, whole.size, end))
        } else this.gather(whole, yield* this.fill())
      }
      return whole.size > limit ? null : whole.take()
    } catch (error) {
      this.brokenBy = error
      throw error
    }
  }

  /** Waits for more, after `WOULD_WAIT`; not longer than a client may take. */
  *waitForMore(): Coroutine<void> {
    try {
      yield* this.awaitClient()
    } catch (error) {
      this.brokenBy = error
      throw error
    }
  }

  /**
   * Reads the rest of the body and drops it, so that the connection can go on.
   *
   * @param limit - gives up after so many bytes
   * @returns whether the end of the body was reached
   */
  *discard(limit: number): Coroutine<boolean> {
    if (this.outstanding !== Infinity && this.outstanding > limit) return false
    const most = this.received + limit
    try {
      while (this.received <= most) {
        if (this.done) return true
        this.skip(yield* this.fill())
      }
      return false
    } catch (error) {
      this.brokenBy = error
      throw error
    }
  }

  /** The final answer is on its way: it is too late for a 100. */
  refuseContinue(): void {
    this.awaited = false
    this.unasked = true
  }

  /** The exchange is over: gives back what the decoder holds. */
  release(): void {
    this.gone = true
    this.decoder?.release()
  }

  /** Brings bytes into the input area. @returns how many, from `from` on */
  private *fill(): Coroutine<number> {
    // Before the read and not after it: the input area is everybody's as soon as this task waits.
    if (this.eager) {
      yield* giveWay()
      // Another task may have read on meanwhile.
      if (this.done) return 0
    }
    for (;;) {
      const size = this.tryFill()
      if (size !== WOULD_WAIT) return size
      yield* this.askClient()
    }
  }

  private tryFill(): number {
    const { reader } = this.port
    this.mustBeHere()
    if (reader.bringRest()) {
      this.awaited = false
      this.from = reader.from
      return reader.to - reader.from
    }
    this.from = 0
    return this.tryRead(input.bytes, 0, SIZES.input)
  }

  /** Reads past the input area, no further than the body goes. */
  private *readInto(into: Buffer, start: number, end: number): Coroutine<number> {
    if (this.eager) yield* giveWay()
    for (;;) {
      // Another task may have read on meanwhile.
      if (this.done) return 0
      this.mustBeHere()
      const size = this.tryRead(into, start, Math.min(end, start + this.remaining))
      if (size !== WOULD_WAIT) return size
      yield* this.askClient()
    }
  }

  private tryRead(into: Buffer, start: number, end: number): number {
    const size = this.port.stream.tryRead(into, start, end)
    if (size === END) {
      this.port.bodyCut()
      throw new GyreError('GYRE_BODY_TRUNCATED')
    }
    if (size !== WOULD_WAIT) {
      this.awaited = false
      this.eager = size === end - start
    }
    return size
  }

  /** Who kept the request, and reads on, must neither read what is another's nor see a clean end. */
  private mustBeHere(): void {
    if (this.gone)
      throw new GyreError('GYRE_BODY_TRUNCATED', 'the exchange is over, and its body was not read to the end')
  }

  /** True where the client sends so fast that the next piece is sure to be a large one. */
  private get readsStraight(): boolean {
    return this.eager && this.remaining >= SIZES.bodyChunk && this.decoder === null
  }

  private *readPiece(): Coroutine<Buffer | null> {
    const piece = Buffer.allocUnsafe(SIZES.bodyChunk)
    const size = this.count(yield* this.readInto(piece, 0, piece.length))
    if (size === 0) return null
    // A piece may be kept for long: it does not take more than twice its size.
    return size * 2 < piece.length ? Buffer.from(piece.subarray(0, size)) : piece.subarray(0, size)
  }

  /** Takes the body's share of what was filled in, as a piece of its own. */
  private take(size: number): Buffer | null {
    const used = this.skip(size)
    const { decoder, from } = this
    const length = decoder === null ? used : decoder.scanned
    if (length === 0) return null
    const piece = Buffer.allocUnsafe(length)
    if (decoder === null) input.view.copy(piece, 0, from, from + length)
    else decoder.copyTo(piece, 0)
    return piece
  }

  private lend(size: number): Buffer {
    const used = this.skip(size)
    return input.view.subarray(this.from, this.from + used)
  }

  /** Brings the body's share of what was filled in to its place. */
  private gather(whole: Gathered, size: number): void {
    const used = this.skip(size)
    const { decoder, from } = this
    const length = decoder === null ? used : decoder.scanned
    whole.enlarge(length)
    if (decoder === null) input.view.copy(whole.bytes, whole.size, from, from + length)
    else decoder.copyTo(whole.bytes, whole.size)
    whole.size += length
  }

  /** Counts the body's share of what was filled in, and leaves the rest there. @returns the share, framing included */
  private skip(size: number): number {
    const { decoder, from } = this
    if (decoder === null) {
      const used = Math.min(size, this.remaining)
      this.leave(used, size)
      return this.count(used)
    }
    this.received += size
    const used = decoder.scan(from, from + size)
    this.received -= size - used
    this.leave(used, size)
    this.done = decoder.done
    if (this.done) this.port.bodyDone()
    return used
  }

  /** What is none of the body goes back: held, it lies where it lay. */
  private leave(used: number, size: number): void {
    if (used < size) this.port.reader.leaveRest(this.from + used, this.from + size)
  }

  /** Counts what has come of a body of known length. */
  private count(size: number): number {
    this.received += size
    this.remaining -= size
    this.done = this.remaining === 0
    if (this.done) this.port.bodyDone()
    return size
  }

  /** Waits for the client, and says so where it waits for us. */
  private *askClient(): Coroutine<void> {
    if (this.awaited) {
      this.awaited = false
      yield* this.port.sendContinue()
    }
    yield* this.awaitClient()
  }

  private *awaitClient(): Coroutine<void> {
    const { kernel, stream, limit } = this.port
    this.clientWait ??= new ClientWait(kernel, stream.readable, {
      slack: limit.bodyIdleTime,
      rate: limit.bodyRate,
      stalled: 'GYRE_BODY_TIMEOUT',
      tooSlow: 'GYRE_BODY_TOO_SLOW',
    })
    this.waiting = true
    try {
      yield* this.clientWait.wait(this.received)
    } finally {
      this.waiting = false
    }
  }
}
