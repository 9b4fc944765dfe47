/*
 * Listener: the seam where connections come in. Like a stream it is tried, and waited for on a trap.
 */
import type { GyreError } from '../base/index.ts'
import type { Trap } from '../kernel/index.ts'
import type { ByteStream } from './stream.ts'

/** One end of a connection. */
export interface Endpoint {
  /** An IP address, or the path of a unix socket (empty for the nameless end of one). */
  readonly address: string
  /** 0 for a unix socket. */
  readonly port: number
  readonly family: 'IPv4' | 'IPv6' | 'unix'
}

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

/** Takes connections in. */
export interface Listener {
  /** Where it listens, with the port that the operating system chose if none was asked for. */
  readonly endpoint: Endpoint
  /** Ends when a connection may be waiting. */
  readonly acceptable: Trap
  /** The certificates, where connections are encrypted. */
  readonly certificates: Certificates | null
  /**
   * Told of connections that came to nothing before they could be taken in: with `GYRE_TLS_HANDSHAKE`; or with
   * `GYRE_NOT_TLS` and the plain stream, which is the callee's to answer and to close.
   */
  onRefused: ((error: GyreError, remote: Endpoint, plain: ByteStream | null) => void) | null

  /**
   * Takes one connection in.
   *
   * @returns its stream; null when none is waiting
   * @throws GyreError `GYRE_IO_FAILED` when the operating system has no descriptor or memory for it: with
   *   epoll the connection goes on waiting, Node's own sockets may have dropped it; `GYRE_CONNECTIONS_FULL`
   *   when more were waiting than the backlog has room for, and some were dropped
   */
  tryAccept(): ByteStream | null

  /** Stops listening, and frees the address. */
  close(): void
}
