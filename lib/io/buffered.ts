/*
 * A byte stream that is read by lines, by separators and by numbers of bytes, whatever pieces it comes in.
 *
 * What came and was not taken is kept here, so a read that is cancelled loses nothing: the next one finds all
 * of it. What is returned is never written over: more bytes go behind it, or into a new buffer.
 */
import { GyreError, SIZES } from '../base/index.ts'
import { park } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { Lock } from '../sync/index.ts'
import { LayeredStream } from './layered.ts'
import { scratchBuffer } from './scratch.ts'
import { END, WOULD_WAIT, writeAll } from './stream.ts'

const NOTHING = Buffer.alloc(0)
const LINE_FEED = 10
const CARRIAGE_RETURN = 13

/** What a buffered stream counts. */
export interface BufferedStreamStatistics {
  /** Bytes that came and were not taken yet. */
  readonly unread: number
  /** Tasks that wait to write, while another does. */
  readonly writing: number
}

/**
 * Reads and writes over any byte stream, and is one itself. One task at a time reads; any number may write,
 * each `writeAll` as a whole.
 *
 * @example
 * ```ts
 * const server = yield* serveTcp(function* (client) {
 *   const stream = new BufferedStream(client)
 *   const length = Number(yield* stream.readLine())
 *   const bytes = yield* stream.readExactly(length)
 *   yield* stream.writeAll(`${bytes.toString().toUpperCase()}.`)
 * }, { port: 0, host: '127.0.0.1' })
 * using stream = new BufferedStream(yield* connect({ host: '127.0.0.1', port: server.address.port }))
 * yield* stream.writeAll('5\nhello')
 * console.log((yield* stream.readUntil('.')).toString()) // HELLO.
 * yield* server.close()
 * ```
 */
export class BufferedStream extends LayeredStream implements Disposable {
  private readonly writing = new Lock()
  private bytes = NOTHING
  /** What was not taken yet is `bytes[start, end)`. */
  private start = 0
  private end = 0

  /** How many bytes came and were not taken yet. */
  get unread(): number {
    return this.end - this.start
  }

  /** @returns how many bytes came and were not taken yet, and how many tasks wait to write */
  statistics(): BufferedStreamStatistics {
    return { unread: this.unread, writing: this.writing.statistics().waiting }
  }

  /**
   * Reads what there is, waiting until there is something.
   *
   * @param most - how many bytes at most
   * @returns at least one byte; null at the end of the stream
   */
  *readSome(most: number = Infinity): Coroutine<Buffer | null> {
    if (this.unread === 0 && !(yield* this.more())) return null
    return this.take(Math.min(most, this.unread))
  }

  /**
   * Reads so many bytes.
   *
   * @param count - a whole number, 0 or more
   * @throws GyreError `GYRE_STREAM_ENDED` where the stream ends before; what came is still there to be read
   */
  *readExactly(count: number): Coroutine<Buffer> {
    if (!(Number.isSafeInteger(count) && count >= 0))
      throw new GyreError('GYRE_BAD_OPTION', `readExactly() needs a whole number of bytes, not ${count}`)
    while (this.unread < count)
      if (!(yield* this.more(count)))
        throw new GyreError('GYRE_STREAM_ENDED', `the stream ended after ${this.unread} of ${count} bytes`)
    return this.take(count)
  }

  /**
   * Reads up to a separator, and the separator.
   *
   * @param separator - text or bytes, not empty
   * @param limit - how many bytes at most, with the separator
   * @throws GyreError `GYRE_READ_LIMIT` where it does not come within the limit, `GYRE_STREAM_ENDED` where the
   *   stream ends before; what came is still there to be read
   */
  *readUntil(separator: string | Buffer, limit: number = SIZES.line): Coroutine<Buffer> {
    const wanted = Buffer.from(separator)
    if (wanted.length === 0) throw new GyreError('GYRE_BAD_OPTION', 'readUntil() needs a separator that is not empty')
    const length = yield* this.lengthUntil(wanted, limit)
    if (length === null)
      throw new GyreError('GYRE_STREAM_ENDED', `the stream ended after ${this.unread} bytes without the separator`)
    return this.take(length)
  }

