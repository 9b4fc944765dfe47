/*
 * A ByteStream over a socket of Node's (or any other Duplex), read as readiness.
 */
import type { Duplex } from 'node:stream'
import { Socket } from 'node:net'
import { GyreError } from '../../base/index.ts'
import type { Endpoint } from '../listener.ts'
import { Readiness } from '../readiness.ts'
import { END, WOULD_WAIT } from '../stream.ts'
import type { ByteStream, HangUpWatcher } from '../stream.ts'

export class DuplexStream implements ByteStream {
  readonly kind = 'node'
  readonly readable: Readiness = new Readiness('bytes to read', false)
  readonly writable: Readiness = new Readiness('room to write', true)
  closed = false
  peerEnded = false
  watcher: HangUpWatcher | null = null
  private readonly duplex: Duplex
  /** What was read and not taken yet. */
  private held: Buffer | null = null
  private broken: Error | null = null

  constructor(duplex: Duplex) {
    this.duplex = duplex
    duplex.on('readable', () => {
      // Read ahead one piece: Node only tells of the end when what is before it has been read, and a
      // sleeping handler wants to know that its client has gone.
      this.held ??= this.take()
      this.readable.signal()
    })
    duplex.on('end', () => {
      this.onEnd(false)
    })
    duplex.on('drain', () => {
      this.writable.signal()
    })
    duplex.on('error', (error) => {
      this.broken = error
      this.onEnd(true)
    })
    duplex.on('close', () => {
      if (!this.closed) this.onEnd(true)
    })
  }

  get remote(): Endpoint {
    const { duplex } = this
    if (!(duplex instanceof Socket)) return NOWHERE
    return endpoint(duplex.remoteAddress, duplex.remotePort, duplex.remoteFamily)
  }

  get local(): Endpoint {
    const { duplex } = this
    if (!(duplex instanceof Socket)) return NOWHERE
    return endpoint(duplex.localAddress, duplex.localPort, duplex.localFamily)
  }

  tryRead(into: Buffer, start: number, end: number): number {
    if (this.closed) throw new GyreError('GYRE_STREAM_CLOSED')
    const held = this.held ?? this.take()
    if (held === null) {
      if (this.broken !== null) throw this.peerGone()
      if (this.peerEnded) return END
      this.readable.ready = false
      return WOULD_WAIT
    }
    const count = held.copy(into, start, 0, Math.min(held.length, end - start))
    this.held = count < held.length ? held.subarray(count) : null
    return count
  }

  tryWrite(from: Buffer, start: number, end: number): number {
    if (this.closed) throw new GyreError('GYRE_STREAM_CLOSED')
    if (this.broken !== null || this.duplex.destroyed) throw this.peerGone()
    if (!this.writable.ready) return WOULD_WAIT
    // A copy, because Node may keep it after this call and the caller writes over its buffer.
    if (!this.duplex.write(Buffer.from(from.subarray(start, end)))) this.writable.ready = false
    return end - start
  }

  shutdown(): void {
    if (!this.closed) this.duplex.end()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    if (this.duplex instanceof Socket) this.duplex.destroySoon()
    else this.duplex.end()
    this.readable.signal()
    this.writable.signal()
  }

  reset(): void {
    if (this.closed) return
    if (this.duplex instanceof Socket) this.duplex.resetAndDestroy()
    else this.duplex.destroy()
    this.close()
  }

  private take(): Buffer | null {
    return this.duplex.read() as Buffer | null
  }

  private onEnd(broken: boolean): void {
    this.peerEnded = true
    if (broken) this.broken ??= new Error('the socket was closed')
    this.readable.signal()
    this.writable.signal()
    this.watcher?.hungUp(broken)
  }

  private peerGone(): GyreError {
    return new GyreError('GYRE_PEER_GONE', `the peer is gone: ${this.broken?.message ?? 'the socket was closed'}`)
  }
}

const NOWHERE: Endpoint = { address: '', port: 0, family: 'unix' }

function endpoint(address: string | undefined, port: number | undefined, family: string | undefined): Endpoint {
  if (address === undefined || port === undefined) return NOWHERE
  return { address, port, family: family === 'IPv6' ? 'IPv6' : 'IPv4' }
}
