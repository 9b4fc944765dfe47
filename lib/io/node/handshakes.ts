/*
 * TLS handshakes: between a socket that was accepted and a stream that can be used.
 *
 * The first byte is looked at before OpenSSL sees it, so that one who speaks plain HTTP to the port can
 * be told so. A handshake has one time for all of it, however it dribbles: Node's own limit is for the
 * pauses between packets. Whatever goes wrong ends that connection and nothing else.
 */
import type { Socket } from 'node:net'
import { createServer } from 'node:tls'
import type { Server as TlsServer, TLSSocket } from 'node:tls'
import { GyreError, SIZES } from '../../base/index.ts'
import type { ErrorCode } from '../../base/index.ts'
import { Deadline } from '../../kernel/index.ts'
import type { Expiring, Kernel } from '../../kernel/index.ts'
import type { Certificates, Endpoint } from '../listener.ts'
import type { TlsOptions } from '../tls.ts'
import { findCertificate, readCertificates } from './certificates.ts'
import type { CertificateSet } from './certificates.ts'
import { DuplexStream, endpointOf, isAuthorized } from './stream.ts'

/** Takes what becomes of handshakes. */
export interface HandshakeEnds {
  secured(stream: DuplexStream): void
  refused(error: GyreError, remote: Endpoint, plain: DuplexStream | null): void
}

export class Handshakes implements Certificates {
  readonly kernel: Kernel
  readonly time: number
  private readonly options: TlsOptions
  private readonly server: TlsServer
  private set: CertificateSet
  /** Reads are numbered, because one that began earlier may end later. */
  private reads = 0
  private newest = 0
  private ends: HandshakeEnds | null = null
  /** By both ends of the connection, which is all that Node's events and our records have in common. */
  private readonly running = new Map<string, Handshake>()

  private constructor(kernel: Kernel, options: TlsOptions, time: number, set: CertificateSet) {
    this.kernel = kernel
    this.options = options
    this.time = time
    this.set = set
    this.server = createServer({
      ...set.fallback,
      ALPNProtocols: ['http/1.1'],
      requestCert: options.requestClientCertificate === true,
      // Left to us: Node would close without saying why.
      rejectUnauthorized: false,
      // Ours is the one for the whole handshake.
      handshakeTimeout: 0,
      // Nothing in here throws, whatever the name (CVE-2026-21637): without a context Node takes the fallback.
      SNICallback: (name, done) => {
        done(null, findCertificate(this.set.named, name))
      },
    })
    const mustBeAuthorized = options.requestClientCertificate === true && options.rejectUnauthorized !== false
    this.server.on('secureConnection', (socket) => {
      const handshake = this.running.get(keyOf(socket))
      if (handshake === undefined) socket.destroy()
      else if (isAuthorized(socket) || !mustBeAuthorized) handshake.succeeded(socket)
      else handshake.failed(`the client's certificate is missing or not trusted (${String(socket.authorizationError)})`)
    })
    this.server.on('tlsClientError', (error, socket) => {
      this.running.get(keyOf(socket))?.failed(reasonOf(error))
    })
  }

  /** @throws GyreError `GYRE_TLS_CERTIFICATE`, by a rejection */
  static async open(kernel: Kernel, options: TlsOptions, time: number): Promise<Handshakes> {
    return new Handshakes(kernel, options, time, await readCertificates(options))
  }

  async read(): Promise<() => void> {
    const number = ++this.reads
    const set = await readCertificates(this.options)
    return () => {
      if (number < this.newest) return
      this.newest = number
      this.set = set
      this.server.setSecureContext(set.fallback)
    }
  }

  /** Who is told; to be set before the first `begin`. */
  reportTo(ends: HandshakeEnds): void {
    this.ends = ends
  }

  /** Begins with a socket that was just accepted. @returns whether there was room for one more */
  begin(socket: Socket): boolean {
    if (this.ends === null || this.running.size >= SIZES.handshakes) return false
    const key = keyOf(socket)
    this.running.set(key, new Handshake(this, key, socket, this.ends))
    return true
  }

  /** Bytes of a handshake have come: OpenSSL goes on with it. */
  start(socket: Socket): void {
    this.server.emit('connection', socket)
  }

  forget(key: string): void {
    this.running.delete(key)
  }

  /** Ends all that are under way. */
  close(): void {
    for (const handshake of this.running.values()) handshake.drop()
  }
}

/** One connection's. */
class Handshake implements Expiring {
  private readonly owner: Handshakes
  private readonly key: string
  private readonly socket: Socket
  private readonly ends: HandshakeEnds
  private readonly deadline: Deadline
  /** Bytes have come. */
  private begun = false

  constructor(owner: Handshakes, key: string, socket: Socket, ends: HandshakeEnds) {
    this.owner = owner
    this.key = key
    this.socket = socket
    this.ends = ends
    this.deadline = new Deadline(this)
    owner.kernel.deadlines.set(this.deadline, owner.kernel.host.now() + owner.time)
    // What an error means, the close says that follows it.
    socket.on('error', () => undefined)
    socket.once('close', this.onClose)
    socket.once('readable', this.onFirst)
  }

  succeeded(secure: TLSSocket): void {
    this.settle()
    secure.allowHalfOpen = true
    this.ends.secured(new DuplexStream(secure, this.socket))
  }

  failed(reason: string, code: ErrorCode = 'GYRE_TLS_HANDSHAKE'): void {
    this.settle()
    this.ends.refused(new GyreError(code, reason), endpointOf(this.socket), null)
    this.socket.destroy()
  }

  expired(): void {
    this.failed(`the TLS handshake took longer than ${this.owner.time} ms`, 'GYRE_HANDSHAKE_TIMEOUT')
  }

  drop(): void {
    this.settle()
    this.socket.destroy()
  }

  private readonly onClose = (): void => {
    if (this.begun) this.failed('the client went during the TLS handshake')
    else this.drop()
  }

  private readonly onFirst = (): void => {
    const { socket } = this
    const bytes = socket.read() as Buffer | null
    // Connected and went: a health check, or somebody who counts ports.
    if (bytes === null) return this.drop()
    socket.unshift(bytes)
    this.begun = true
    if (!isLetter(bytes[0])) {
      // Until the handshake is done one side that ends is the end of both.
      socket.allowHalfOpen = false
      return this.owner.start(socket)
    }
    this.settle()
    this.ends.refused(new GyreError('GYRE_NOT_TLS'), endpointOf(socket), new DuplexStream(socket))
  }

  private settle(): void {
    this.owner.forget(this.key)
    this.owner.kernel.deadlines.cancel(this.deadline)
    this.socket.off('close', this.onClose)
  }
}

/** Every method begins with one, and no record of TLS does. */
function isLetter(byte: number | undefined): boolean {
  return byte !== undefined && /[A-Za-z]/.test(String.fromCharCode(byte))
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(' ')
}

function reasonOf(error: Error): string {
  return `the TLS handshake failed: ${'reason' in error ? String(error.reason) : error.message}`
}
