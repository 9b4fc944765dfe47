/*
 * Listener: the seam where connections come in. Like a stream it is tried, and waited for on a trap.
 */
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

/** Where to listen: a TCP port of an IP address, or the path of a unix socket. */
export type ListenAddress =
  | { readonly address: string; readonly port: number; readonly backlog: number }
  | { readonly path: string; readonly backlog: number }

/** Takes connections in. */
export interface Listener {
  /** Where it listens, with the port that the operating system chose if none was asked for. */
  readonly endpoint: Endpoint
  /** Ends when a connection may be waiting. */
  readonly acceptable: Trap

  /**
   * Takes one connection in.
   *
   * @returns its stream; null when none is waiting
   * @throws GyreError `GYRE_IO_FAILED` when the operating system has no descriptor or memory for it;
   *   the connection goes on waiting
   */
  tryAccept(): ByteStream | null

  /** Stops listening, and frees the address. */
  close(): void
}
