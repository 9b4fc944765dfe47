/*
 * Two byte streams joined back to back, in memory. They keep the contract of sockets, and where sockets
 * may be kind or harsh they are always harsh: what was not read when the peer reset is lost, and closing
 * with unread bytes is a reset (RFC 1122 section 4.2.2.13). So a server that forgets to linger is found
 * out every time, and not once in a thousand.
 */
import { GyreError } from '../base/index.ts'
import { END, Readiness, WOULD_WAIT } from '../io/index.ts'
import type { ByteStream, Endpoint, HangUpWatcher } from '../io/index.ts'
import { TESTING } from './sizes.ts'

/** How a memory pair behaves, both ways. */
export interface MemoryPairOptions {
  /** How many bytes are on their way before a writer has to wait; 64 KB without it. */
  readonly capacity?: number
  /** How many bytes a read gives at most: a number, or a function that is asked before each read. */
  readonly cut?: number | (() => number)
}

/**
 * One end of a memory pair.
 *
 * @example
 * ```ts
 * const [client, serverEnd] = memoryPair({ capacity: 4 })
 * const bytes = Buffer.from('hello')
 * console.log(client.tryWrite(bytes, 0, 5), client.tryWrite(bytes, 4, 5) === WOULD_WAIT) // 4 true
 * console.log(serverEnd.tryRead(bytes, 0, 5), serverEnd.closed) // 4 false
 * ```
 */
export class MemoryStream implements ByteStream {
  /** Nothing but memory carries it. */
  readonly kind = 'memory'
  readonly tls = null
  /** Room shows as soon as the peer has read a byte: there is nothing to tell beyond. */
  readonly acknowledged = 0
  readonly readable: Readiness = new Readiness('bytes to read', false)
  readonly writable: Readiness = new Readiness('room to write', true)
  readonly remote: Endpoint
  readonly local: Endpoint
  /** True after `close()` or `reset()` on this side. */
  closed = false
  peerEnded = false
  watcher: HangUpWatcher | null = null
  private readonly capacity: number
  private readonly cut: () => number
  private peer: MemoryStream | null = null
  /** What the peer has written and nobody has read. */
  private readonly arrived: Buffer[] = []
  private unread = 0
  private ended = false
  private broken = false

  /** For `memoryPair` alone. @internal */
  constructor(options: MemoryPairOptions, local: Endpoint, remote: Endpoint) {
    const { capacity = TESTING.capacity, cut = Infinity } = options
    this.capacity = positive('capacity', capacity)
    this.cut = typeof cut === 'function' ? () => positive('cut', cut()) : () => cut
    if (typeof cut === 'number') positive('cut', cut)
    this.local = local
    this.remote = remote
  }

  /** For `memoryPair` alone. @internal */
  join(peer: MemoryStream): void {
    this.peer = peer
  }

  tryRead(into: Buffer, start: number, end: number): number {
    this.mustBeOpen()
    if (this.broken) throw peerGone('reset')
    if (this.unread === 0) {
      if (this.peerEnded) return END
      this.readable.ready = false
      return WOULD_WAIT
    }
    const count = this.take(into, start, Math.min(end, start + this.cut()))
    this.unread -= count
    if (this.unread === 0 && !this.peerEnded) this.readable.ready = false
    if (this.peer?.writable.ready === false) this.peer.writable.signal()
    return count
  }

  tryWrite(from: Buffer, start: number, end: number): number {
    this.mustBeOpen()
    if (this.broken) throw peerGone('reset')
    if (this.ended) throw peerGone('written to after shutdown()')
    const peer = this.peer as MemoryStream
    if (peer.closed) {
      // What comes to a closed socket is answered by a reset; the writer learns of it afterwards.
      this.breakOff()
      return end - start
    }
    const count = Math.min(end - start, peer.capacity - peer.unread)
    if (count === 0 && end > start) {
      this.writable.ready = false
      return WOULD_WAIT
    }
    if (count === 0) return 0
    peer.arrived.push(Buffer.from(from.subarray(start, start + count)))
    peer.unread += count
    peer.readable.signal()
    return count
  }

  shutdown(): void {
    if (this.closed || this.ended || this.broken) return
    this.ended = true
    this.peer?.endReached()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    const { peer } = this
    if (this.unread > 0) peer?.breakOff()
    else if (!this.ended && !this.broken) peer?.endReached()
    this.drop()
    this.readable.signal()
    this.writable.signal()
  }

  reset(): void {
    if (this.closed) return
    this.closed = true
    this.drop()
    this.peer?.breakOff()
    this.readable.signal()
    this.writable.signal()
  }

  private take(into: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && this.arrived.length > 0) {
      const first = this.arrived[0] as Buffer
      const count = first.copy(into, at, 0, Math.min(first.length, end - at))
      at += count
      if (count === first.length) this.arrived.shift()
      else this.arrived[0] = first.subarray(count)
    }
    return at - start
  }

  /** The peer has ended its side. */
  private endReached(): void {
    if (this.closed || this.broken) return
    this.peerEnded = true
    this.readable.signal()
    this.watcher?.hungUp(false)
  }

  /** A reset has arrived. */
  private breakOff(): void {
    if (this.closed || this.broken) return
    this.broken = true
    this.peerEnded = true
    this.drop()
    this.readable.signal()
    this.writable.signal()
    this.watcher?.hungUp(true)
  }

  private drop(): void {
    this.arrived.length = 0
    this.unread = 0
  }

  private mustBeOpen(): void {
    if (this.closed) throw new GyreError('GYRE_STREAM_CLOSED')
  }
}

function peerGone(how: string): GyreError {
  return new GyreError('GYRE_PEER_GONE', `the peer is gone: ${how}`)
}

function positive(name: string, value: number): number {
  if (!(value >= 1)) throw new GyreError('GYRE_BAD_OPTION', `${name} must be at least 1, not ${String(value)}`)
  return value
}

const CLIENT: Endpoint = { address: '127.0.0.1', port: TESTING.clientPort, family: 'IPv4' }
const SERVER: Endpoint = { address: '127.0.0.1', port: TESTING.serverPort, family: 'IPv4' }

/**
 * Makes a connection in memory: what is written at one end is read at the other.
 *
 * @param options - capacity and cuts; both may be left out
 * @returns the client's end and the server's end; they differ in nothing but their addresses
 * @throws GyreError `GYRE_BAD_OPTION` for a capacity or a cut below 1
 * @example
 * ```ts
 * const server = createServer((request, response) => response.text(request.path))
 * const [client, serverEnd] = memoryPair({ cut: 1 }) // each read brings one byte
 * server.serve(serverEnd)
 * await run(writeAll(client, Buffer.from('GET /ada HTTP/1.1\r\nHost: a\r\n\r\n')))
 * const stream = new BufferedStream(client)
 * console.log(await run(stream.readLine())) // HTTP/1.1 200 OK
 * client.close()
 * ```
 */
export function memoryPair(options: MemoryPairOptions = {}): [client: MemoryStream, server: MemoryStream] {
  const client = new MemoryStream(options, CLIENT, SERVER)
  const server = new MemoryStream(options, SERVER, CLIENT)
  client.join(server)
  server.join(client)
  return [client, server]
}
