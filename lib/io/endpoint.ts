/*
 * Endpoint: who is at the end of a connection.
 */

/** One end of a connection. */
export interface Endpoint {
  /** An IP address, or the path of a unix socket (empty for the nameless end of one). */
  readonly address: string
  /** 0 for a unix socket. */
  readonly port: number
  /** What kind of address it is. */
  readonly family: 'IPv4' | 'IPv6' | 'unix'
}
