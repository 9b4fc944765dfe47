/*
 * How the bytes that Node's response writes leave: through the outlet of the connection, at once as long as
 * the client takes them. What it does not take is kept in order, and a task of its own waits for the client.
 * Callbacks come after the code that has written, as they do in Node.
 */
import type { Coroutine } from '../kernel/index.ts'
import type { Outlet } from '../server/index.ts'

export type Encoding = BufferEncoding | null
export type WriteCallback = (error?: Error | null) => void

/** What waits for the client. */
interface Piece {
  readonly bytes: Buffer
  readonly callback: WriteCallback | null
}

/** What an output needs of its conversation. */
export interface OutputPort {
  /** The client takes no more: have `send` run. */
  clientIsSlow(): void
  /** There is room again. */
  hasRoom(): void
}

export class Output {
  /** Bytes taken in so far. */
  written = 0
  /** Bytes that wait for the client. */
  held = 0
  /** How many may, until it is said that there is no room. */
  readonly most: number
  private readonly outlet: Outlet
  private readonly port: OutputPort
  private queue: Piece[] = []
  private callbacks: WriteCallback[] = []
  private scheduled = false
  /** Bytes of this turn: who writes without end is told that there is no room, and goes on in the next. */
  private recent = 0
  /** True while a task waits for the client. */
  sending = false

  constructor(outlet: Outlet, port: OutputPort, most: number) {
    this.outlet = outlet
    this.port = port
    this.most = most
  }

  /** Bytes that wait for the client, or were written in this turn of the loop. */
  get unsettled(): number {
    return this.held + this.recent
  }

  get full(): boolean {
    return this.unsettled >= this.most
  }

  /** True where a task is needed, or at work, to bring the rest to the client. */
  get waiting(): boolean {
    return this.sending || this.queue.length > 0
  }

  /** Takes in data. Never waits. */
  take(data: string | Uint8Array, encoding: Encoding, callback: WriteCallback | null): void {
    const before = this.written
    this.takeIn(data, encoding, callback)
    this.recent += this.written - before
    if (this.recent >= this.most) this.schedule()
  }

  private takeIn(data: string | Uint8Array, encoding: Encoding, callback: WriteCallback | null): void {
    if (!this.waiting && this.tryTake(data, encoding)) {
      if (callback !== null) this.callLater(callback)
      return
    }
    const bytes = asBuffer(data, encoding)
    this.written += bytes.length
    const sent = this.waiting ? 0 : this.outlet.trySend(bytes, 0)
    if (sent === bytes.length && !this.waiting) {
      if (callback !== null) this.callLater(callback)
      return
    }
    this.queue.push({ bytes: bytes.subarray(sent), callback })
    this.held += bytes.length - sent
    this.begin()
  }

  /** What can be sent leaves now. */
  flush(): void {
    if (this.sending) return
    this.outlet.tryFlush()
    if (this.outlet.pending || this.queue.length > 0) this.begin()
  }

  /** Brings what is kept to the client, for a task. */
  *send(): Coroutine<void> {
    const { outlet } = this
    try {
      for (;;) {
        yield* outlet.flush()
        const piece = this.queue.shift()
        if (piece === undefined) return
        yield* outlet.write('', piece.bytes)
        yield* outlet.flush()
        this.held -= piece.bytes.length
        if (piece.callback !== null) this.callLater(piece.callback)
      }
    } finally {
      this.sending = false
    }
  }

  /** Calls back now who waits for what was taken; for who cannot wait for the next turn. */
  callNow(): void {
    // A callback may write, and be followed by another.
    for (let index = 0; index < this.callbacks.length; index++) {
      const callback = this.callbacks[index] as WriteCallback
      try {
        callback(null)
      } catch (error) {
        this.callbacks.splice(0, index + 1)
        this.scheduled = false
        if (this.callbacks.length > 0) this.schedule()
        throw error
      }
    }
    this.callbacks.length = 0
  }

  /** The client has gone: nothing of it will be sent. */
  fail(error: Error): void {
    const lost = this.queue.splice(0)
    this.held = 0
    for (const { callback } of lost) if (callback !== null) process.nextTick(callback, error)
  }

  /** @returns whether all of it lies in the outlet */
  private tryTake(data: string | Uint8Array, encoding: Encoding): boolean {
    const { outlet } = this
    if (data.length === 0) return true
    let size = data.length
    if (typeof data !== 'string') {
      if (!outlet.tryBytes(data)) return false
    } else if (encoding === 'latin1' || encoding === 'binary') {
      if (!outlet.tryText(data)) return false
    } else if (encoding === null || encoding === 'utf8' || encoding === 'utf-8') {
      size = outlet.tryUtf8(data)
      if (size < 0) return false
    } else return false
    this.written += size
    return true
  }

  private begin(): void {
    if (this.sending) return
    this.sending = true
    this.port.clientIsSlow()
  }

  private callLater(callback: WriteCallback): void {
    this.callbacks.push(callback)
    this.schedule()
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    process.nextTick(callScheduled, this)
  }

  calledLater(): void {
    this.scheduled = false
    const wasFull = this.full
    this.recent = 0
    this.callNow()
    if (wasFull) this.port.hasRoom()
  }
}

function callScheduled(output: Output): void {
  output.calledLater()
}

function asBuffer(data: string | Uint8Array, encoding: Encoding): Buffer {
  if (typeof data === 'string') return Buffer.from(data, encoding ?? 'utf8')
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
