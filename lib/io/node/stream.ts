/*
 * A ByteStream over a socket of Node's (or any other Duplex), read as readiness.
 */
import type { X509Certificate } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { GyreError, SIZES } from '../../base/index.ts'
import type { Endpoint } from '../endpoint.ts'
import { Readiness } from '../readiness.ts'
import { acknowledgedOn } from '../epoll/acknowledged.ts'
import { END, WOULD_WAIT } from '../stream.ts'
import type { ByteStream, HangUpWatcher } from '../stream.ts'
import type { TlsConnection } from '../tls.ts'
import { boundClosing } from './closing.ts'

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
  /** The socket that a TLSSocket encrypts for. */
  private readonly beneath: Socket | null
  private tlsFacts: TlsConnection | null = null
  private readonly listeners = {
    readable: (): void => {
      // Read ahead one piece: Node only tells of the end when what is before it has been read, and a
      // sleeping handler wants to know that its client has gone.
      this.held ??= this.take()
      this.readable.signal()
    },
    end: (): void => this.onEnd(false),
    drain: (): void => this.writable.signal(),
    error: (error: Error): void => {
      this.broken = error
      this.onEnd(true)
    },
    close: (): void => {
      if (!this.closed) this.onEnd(true)
    },
  }

  /** @param beneath - the plain socket, where the duplex is a TLSSocket */
  constructor(duplex: Duplex, beneath: Socket | null = null) {
    this.duplex = duplex
    this.beneath = beneath
    for (const [name, listener] of Object.entries(this.listeners)) duplex.on(name, listener)
  }

  get remote(): Endpoint {
    return this.duplex instanceof Socket ? endpointOf(this.duplex) : NOWHERE
  }

  get tls(): TlsConnection | null {
    if (this.duplex instanceof TLSSocket) this.tlsFacts ??= tlsFactsOf(this.duplex)
    return this.tlsFacts
  }

  get acknowledged(): number {
    const socket = this.beneath ?? this.duplex
    const descriptor = socket instanceof Socket ? descriptorOf(socket) : undefined
    return descriptor === undefined ? 0 : acknowledgedOn(descriptor)
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
    // Not more than this: Node takes whatever it is given, and holds what the peer does not read.
    const count = Math.min(end - start, SIZES.nodeOutput)
    // A copy, because Node may keep it after this call and the caller writes over its buffer.
    if (!this.duplex.write(Buffer.from(from.subarray(start, start + count)))) this.writable.ready = false
    return count
  }

  shutdown(): void {
    if (!this.closed) this.duplex.end()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    const { duplex } = this
    if (duplex instanceof Socket) {
      duplex.destroySoon()
      boundClosing(duplex, this)
    } else duplex.end()
    this.readable.signal()
    this.writable.signal()
  }

  reset(): void {
    if (this.closed) return
    // Node resets TCP alone: TLS is reset beneath it, and a unix socket, which has no address, knows no reset.
    const socket = this.beneath ?? this.duplex
    const isTcp = socket instanceof Socket && !(socket instanceof TLSSocket) && socket.remotePort !== undefined
    if (isTcp && !socket.destroyed) socket.resetAndDestroy()
    // TLS goes by itself when the socket beneath is closed. Destroyed here it would be freed at once, and the
    // process crash where OpenSSL is calling us: in 'secureConnect' and 'secureConnection'.
    else if (this.beneath?.destroyed !== true) this.duplex.destroy()
    this.close()
  }

  /**
   * Gives the duplex away, with what was read of it and not taken: the stream is closed from here on.
   *
   * @throws GyreError `GYRE_STREAM_CLOSED`, or `GYRE_PEER_GONE` where it is broken
   */
  release(): Duplex {
    if (this.closed) throw new GyreError('GYRE_STREAM_CLOSED')
    if (this.broken !== null || this.duplex.destroyed) throw this.peerGone()
    this.closed = true
    for (const [name, listener] of Object.entries(this.listeners)) this.duplex.off(name, listener)
    if (this.held !== null) this.duplex.unshift(this.held)
    this.held = null
    this.readable.signal()
    this.writable.signal()
    return this.duplex
  }

  private take(): Buffer | null {
    return this.duplex.read() as Buffer | null
  }

  private onEnd(broken: boolean): void {
    // One that closed after its end has delivered all that there was to read.
    if (broken && !this.peerEnded) this.broken ??= new Error('the socket was closed')
    this.peerEnded = true
    this.readable.signal()
    this.writable.signal()
    this.watcher?.hungUp(broken)
  }

  private peerGone(): GyreError {
    return new GyreError('GYRE_PEER_GONE', `the peer is gone: ${this.broken?.message ?? 'the socket was closed'}`)
  }
}

/** Node has no public name for it; without a number nothing is known of what the peer acknowledges. */
function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as { _handle?: { fd?: number } | null }
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined
}

const NOWHERE: Endpoint = { address: '', port: 0, family: 'unix' }

/** @returns the peer's end of a socket; one without an address once it is gone */
export function endpointOf({ remoteAddress, remotePort, remoteFamily }: Socket): Endpoint {
  return endpoint(remoteAddress, remotePort, remoteFamily)
}

function endpoint(address: string | undefined, port: number | undefined, family: string | undefined): Endpoint {
  if (address === undefined || port === undefined) return NOWHERE
  return { address, port, family: family === 'IPv6' ? 'IPv6' : 'IPv4' }
}

function tlsFactsOf(socket: TLSSocket): TlsConnection {
  const certificate = socket.getPeerX509Certificate()
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().standardName,
    // What Node declares and what it gives differ: false where no name came, or no protocol was agreed.
    serverName: textOrNull(socket.servername)?.toLowerCase() ?? null,
    alpn: textOrNull(socket.alpnProtocol),
    peerCertificate: certificate ?? null,
    authorized: isAuthorized(socket, certificate),
  }
}

/**
 * Node says it of a resumed session of TLS 1.3 too that never had a certificate.
 *
 * @param certificate - as `getPeerX509Certificate` gave it: at a client's end Node 20 gives it once
 */
export function isAuthorized(socket: TLSSocket, certificate: X509Certificate | undefined): boolean {
  return socket.authorized && certificate !== undefined
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
