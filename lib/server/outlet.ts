/*
 * The outlet: how bytes leave a connection.
 *
 * All connections of a thread write into one buffer, which is sent as soon as the answer is complete:
 * head and body leave in one call, and so do the answers to requests that came together. The buffer
 * belongs to the outlet whose bytes are in it. It is emptied before the connection's task waits
 * (`beforeWait`) and, whoever forgot to, before another outlet writes a byte: no client ever gets what
 * was meant for another. What the operating system has no room for is copied out and goes first next time.
 */
import { GyreError, SIZES, writeAscii, writeDigits, writeLatin1, writeUtf8 } from '../base/index.ts'
import type { Limits } from '../base/index.ts'
import { END, WOULD_WAIT } from '../io/index.ts'
import type { ByteStream, SendableFile } from '../io/index.ts'
import { Cancelled, ParkingLot, park } from '../kernel/index.ts'
import type { Coroutine, Cork, Kernel } from '../kernel/index.ts'
import type { OutputBudget, Waiting } from './budget.ts'
import { ClientWait } from './client-wait.ts'
import type { Payload } from './response.ts'

const shared = Buffer.allocUnsafeSlow(SIZES.output)
let used = 0
/** Whose bytes are in the buffer. */
let owner: Outlet | null = null

/** Above this a buffer is handed to the operating system itself instead of being copied. */
const COPY_LIMIT = SIZES.output / 4

/** What follows the length of a body, where that is the last field of a head. */
const HEAD_END = '\r\n\r\n'
/** No text has a length of more digits. */
const LENGTH_ROOM = 16 + HEAD_END.length

/** What an outlet needs of its server. */
export interface OutletHost {
  readonly kernel: Kernel
  readonly limit: Limits
  readonly budget: OutputBudget
}

export class Outlet implements Cork, Waiting {
  /** Bytes of an answer that wait for the client. */
  held = 0
  private readonly stream: ByteStream
  private readonly host: OutletHost
  /** What was not sent when the buffer had to be given free. */
  private unsent: Buffer | null = null
  /** What went wrong when there was nobody to tell. */
  private failure: Error | null = null
  /** What broke a write off: whoever catches it knows that it came from the client's reading, and from nowhere else. */
  brokenBy: unknown = null
  /** True while a writer has the outlet for itself. */
  private taken = false
  private queue: ParkingLot | null = null
  /** Made when the client is waited for, and dropped with the answer. */
  private stall: ClientWait | null = null
  /** Bytes that the client has taken of the answer since it was first waited for. */
  private moved = 0

  constructor(stream: ByteStream, host: OutletHost) {
    this.stream = stream
    this.host = host
  }

  /** True where something is gathered and not sent. */
  get pending(): boolean {
    return (owner === this && used > 0) || this.unsent !== null || this.failure !== null
  }

  /** Whether files can be sent past this process. */
  get sendsFiles(): boolean {
    return this.stream.tryWriteFile !== undefined
  }

  /** How long the client was waited for since `begin`, in milliseconds. */
  get waited(): number {
    return this.stall?.waited ?? 0
  }

  /** A new answer begins: its client has all its patience again. */
  begin(): void {
    this.stall = null
    this.moved = 0
  }

  /**
   * Takes latin-1 text without sending it, where there is room.
   *
   * @returns whether there was
   */
  tryText(text: string): boolean {
    if (owner !== this) this.own()
    if (this.unsent !== null || text.length > SIZES.output - used) return false
    used += writeLatin1(shared, text, used)
    return true
  }

  /** Takes a head and a body without sending them, where there is room for both. @returns whether there was */
  tryWhole(head: string, body: Payload): boolean {
    if (owner !== this) this.own()
    // A UTF-16 code unit makes three bytes at most.
    const most = typeof body === 'string' ? body.length * 3 : body.length
    if (this.unsent !== null || head.length + most > SIZES.output - used) return false
    used += writeLatin1(shared, head, used)
    if (typeof body === 'string') {
      if (body.length > 0) used += writeUtf8(shared, body, used)
    } else {
      shared.set(body, used)
      used += body.length
    }
    return true
  }

  /**
   * Takes an answer whose head lacks nothing but the length of its body.
   *
   * @param opening - the head, up to where that length stands
   * @returns whether there was room, and the body is ASCII, so that its length is that of the text
   */
  tryPlain(opening: Uint8Array, body: string): boolean {
    if (owner !== this) this.own()
    if (this.unsent !== null || opening.length + LENGTH_ROOM + body.length > SIZES.output - used) return false
    shared.set(opening, used)
    const digitsEnd = writeDigits(shared, body.length, used + opening.length)
    const end = writeAscii(shared, body, writeAscii(shared, HEAD_END, digitsEnd))
    if (end < 0) return false
    used = end
    return true
  }

  /** As `tryText`, of text that goes out as UTF-8. @returns how many bytes it made; -1 where there is no room */
  tryUtf8(text: string): number {
    if (owner !== this) this.own()
    // A UTF-16 code unit makes three bytes at most.
    if (this.unsent !== null || text.length * 3 > SIZES.output - used) return -1
    const size = writeUtf8(shared, text, used)
    used += size
    return size
  }

