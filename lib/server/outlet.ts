/*
 * The outlet: how bytes leave a connection.
 *
 * All connections of a thread write into one buffer, which is sent as soon as the answer is complete:
 * head and body leave in one call, and so do the answers to requests that came together. The buffer
 * belongs to the running task from its first byte until it is sent, which is before the task waits:
 * `beforeWait` sees to that. What the operating system has no room for is copied out of the buffer
 * and goes first next time.
 */
import { GyreError, SIZES, writeLatin1, writeUtf8 } from '../base/index.ts'
import { ParkingLot, park } from '../kernel/index.ts'
import type { Coroutine, Cork } from '../kernel/index.ts'
import { WOULD_WAIT } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import type { Payload } from './response.ts'

const shared = Buffer.allocUnsafeSlow(SIZES.output)
let used = 0

/** Above this a buffer is handed to the operating system itself instead of being copied. */
const COPY_LIMIT = SIZES.output / 4

/** Told when a write begins to wait and when it goes on, so that a client that reads nothing is noticed. */
export interface StallWatch {
  /** The client takes nothing for now. */
  writeStalled(): void
  /** The client has taken some. */
  writeResumed(): void
}

export class Outlet implements Cork {
  private readonly stream: ByteStream
  private readonly watch: StallWatch
  /** What was not sent when the buffer had to be given free. */
  private unsent: Buffer | null = null
  /** What went wrong when there was nobody to tell. */
  private failure: unknown = null
  /** True while a writer has the outlet for itself. */
  private taken = false
  private queue: ParkingLot | null = null

  constructor(stream: ByteStream, watch: StallWatch) {
    this.stream = stream
    this.watch = watch
  }

  /** True where something is gathered and not sent. */
  get pending(): boolean {
    return used > 0 || this.unsent !== null || this.failure !== null
  }

  /**
   * Takes latin-1 text without sending it, where there is room.
   *
   * @returns whether there was
   */
  tryText(text: string): boolean {
    if (this.unsent !== null || text.length > SIZES.output - used) return false
    used += writeLatin1(shared, text, used)
    return true
  }

  /** Waits until no other task is in the middle of writing, and keeps others out until `release`. */
  *acquire(): Coroutine<void> {
    while (this.taken) yield* park((this.queue ??= new ParkingLot('another write to the same connection')))
    this.taken = true
  }

  release(): void {
    this.taken = false
    this.queue?.wakeOne()
  }

  /** Takes a head and a body, and sends them when the buffer is full or `flush` is called. */
  *write(head: string, body: Payload): Coroutine<void> {
    if (head.length > 0 && !this.tryText(head)) {
      yield* this.flush()
      if (!this.tryText(head)) yield* this.writeBytes(Buffer.from(head, 'latin1'))
    }
    if (typeof body === 'string') {
      if (body.length === 0) return
      // A UTF-16 code unit makes three bytes at most.
      if (this.unsent === null && body.length * 3 <= SIZES.output - used) used += writeUtf8(shared, body, used)
      else yield* this.writeBytes(Buffer.from(body, 'utf8'))
    } else if (body.length > 0) yield* this.writeBytes(asBuffer(body))
  }

  /** Sends all that was taken, waiting for the client where it is slow. */
  *flush(): Coroutine<void> {
    this.tryFlush()
    if (this.failure !== null) this.rethrow()
    if (this.unsent !== null) yield* this.drain()
  }

  /** Sends what can be sent now. */
  tryFlush(): void {
    if (used === 0) return
    const end = used
    used = 0
    let start = 0
    try {
      if (this.failure !== null) return
      if (this.unsent === null) start = Math.max(0, this.stream.tryWrite(shared, 0, end))
    } catch (error) {
      this.failure = error
      return
    }
    if (start === end) return
    const rest = Buffer.from(shared.subarray(start, end))
    this.unsent = this.unsent === null ? rest : Buffer.concat([this.unsent, rest])
  }

  /** The task is about to wait: nothing of it may stay in the shared buffer. */
  beforeWait(): void {
    this.tryFlush()
  }

  /** Sends bytes that are too many for the shared buffer. */
  private *writeBytes(bytes: Buffer): Coroutine<void> {
    if (this.unsent === null && bytes.length <= COPY_LIMIT && bytes.length <= SIZES.output - used) {
      bytes.copy(shared, used)
      used += bytes.length
      return
    }
    yield* this.flush()
    yield* this.send(bytes)
  }

  private *drain(): Coroutine<void> {
    const bytes = this.unsent as Buffer
    yield* this.send(bytes)
    this.unsent = null
  }

  /** Sends bytes, waiting for room. */
  private *send(bytes: Buffer): Coroutine<void> {
    let start = 0
    try {
      while (start < bytes.length) {
        const count = this.stream.tryWrite(bytes, start, bytes.length)
        if (count === WOULD_WAIT) yield* this.waitForRoom()
        else start += count
      }
    } finally {
      // Broken off half way, by a cancel or an error: whatever came next would be taken for the rest.
      if (start < bytes.length) this.failure ??= new GyreError('GYRE_STREAM_CLOSED', 'a write was broken off half way')
    }
  }

  private *waitForRoom(): Coroutine<void> {
    this.watch.writeStalled()
    try {
      yield* park(this.stream.writable)
    } finally {
      this.watch.writeResumed()
    }
  }

  private rethrow(): never {
    throw this.failure instanceof Error ? this.failure : new GyreError('GYRE_PEER_GONE')
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
