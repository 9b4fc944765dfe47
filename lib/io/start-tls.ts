/*
 * Encryption that begins on a connection which is there already: after a word of the protocol (STARTTLS), or
 * at once, for `connect`. It is Node's in both kinds of io: a socket of ours is handed to Node.
 */
import { Socket, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, createSecureContext, createServer } from 'node:tls'
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls'
import { GyreError } from '../base/index.ts'
import type { ErrorCode } from '../base/index.ts'
import { Spot, park, waitPromise } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { BufferedStream } from './buffered.ts'
import { FdStream } from './epoll/stream.ts'
import { findCertificate, readCertificates, readPem } from './node/certificates.ts'
import type { CertificateSet } from './node/certificates.ts'
import { DuplexStream, isAuthorized } from './node/stream.ts'
import type { ByteStream } from './stream.ts'
import type { TlsOptions } from './tls.ts'

/** How a client encrypts. */
export interface TlsClientOptions {
  /** The name that the certificate of the server must be for, and that the server is asked for (SNI). */
  readonly serverName?: string
  /** Who may sign the server's certificate: the path of a PEM file, or PEM. The authorities of Node without it. */
  readonly ca?: string
  /** Our own certificate, with its key, where the server wants one: paths of PEM files, or PEM. */
  readonly cert?: string
  /** The key of that certificate. */
  readonly key?: string
  /** What the key is encrypted with, where it is. */
  readonly passphrase?: string
  /** The protocols that we speak, the best first (ALPN, RFC 7301); `stream.tls.alpn` is what was agreed. */
  readonly alpn?: readonly string[]
  /** The lowest version that is spoken. TLSv1.2 by default. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** False takes any certificate, and whoever is in between reads along. True by default. */
  readonly rejectUnauthorized?: boolean
}

/** Which side of the handshake we are, and how we encrypt. */
export type StartTlsOptions =
  | {
      /** We are the client. The name of the server must be given. */
      readonly client: TlsClientOptions & Required<Pick<TlsClientOptions, 'serverName'>>
    }
  | {
      /** We are the server. The files are read once for each object. */
      readonly server: TlsOptions
    }

/**
 * Begins to encrypt a connection. However this ends, the stream that it is given is closed: the one that it
 * returns stands for the connection, and where it throws or is cancelled the connection is cut.
 *
 * @param stream - of `connect` or a listener, or a BufferedStream over one; all that came so far must have been read
 * @param options - `{ client }` or `{ server }`
 * @returns the encrypted stream
 * @throws GyreError `GYRE_CONNECT_TLS` for a client, `GYRE_TLS_HANDSHAKE` for a server; `GYRE_TLS_CERTIFICATE`;
 *   `GYRE_STREAM_LEFTOVER` where bytes were read ahead, which somebody may have slipped in (CVE-2011-0411);
 *   `GYRE_IO_UNAVAILABLE` for a stream that is no socket
 * @example
 * ```ts
 * function* upgrade(stream: BufferedStream) {
 *   yield* stream.writeAll('STARTTLS\r\n')
 *   if ((yield* stream.readLine()) !== '220 go ahead') throw new Error('no encryption')
 *   return yield* startTls(stream, { client: { serverName: 'mail.example' } })
 * }
 * ```
 */
export function* startTls(stream: ByteStream, options: StartTlsOptions): Coroutine<ByteStream> {
  try {
    const begin = 'client' in options ? yield* clientHandshake(options.client) : yield* serverHandshake(options.server)
    return yield* secured(takenFrom(stream), begin)
  } catch (error) {
    stream.reset()
    throw error
  }
}

/** Begins a handshake on a socket. The callbacks come once at most, one of them. @returns what must be destroyed */
type Handshake = (socket: Duplex, done: (secure: TLSSocket) => void, failed: (error: GyreError) => void) => Duplex

/**
 * Takes a stream's socket out of it, as one of Node's; the stream is closed from here on.
 *
 * @throws GyreError `GYRE_STREAM_LEFTOVER`, `GYRE_IO_UNAVAILABLE` where it is no socket, and as `release` of streams
 */
export function takenFrom(stream: ByteStream): Duplex {
  if (stream instanceof BufferedStream) {
    if (stream.unread > 0)
      throw new GyreError('GYRE_STREAM_LEFTOVER', `${stream.unread} bytes came before encryption was begun`)
    return takenFrom(stream.stream)
  }
  if (stream instanceof DuplexStream) return stream.release()
  if (!(stream instanceof FdStream))
    throw new GyreError(
      'GYRE_IO_UNAVAILABLE',
      `a stream of the kind ${stream.kind} cannot be encrypted: it is no socket`,
    )
  return new Socket({ fd: stream.release(), readable: true, writable: true, allowHalfOpen: true })
}

