/*
 * ByteStream: the seam between sockets and all that is above them. A try never waits; waiting is done
 * on the stream's two places to wait, `readable` and `writable`.
 *
 *   for (;;) {
 *     const count = stream.tryRead(buffer, 0, buffer.length)
 *     if (count === WOULD_WAIT) yield* park(stream.readable)
 *     else if (count === END) return
 *     else use(buffer.subarray(0, count))
 *   }
 *
 * Both traps also end when the stream is broken or closed by the peer; the next try tells.
 */
import { park } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import type { Endpoint } from './endpoint.ts'
import type { Readiness } from './readiness.ts'
import type { IoKind } from './select.ts'
import type { TlsConnection } from './tls.ts'

/** A try found nothing to do now: wait, and try again. */
export const WOULD_WAIT = -1
/** A read found that the peer has ended its side. */
export const END = 0

/** An open file of the operating system, as `tryWriteFile` takes it. */
export interface SendableFile {
  /** Its number. @throws where it is closed: the number may be another's by then */
  readonly descriptor: number
}

/** Told when the peer has gone, or has ended its side, whether or not somebody reads. */
export interface HangUpWatcher {
  /** The peer has gone. @param broken - true when nothing can reach the peer any more; false when it only ended its side */
  hungUp(broken: boolean): void
}

/** A connection that carries bytes both ways. */
export interface ByteStream {
  /** What carries it. */
  readonly kind: IoKind | 'memory'
  /** Ends when there is something to read, or the peer has ended its side. */
  readonly readable: Readiness
  /** Ends when there is room to write. */
  readonly writable: Readiness
  /** True after `close()` or `reset()` on our side. */
  readonly closed: boolean
  /** True once the peer has ended its side, even while bytes of it are unread. */
  readonly peerEnded: boolean
  /** The peer's address; asked for when first used. */
  readonly remote: Endpoint
  /** Our own address; asked for when first used. */
  readonly local: Endpoint
  /** How it is encrypted; null where it is not. Asked for when first used. */
  readonly tls: TlsConnection | null
  /**
   * How many bytes, as they are on the wire, the peer's system has acknowledged; 0 where ours does not tell. A
   * slow peer may take much before `writable` shows it: who has waited long sees here whether it takes anything.
   */
  readonly acknowledged: number
  /** Whom to tell when the peer goes. */
  watcher: HangUpWatcher | null

  /**
   * Reads what there is into `into[start, end)`.
   *
   * @param into - where the bytes go
   * @param start - the first place that is written
   * @param end - the place behind the last
   * @returns how many bytes, `END`, or `WOULD_WAIT`
   * @throws GyreError `GYRE_PEER_GONE` when the peer has reset the connection, `GYRE_STREAM_CLOSED` after `close()`
   */
  tryRead(into: Buffer, start: number, end: number): number

  /**
   * Writes of `from[start, end)` what there is room for. The bytes may be overwritten afterwards.
   *
   * @param from - holds the bytes
   * @param start - the first of them
   * @param end - the place behind the last
   * @param last - whether `close()` or `shutdown()` follows at once, so that the end may leave together with the bytes
   * @returns how many bytes were taken, or `WOULD_WAIT`
   * @throws GyreError as `tryRead`
   */
  tryWrite(from: Buffer, start: number, end: number, last?: boolean): number

  /**
   * Writes what there is room for of a file, which goes from the system's cache to the peer without coming into this
   * process. Only streams that can do so have it. Like any read of a file it waits for a disk that is slow.
   *
   * @param position - bytes from the beginning of the file
   * @returns how many bytes were taken, or `WOULD_WAIT`; `END` where the file has no more, or cannot be sent this way
   * @throws GyreError as `tryRead`
   */
  tryWriteFile?(file: SendableFile, position: number, length: number): number

  /** Ends our side: the peer reads to its end. Reading goes on. */
  shutdown(): void
  /** Closes; what was written before is still delivered as far as the operating system can. */
  close(): void
  /** Closes at once, and tells the peer that something went wrong. */
  reset(): void
}

/**
 * Reads what there is, waiting until there is something.
 *
 * @param stream - of any kind
 * @param into - where the bytes go, from its beginning on
 * @returns how many bytes; `END` (0) when the peer has ended its side
 * @throws GyreError as `tryRead`
 * @example
 * ```ts
 * const echo = yield* serveTcp((client) => copy(client, client), { port: 0, host: '127.0.0.1' })
 * const stream = yield* connect({ host: '127.0.0.1', port: echo.address.port })
 * yield* writeAll(stream, Buffer.from('hello'))
 * const bytes = Buffer.alloc(100)
 * const count = yield* readSome(stream, bytes)
 * console.log(bytes.toString('utf8', 0, count)) // hello
 * stream.close()
 * yield* echo.close()
 * ```
 */
export function* readSome(stream: ByteStream, into: Buffer): Coroutine<number> {
  for (;;) {
    const count = stream.tryRead(into, 0, into.length)
    if (count !== WOULD_WAIT) return count
    yield* park(stream.readable)
  }
}

/**
 * Writes all of `bytes`, waiting for room where there is none.
 *
 * @param stream - of any kind
 * @param bytes - must not be changed before this has ended
 * @throws GyreError as `tryWrite`
 * @example
 * ```ts
 * const cat = yield* spawnProcess('cat')
 * yield* writeAll(cat.stdin, Buffer.from('bread and milk'))
 * cat.stdin.shutdown()
 * console.log(String(yield* new BufferedStream(cat.stdout).readSome())) // bread and milk
 * yield* cat.wait()
 * ```
 */
export function* writeAll(stream: ByteStream, bytes: Buffer): Coroutine<void> {
  let start = 0
  while (start < bytes.length) {
    const count = stream.tryWrite(bytes, start, bytes.length)
    if (count === WOULD_WAIT) yield* park(stream.writable)
    else start += count
  }
}