  /** As `tryText`, of bytes that are few. */
  tryBytes(bytes: Uint8Array): boolean {
    if (owner !== this) this.own()
    if (this.unsent !== null || bytes.length > COPY_LIMIT || bytes.length > SIZES.output - used) return false
    shared.set(bytes, used)
    used += bytes.length
    return true
  }

  /**
   * Sends what was taken, and of further bytes as many as there is room for.
   *
   * @returns how many of these; the caller keeps the rest
   */
  trySend(bytes: Buffer, start: number): number {
    this.tryFlush()
    if (this.pending) return 0
    let at = start
    try {
      while (at < bytes.length) {
        const count = this.stream.tryWrite(bytes, at, bytes.length)
        if (count === WOULD_WAIT) break
        at += count
        this.moved += count
      }
    } catch (error) {
      this.failure = asError(error)
    }
    return at - start
  }

  /** Waits until no other task is in the middle of writing, and keeps others out until `release`. */
  *acquire(): Coroutine<void> {
    while (this.taken) yield* park((this.queue ??= new ParkingLot('another write to the same connection')))
    this.taken = true
  }

  /** Lets the next writer in. What this one left in the buffer, because it failed, does not stay there. */
  release(): void {
    this.tryFlush()
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
      if (owner !== this) this.own()
      // A UTF-16 code unit makes three bytes at most.
      if (this.unsent === null && body.length * 3 <= SIZES.output - used) used += writeUtf8(shared, body, used)
      else yield* this.writeBytes(Buffer.from(body, 'utf8'))
    } else if (body.length > 0) yield* this.writeBytes(asBuffer(body))
  }

  /** Sends all that was taken, waiting for the client where it is slow. @param last - as for `tryFlush` */
  *flush(last: boolean = false): Coroutine<void> {
    this.tryFlush(last)
    if (this.failure !== null) throw this.asBroken(this.failure)
    if (this.unsent !== null) yield* this.drain()
  }

  /** Sends what can be sent now. @param last - whether the end of our side follows at once */
  tryFlush(last: boolean = false): void {
    if (used === 0 || owner !== this) return
    const end = used
    used = 0
    let start = 0
    try {
      if (this.failure !== null) return
      if (this.unsent === null) start = Math.max(0, this.stream.tryWrite(shared, 0, end, last))
    } catch (error) {
      this.failure = asError(error)
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

  /** Ends a wait for the client with an error, for the budget. */
  shed(error: GyreError): void {
    this.failure ??= error
    this.stream.writable.wakeThrow(error)
  }

  /** The buffer is this outlet's from here on. */
  private own(): void {
    owner?.tryFlush()
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- an owner, not an alias
    owner = this
  }

  /** Sends bytes that are too many for the shared buffer. */
  private *writeBytes(bytes: Buffer): Coroutine<void> {
    if (owner !== this) this.own()
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
        if (count === WOULD_WAIT) yield* this.waitForRoom(bytes.length - start)
        else {
          start += count
          this.moved += count
        }
      }
    } catch (error) {
      throw this.brokenOff(error)
    }
  }

  /** Broken off half way, by a cancel or an error: whatever came next would be taken for the rest. */
  private brokenOff<E>(error: E): E {
    this.failure ??=
      error instanceof Cancelled ? new GyreError('GYRE_STREAM_CLOSED', 'a write was broken off') : asError(error)
    return this.asBroken(error)
  }

  /**
   * Sends a part of a file past this process, waiting for room; `flush` comes first.
   *
   * @returns how many bytes; fewer where the file has no more, or where the stream cannot do that
   */
  *sendFile(file: SendableFile, position: number, length: number): Coroutine<number> {
    const { stream } = this
    let sent = 0
    try {
      while (sent < length && stream.tryWriteFile !== undefined) {
        const count = stream.tryWriteFile(file, position + sent, length - sent)
        if (count === END) break
        // Nothing of it lies in memory.
        if (count === WOULD_WAIT) yield* this.waitForRoom(0)
        else {
          sent += count
          this.moved += count
        }
      }
      return sent
    } catch (error) {
      throw this.brokenOff(error)
    }
  }

  /** How far the client has come. What it has acknowledged is closer to the truth than what the system has taken. */
  private progress(): number {
    const { acknowledged } = this.stream
    return acknowledged > 0 ? acknowledged : this.moved
  }

  private *waitForRoom(held: number): Coroutine<void> {
    const { kernel, limit, budget } = this.host
    this.stall ??= new ClientWait(kernel, this.stream.writable, {
      slack: limit.writeStallTime,
      rate: limit.writeRate,
      progress: () => this.progress(),
      stalled: 'GYRE_WRITE_TIMEOUT',
      tooSlow: 'GYRE_WRITE_TOO_SLOW',
    })
    this.held = held
    budget.enter(this)
    try {
      if (this.failure !== null) throw this.failure
      yield* this.stall.wait(this.progress())
    } finally {
      budget.leave(this)
      this.held = 0
    }
  }

  private asBroken<E>(error: E): E {
    this.brokenBy = error
    return error
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new GyreError('GYRE_IO_FAILED', undefined, error)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
