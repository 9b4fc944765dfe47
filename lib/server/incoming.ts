/*
 * A request body coming in over a connection: counted by Content-Length or cut into chunks (RFC 9112
 * section 6). Bytes beyond its end go back to the connection: they begin the next request.
 */
import { GyreError, SIZES } from '../base/index.ts'
import { END, WOULD_WAIT } from '../io/index.ts'
import { giveWay } from '../kernel/index.ts'
import type { Coroutine, Kernel, Scope } from '../kernel/index.ts'
import { ChunkedDecoder, input } from '../protocol/index.ts'
import type { RequestHead } from '../protocol/index.ts'
import type { BodySource } from './body.ts'

/** What a body needs of its connection. */
export interface BodyPort {
  readonly kernel: Kernel
  readonly scope: Scope | null
  /** Takes what was read of the connection and not used yet. */
  takeRest(): Buffer | null
  /** Gives back what was read too far. */
  giveRest(rest: Buffer): void
  /** Reads into the input area: how many bytes, `END` or `WOULD_WAIT`. */
  tryReadInput(limit: number): number
  /** Waits until there is something to read, as long as a body may take. */
  waitForBody(): Coroutine<void>
  /** Sends `100 Continue`. */
  sendContinue(): void
}

/** The body of a request that has none. */
export class NoBody implements BodySource {
  readonly kernel: Kernel
  readonly scope = null
  readonly bodyLength = 0

  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  *readBody(): Coroutine<null> {
    return null
  }
}

export class Incoming implements BodySource {
  readonly kernel: Kernel
  readonly scope: Scope | null
  readonly bodyLength: number | undefined
  /** True when the body was read to its end. */
  done = false
  /** True while the client waits for our word before it sends the body (RFC 9110 section 10.1.1). */
  awaited: boolean
  private readonly port: BodyPort
  private readonly decoder: ChunkedDecoder | null
  private remaining: number
  /** The last read was a full one: a client that always has more is not read before all others. */
  private eager = false

  constructor(port: BodyPort, head: RequestHead) {
    this.port = port
    this.kernel = port.kernel
    this.scope = port.scope
    this.awaited = head.expectContinue
    this.decoder = head.framing === 'chunked' ? new ChunkedDecoder() : null
    this.bodyLength = head.framing === 'chunked' ? undefined : head.contentLength
    this.remaining = head.contentLength
    if (head.framing === 'length' && this.remaining === 0) this.done = true
  }

  /** How much is still to come, in bytes; Infinity where that is not known. */
  get outstanding(): number {
    return this.done ? 0 : this.decoder === null ? this.remaining : Infinity
  }

  *readBody(): Coroutine<Buffer | null> {
    while (!this.done) {
      const size = yield* this.fill()
      const piece = this.decoder === null ? this.takeCounted(size) : this.takeDecoded(this.decoder, size)
      if (piece !== null) return piece
    }
    return null
  }

  /**
   * Reads the rest of the body and drops it, so that the connection can go on.
   *
   * @param limit - gives up after so many bytes
   * @returns whether the end of the body was reached
   */
  *discard(limit: number): Coroutine<boolean> {
    if (this.outstanding !== Infinity && this.outstanding > limit) return false
    for (let left = limit; left >= 0;) {
      const piece = yield* this.readBody()
      if (piece === null) return true
      left -= piece.length
    }
    return false
  }

  /** The exchange is over: gives back what the decoder holds. */
  release(): void {
    // Who kept the request, and reads on, must not read what is another's.
    this.done = true
    this.decoder?.release()
  }

  /** Brings bytes into the input area. @returns how many */
  private *fill(): Coroutine<number> {
    const { port } = this
    const rest = port.takeRest()
    if (rest !== null) {
      this.awaited = false
      rest.copy(input.bytes)
      return rest.length
    }
    // Before the read and not after it: the input area is everybody's as soon as this task waits.
    if (this.eager) yield* giveWay()
    for (;;) {
      const size = port.tryReadInput(SIZES.input)
      if (size === END) throw new GyreError('GYRE_BODY_TRUNCATED')
      if (size !== WOULD_WAIT) {
        this.awaited = false
        this.eager = size === SIZES.input
        return size
      }
      if (this.awaited) port.sendContinue()
      this.awaited = false
      yield* port.waitForBody()
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
    if (used < size) this.port.giveRest(Buffer.from(input.bytes.subarray(used, size)))
    return decoder.take()
  }

  /** Copies a piece out of the input area, which the next read of any connection writes over. */
  private takeInput(taken: number, size: number): Buffer {
    if (taken < size) this.port.giveRest(Buffer.from(input.bytes.subarray(taken, size)))
    const piece = Buffer.allocUnsafe(taken)
    input.bytes.copy(piece, 0, 0, taken)
    return piece
  }
}
