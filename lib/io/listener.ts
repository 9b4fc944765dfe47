/*
 * Listener: the seam where connections come in. Like a stream it is tried, and waited for on a trap.
 */
import type { GyreError } from '../base/index.ts'
import type { Coroutine, Trap } from '../kernel/index.ts'
import type { Endpoint } from './endpoint.ts'
import type { ByteStream } from './stream.ts'

/** A TCP port to listen at. */
export interface TcpAddress {
  /** An IP address; null for all addresses, of IPv6 and IPv4 alike where the machine has IPv6. */
  readonly address: string | null
  readonly port: number
  readonly backlog: number
  /** `::` takes no IPv4. */
  readonly ipv6Only?: boolean
  /** Other processes may listen at the same port, and the operating system deals connections out. */
  readonly reusePort?: boolean
}

/** A unix socket to listen at. */
export interface UnixAddress {
  /** A path; or a name behind a NUL, for a socket without a file (unix(7), "abstract"). */
  readonly path: string
  readonly backlog: number
  /** Permission bits of the file; those that the umask leaves without it. */
  readonly mode?: number
}

/** A listening socket that this process was started with. */
export interface InheritedAddress {
  readonly descriptor: number
  readonly backlog: number
}

/** Where to listen. */
export type ListenAddress = TcpAddress | UnixAddress | InheritedAddress

/** @returns an address as people write it */
export function placeOf(where: ListenAddress): string {
  if ('path' in where) return shownPath(where.path)
  if ('descriptor' in where) return `descriptor ${where.descriptor}`
  return `${where.address ?? 'any address'} port ${where.port}`
}

/** The name of an abstract socket is shown with an `@` for its NUL, as `ss` and `lsof` do. */
export function shownPath(path: string): string {
  return path.replace(/^\0/, '@')
}

/** The files that a listener was opened with, to be read again while it is open. */
export interface Certificates {
  /**
   * Reads the files again.
   *
   * @returns what puts them to use for new connections, unless a later read already has
   * @throws GyreError `GYRE_TLS_CERTIFICATE`, by a rejection; what was in use stays so
   */
  read(): Promise<() => void>
}

/** The place of a connection that is on its way in. */
export interface Place {
  /** Whom it counts for; null where that one is not counted. */
  readonly client: string | null
  /** Called once: when the connection is handed over, or has come to nothing. */
  leave(): void
}

/** Says who may come in. Asked before a handshake is spent on a connection, so that nobody takes all of them. */
export interface Doorkeeper {
  /** @returns the place that the connection takes; the reason where there is none */
  admit(remote: Endpoint): Place | GyreError
}

/** Takes connections in. */
export interface Listener {
  /** Where it listens, with the port that the operating system chose if none was asked for. */
  readonly endpoint: Endpoint
  /** How many completed connections may wait to be taken in. */
  readonly backlog: number
  /** True when no connection can come any more: it was closed, or its socket has become useless. */
  readonly closed: boolean
  /** Ends when a connection may be waiting. */
  readonly acceptable: Trap
  /** The certificates, where connections are encrypted. */
  readonly certificates: Certificates | null
  /** Asked where connections are encrypted; without one all may come in. */
  door: Doorkeeper | null
  /**
   * Told of each connection that came to nothing before it could be taken in, and why; with `GYRE_NOT_TLS` goes
   * the plain stream, which is the callee's to answer and to close.
   */
  onRefused: ((error: GyreError, remote: Endpoint, plain: ByteStream | null) => void) | null

  /**
   * Takes one connection in.
   *
   * @returns its stream; null when none is waiting
   * @throws GyreError `GYRE_IO_FAILED` when the operating system has no descriptor or memory for it: with
   *   epoll the connection goes on waiting, Node's own sockets may have dropped it; or once, when the listening
   *   socket has become useless, and the listener has closed itself
   */
  tryAccept(): ByteStream | null

  /**
   * Ends when every connection that was completed before the call can be had from `tryAccept`, as far as the
   * backlog has room for them. For who is about to stop: their clients have been told that they are connected.
   */
  gather(): Coroutine<void>

  /**
   * Stops listening, and frees the address. Handshakes that are under way go on, and `tryAccept` gives what comes
   * of them until `close()`.
   *
   * @param patience - how long clients that have not sent a byte of theirs are waited for, in milliseconds
   */
  stop(patience: number): void

  /** Stops listening, frees the address, and ends what is under way. */
  close(): void

  /** Whether the process is kept alive by it. True at first. */
  hold(on: boolean): void
}
