/*
 * A request body coming in over a connection: counted by Content-Length or cut into chunks (RFC 9112
 * section 6). Bytes beyond its end go back to the connection: they begin the next request.
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

/** What a body needs of its exchange. */
export interface BodyPort {
  readonly kernel: Kernel
  readonly scope: Scope | null
  readonly limit: Limits
  readonly stream: ByteStream
  /** Takes what was read of the connection and not used yet. */
  takeRest(): Buffer | null
  /** Gives back what was read too far. */
  giveRest(rest: Buffer): void
  /** Sends `100 Continue`. */
  sendContinue(): Coroutine<void>
  /** The body was read to its end. */
  bodyDone(): void
  /** The client has ended its side in the middle of the body. */
  bodyCut(): void
}

const NO_FIELDS = RequestFields.from([])

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
        const piece = this.takeRest() ?? this.take(yield* this.fill())
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
        const rest = this.takeRest()
        if (rest !== null) return rest
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
    while (this.received <= most) if ((yield* this.readBody()) === null) return true
    return false
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

  /**
   * Takes what came together with the head, where nothing need be decoded: it lies apart already, and is not copied
   * once more. @returns a piece; null where there is none
   */
  private takeRest(): Buffer | null {
    if (this.decoder !== null || this.gone) return null
    const rest = this.port.takeRest()
    if (rest === null) return null
    this.awaited = false
    const taken = Math.min(rest.length, this.remaining)
    if (taken < rest.length) this.port.giveRest(rest.subarray(taken))
    this.received += taken
    this.remaining -= taken
    this.done = this.remaining === 0
    if (this.outstanding === 0) this.port.bodyDone()
    return rest.subarray(0, taken)
  }

  /** Brings bytes into the input area. @returns how many */
  private *fill(): Coroutine<number> {
    const { port } = this
    // Before the read and not after it: the input area is everybody's as soon as this task waits.
    if (this.eager) yield* giveWay()
    for (;;) {
      const size = this.tryFill()
      if (size !== WOULD_WAIT) return size
      if (this.awaited) {
        this.awaited = false
        yield* port.sendContinue()
      }
      yield* this.awaitClient()
    }
  }

  private tryFill(): number {
    const { port } = this
    // Who kept the request, and reads on, must neither read what is another's nor see a clean end.
    if (this.gone)
      throw new GyreError('GYRE_BODY_TRUNCATED', 'the exchange is over, and its body was not read to the end')
    const rest = port.takeRest()
    if (rest !== null) {
      this.awaited = false
      return rest.copy(input.bytes)
    }
    const size = port.stream.tryRead(input.bytes, 0, SIZES.input)
    if (size === END) {
      port.bodyCut()
      throw new GyreError('GYRE_BODY_TRUNCATED')
    }
    if (size !== WOULD_WAIT) {
      this.awaited = false
      this.eager = size === SIZES.input
    }
    return size
  }

  /** Takes the body's share of what was filled in. */
  private take(size: number): Buffer | null {
    this.received += size
    const piece = this.decoder === null ? this.takeCounted(size) : this.takeDecoded(this.decoder, size)
    if (this.outstanding === 0) this.port.bodyDone()
    return piece
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

  private takeCounted(size: number): Buffer {
    const taken = Math.min(size, this.remaining)
    this.remaining -= taken
    this.done = this.remaining === 0
    return this.takeInput(taken, size)
  }

  private takeDecoded(decoder: ChunkedDecoder, size: number): Buffer | null {
    const used = decoder.decode(0, size)
    this.done = decoder.done
    if (used < size) this.giveBack(used, size)
    return decoder.take()
  }

  /** Copies a piece out of the input area, which the next read of any connection writes over. */
  private takeInput(taken: number, size: number): Buffer {
    if (taken < size) this.giveBack(taken, size)
    const piece = Buffer.allocUnsafe(taken)
    input.bytes.copy(piece, 0, 0, taken)
    return piece
  }

  private giveBack(used: number, size: number): void {
    this.received -= size - used
    this.port.giveRest(Buffer.from(input.bytes.subarray(used, size)))
  }
}