  /**
   * Reads a line of UTF-8, which ends with LF or CR LF, or with the stream.
   *
   * @param limit - how many bytes at most, with the line's end
   * @returns the line without its end; null at the end of the stream
   * @throws GyreError `GYRE_READ_LIMIT` where it is longer
   */
  *readLine(limit: number = SIZES.line): Coroutine<string | null> {
    const length = yield* this.lengthUntil(LINE_FEED, limit)
    if (length === null) return this.unread === 0 ? null : this.take(this.unread).toString()
    const line = this.take(length)
    const end = line[length - 2] === CARRIAGE_RETURN ? length - 2 : length - 1
    return line.toString('utf8', 0, end)
  }

  /**
   * Writes what there is room for, waiting until there is some.
   *
   * @returns how many bytes were taken
   */
  *write(bytes: Uint8Array): Coroutine<number> {
    const from = bufferOf(bytes)
    for (;;) {
      const count = this.tryWrite(from, 0, from.length)
      if (count !== WOULD_WAIT) return count
      yield* park(this.writable)
    }
  }

  /**
   * Writes all, waiting for room where there is none. Tasks that write at the same time do so one after
   * another. A cancel may leave a part written: then the stream is of no more use to protocols with frames.
   *
   * @param data - bytes, or text, which is written as UTF-8
   */
  *writeAll(data: Uint8Array | string): Coroutine<void> {
    yield* this.writing.acquire()
    try {
      yield* writeAll(this.stream, typeof data === 'string' ? Buffer.from(data) : bufferOf(data))
    } finally {
      this.writing.release()
    }
  }

  /** @returns how many bytes lead to the separator's end; null where the stream ends before */
  private *lengthUntil(separator: Buffer | number, limit: number): Coroutine<number | null> {
    const size = typeof separator === 'number' ? 1 : separator.length
    for (let searched = 0; ;) {
      const found = this.bytes.subarray(this.start, this.end).indexOf(separator, searched)
      const length = found < 0 ? this.unread : found + size
      if (length > limit || (found < 0 && length === limit))
        throw new GyreError('GYRE_READ_LIMIT', `the separator did not come within ${limit} bytes`)
      if (found >= 0) return length
      // The separator may have begun in what was searched.
      searched = Math.max(0, this.unread - size + 1)
      if (!(yield* this.more())) return null
    }
  }

  private take(count: number): Buffer {
    const taken = this.bytes.subarray(this.start, this.start + count)
    this.start += count
    if (this.start === this.end) {
      this.bytes = NOTHING
      this.start = this.end = 0
    }
    return taken
  }

  /**
   * Waits for more bytes, and keeps them.
   *
   * @param expected - how many will be wanted in all
   * @returns false at the end of the stream
   */
  private *more(expected: number = 0): Coroutine<boolean> {
    for (;;) {
      const piece = scratchBuffer()
      const count = this.stream.tryRead(piece, 0, piece.length)
      if (count === END) return false
      if (count !== WOULD_WAIT) {
        this.keep(piece, count, expected)
        return true
      }
      yield* park(this.stream.readable)
    }
  }

  private keep(piece: Buffer, count: number, expected: number): void {
    if (this.end + count > this.bytes.length) {
      const needed = this.unread + count
      // Twice as much where it has to grow, so that the cost stays linear; never more than is sure to come.
      const room = this.unread === 0 ? needed : Math.max(needed * 2, Math.min(expected, SIZES.turn))
      const grown = Buffer.allocUnsafe(room)
      this.bytes.copy(grown, 0, this.start, this.end)
      this.end -= this.start
      this.start = 0
      this.bytes = grown
    }
    piece.copy(this.bytes, this.end, 0, count)
    this.end += count
  }

  override tryRead(into: Buffer, start: number, end: number): number {
    if (this.unread === 0) return this.stream.tryRead(into, start, end)
    if (this.closed) throw new GyreError('GYRE_STREAM_CLOSED')
    const count = Math.min(end - start, this.unread)
    this.take(count).copy(into, start)
    return count
  }

  /** Closes, for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
