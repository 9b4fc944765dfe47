/*
 * TLS handshakes: between a socket that was accepted and a stream that can be used.
 *
 * The first byte is looked at before OpenSSL sees it, so that one who speaks plain HTTP to the port can
 * be told so. A handshake has one time for all of it, however it dribbles: Node's own limit is for the
 * pauses between packets. Whatever goes wrong ends that connection and nothing else.
 *
 * A place inside is taken before the handshake, so that the limits count those under way. There is room for so many;
 * then the client that has most of them loses its oldest, and no other is kept out by it.
 */
import type { Socket } from 'node:net'
import { createServer } from 'node:tls'
import type { Server as TlsServer, TLSSocket } from 'node:tls'
import { GyreError, SIZES } from '../../base/index.ts'
import type { ErrorCode } from '../../base/index.ts'
import { Deadline } from '../../kernel/index.ts'
import type { Expiring, Kernel } from '../../kernel/index.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Certificates, Doorkeeper, Place } from '../listener.ts'
import type { TlsOptions } from '../tls.ts'
import { findCertificate, readCertificates } from './certificates.ts'
import type { CertificateSet } from './certificates.ts'
import { DuplexStream, endpointOf, isAuthorized } from './stream.ts'

/** Takes what becomes of handshakes. */
export interface HandshakeEnds {
  readonly door: Doorkeeper | null
  /** @param place - held until the stream is handed over */
  secured(stream: DuplexStream, place: Place): void
  refused(error: GyreError, remote: Endpoint, plain: DuplexStream | null): void
}

/** Where nobody keeps the door. */
const ANYBODY: Place = { client: null, leave: () => undefined }

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
  private readonly running = new Map<Socket, Handshake>()
  /** The same by client, each client's in the order in which they came. */
  private readonly ofClients = new Map<string | null, Set<Handshake>>()

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
      const handshake = this.running.get(beneath(socket))
      if (handshake === undefined) socket.destroy()
      else if (isAuthorized(socket, socket.getPeerX509Certificate()) || !mustBeAuthorized) handshake.succeeded(socket)
      else handshake.failed(`the client's certificate is missing or not trusted (${String(socket.authorizationError)})`)
    })
    this.server.on('tlsClientError', (error, socket) => {
      this.running.get(beneath(socket))?.failed(reasonOf(error))
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

  /** Begins with a socket that was just accepted. */
  begin(socket: Socket): void {
    const ends = this.ends as HandshakeEnds
    const remote = endpointOf(socket)
    const place = ends.door?.admit(remote) ?? ANYBODY
    if (place instanceof GyreError) {
      socket.destroy()
      return ends.refused(place, remote, null)
    }
    if (this.running.size >= SIZES.handshakes) this.shedOne()
    const handshake = new Handshake(this, socket, remote, place, ends)
    this.running.set(socket, handshake)
    const ofClient = this.ofClients.get(place.client)
    if (ofClient === undefined) this.ofClients.set(place.client, new Set([handshake]))
    else ofClient.add(handshake)
  }

  /** Bytes of a handshake have come: OpenSSL goes on with it. */
  start(socket: Socket): void {
    this.server.emit('connection', socket)
  }

  forget(handshake: Handshake): void {
    const { socket, place } = handshake
    this.running.delete(socket)
    const ofClient = this.ofClients.get(place.client)
    ofClient?.delete(handshake)
    if (ofClient?.size === 0) this.ofClients.delete(place.client)
  }

  /** Those that have not begun get so long and no more. @param patience - in milliseconds */
  hurry(patience: number): void {
    for (const handshake of this.running.values()) handshake.hurry(patience)
  }

  /** Ends all that are under way. */
  close(): void {
    for (const handshake of this.running.values()) handshake.cut()
  }

  private shedOne(): void {
    let most: Set<Handshake> = new Set()
    for (const ofClient of this.ofClients.values()) if (ofClient.size > most.size) most = ofClient
    const [oldest] = most
    oldest?.failed(`more than ${SIZES.handshakes} TLS handshakes at once`, 'GYRE_HANDSHAKE_SHED')
  }
}

/** One connection's. */
class Handshake implements Expiring {
  readonly socket: Socket
  readonly place: Place
  private readonly owner: Handshakes
  private readonly remote: Endpoint
  private readonly ends: HandshakeEnds
  private readonly deadline: Deadline
  /** When its time is over. */
  private readonly until: number
  /** Bytes have come. */
  private begun = false
  /** The listener has stopped, and the client was quiet so far. */
  private hurried = false

  constructor(owner: Handshakes, socket: Socket, remote: Endpoint, place: Place, ends: HandshakeEnds) {
    this.owner = owner
    this.socket = socket
    this.remote = remote
    this.place = place
    this.ends = ends
    this.deadline = new Deadline(this)
    this.until = owner.kernel.host.now() + owner.time
    owner.kernel.deadlines.set(this.deadline, this.until)
    // What an error means, the close says that follows it.
    socket.on('error', () => undefined)
    socket.once('close', this.onClose)
    socket.once('readable', this.onFirst)
  }

  succeeded(secure: TLSSocket): void {
    this.settle()
    secure.allowHalfOpen = true
    this.ends.secured(new DuplexStream(secure, this.socket), this.place)
  }

  failed(reason: string, code: ErrorCode = 'GYRE_TLS_HANDSHAKE'): void {
    this.settle()
    this.ends.refused(new GyreError(code, reason), this.remote, null)
    this.end()
  }

  hurry(patience: number): void {
    if (this.begun) return
    const { deadlines, host } = this.owner.kernel
    this.hurried = true
    deadlines.set(this.deadline, Math.min(this.until, host.now() + patience))
  }

  cut(): void {
    if (this.begun) this.failed('the server shut down before the TLS handshake was done', 'GYRE_SHUTDOWN')
    else this.drop()
  }

  expired(): void {
    if (this.hurried && !this.begun) return this.drop()
    this.failed(`the TLS handshake took longer than ${this.owner.time} ms`, 'GYRE_HANDSHAKE_TIMEOUT')
  }

  drop(): void {
    this.settle()
    this.end()
  }

  private end(): void {
    this.socket.destroy()
    this.place.leave()
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
    if (this.hurried) this.owner.kernel.deadlines.set(this.deadline, this.until)
    if (!isLetter(bytes[0])) {
      // Until the handshake is done one side that ends is the end of both.
      socket.allowHalfOpen = false
      return this.owner.start(socket)
    }
    this.settle()
    this.ends.refused(new GyreError('GYRE_NOT_TLS'), this.remote, new DuplexStream(socket))
    this.place.leave()
  }

  private settle(): void {
    this.owner.forget(this)
    this.owner.kernel.deadlines.cancel(this.deadline)
    this.socket.off('close', this.onClose)
  }
}

/** Every method begins with one, and no record of TLS does. */
function isLetter(byte: number | undefined): boolean {
  return byte !== undefined && /[A-Za-z]/.test(String.fromCharCode(byte))
}

/**
 * The socket that a TLSSocket was made over. Node has no public name for it, and addresses will not do: all ends of
 * a unix socket have the same.
 */
function beneath(secure: TLSSocket): Socket {
  return (secure as unknown as { _parent: Socket })._parent
}

function reasonOf(error: Error): string {
  return `the TLS handshake failed: ${'reason' in error ? String(error.reason) : error.message}`
}