function* secured(socket: Duplex, begin: Handshake): Coroutine<DuplexStream> {
  const spot = new Spot('a TLS handshake')
  // What an error means, the one of the TLSSocket says.
  socket.on('error', () => undefined)
  // Until the handshake is done one side that ends is the end of both.
  if (socket instanceof Socket) socket.allowHalfOpen = false
  const done = (secure: TLSSocket): void => {
    secure.allowHalfOpen = true
    // Where the wait was cancelled meanwhile, the task destroys what it has begun.
    spot.wake(new DuplexStream(secure, socket instanceof Socket ? socket : null))
  }
  let begun = socket
  try {
    begun = begin(socket, done, (error) => void spot.wakeThrow(error))
    return yield* park<DuplexStream>(spot)
  } catch (error) {
    begun.destroy()
    throw error
  }
}

function* clientHandshake(options: TlsClientOptions & { readonly serverName: string }): Coroutine<Handshake> {
  const { serverName, alpn, rejectUnauthorized = true } = options
  const prepared: ConnectionOptions = {
    secureContext: yield* clientContext(options),
    rejectUnauthorized,
    // An address is no name that can be asked for (RFC 6066 section 3), but the certificate must be for it.
    ...(isIP(serverName) === 0 ? { servername: serverName } : { host: serverName }),
    ...(alpn !== undefined && { ALPNProtocols: [...alpn] }),
  }
  return (socket, done, failed) => {
    const secure = connectTls({ ...prepared, socket })
    const fail = (error: Error): void => failed(handshakeError('GYRE_CONNECT_TLS', `with ${serverName}`, error))
    const onClose = (): void => fail(new Error('the server went'))
    secure.once('error', fail)
    secure.once('close', onClose)
    secure.once('secureConnect', () => {
      secure.off('close', onClose)
      done(secure)
      secure.off('error', fail)
    })
    return secure
  }
}

function* clientContext({ ca, cert, key, passphrase, minVersion }: TlsClientOptions): Coroutine<SecureContext> {
  const files = {
    ...(ca !== undefined && { ca: yield* waitPromise(readPem('tls.ca', ca)) }),
    ...(cert !== undefined && { cert: yield* waitPromise(readPem('tls.cert', cert)) }),
    ...(key !== undefined && { key: yield* waitPromise(readPem('tls.key', key)) }),
    ...(passphrase !== undefined && { passphrase }),
  }
  try {
    return createSecureContext({ minVersion: minVersion ?? 'TLSv1.2', ...files })
  } catch (error) {
    const detail = `tls: the certificate, its key or the ca are of no use to OpenSSL: ${String(error)}`
    throw new GyreError('GYRE_TLS_CERTIFICATE', detail, error)
  }
}

const sets = new WeakMap<TlsOptions, Promise<CertificateSet>>()

function* serverHandshake(options: TlsOptions): Coroutine<Handshake> {
  let reading = sets.get(options)
  if (reading === undefined) {
    reading = readCertificates(options)
    sets.set(options, reading)
    // A file that was wrong may be right the next time.
    reading.catch(() => sets.delete(options))
  }
  const { fallback, named } = yield* waitPromise(reading)
  const mustBeAuthorized = options.requestClientCertificate === true && options.rejectUnauthorized !== false
  return (socket, done, failed) => {
    const server = createServer({
      ...fallback,
      requestCert: options.requestClientCertificate === true,
      // Left to us: Node would close without saying why.
      rejectUnauthorized: false,
      // A time limit is put around `startTls`, like around everything else.
      handshakeTimeout: 0,
      SNICallback: (name, found) => found(null, findCertificate(named, name)),
    })
    const fail = (error: Error): void => failed(handshakeError('GYRE_TLS_HANDSHAKE', 'with a client', error))
    server.once('secureConnection', (secure) => {
      if (isAuthorized(secure, secure.getPeerX509Certificate()) || !mustBeAuthorized) return done(secure)
      // Until the task has destroyed it: an error that nobody listens to ends the process.
      secure.on('error', () => undefined)
      fail(new Error(`its certificate is missing or not trusted (${String(secure.authorizationError)})`))
    })
    server.once('tlsClientError', fail)
    server.emit('connection', socket)
    return socket
  }
}

function handshakeError(code: ErrorCode, whom: string, error: Error): GyreError {
  const reason = 'reason' in error ? String(error.reason) : error.message
  return new GyreError(code, `the TLS handshake ${whom} failed: ${reason}`, error)
}
