/*
 * Why a connection could not be made, in a sentence that says what to do.
 */
import { GyreError } from '../base/index.ts'
import type { ErrorCode } from '../base/index.ts'
import { shownPath } from './listener.ts'

/** One address to connect to: of TCP, or of a unix socket. */
export type ConnectAddress = { readonly address: string; readonly port: number } | { readonly path: string }

/** @returns an address as people write it */
export function shownAddress(where: ConnectAddress): string {
  return 'path' in where ? shownPath(where.path) : `${where.address} port ${where.port}`
}

/**
 * @param name - the name of the errno, such as ECONNREFUSED
 * @param detail - how the operating system puts it
 */
export function connectError(where: ConnectAddress, name: string, detail: string): GyreError {
  const place = shownAddress(where)
  switch (name) {
    case 'ECONNREFUSED':
      return new GyreError('GYRE_CONNECT_REFUSED', `nobody listens at ${place}: is the program started?`)
    case 'ECONNRESET':
    case 'ECONNABORTED':
      return new GyreError('GYRE_CONNECT_REFUSED', `${place} closed the connection while it was made`)
    case 'ENOENT':
    case 'ENOTDIR':
      return new GyreError('GYRE_CONNECT_REFUSED', `there is no socket at ${place}: is the program started?`)
    case 'EAGAIN':
      return new GyreError('GYRE_CONNECT_REFUSED', `more connections wait at ${place} than it has room for`)
    case 'ETIMEDOUT':
      return new GyreError('GYRE_CONNECT_TIMEOUT', `${place} did not answer in the time of the operating system`)
    case 'EACCES':
    case 'EPERM':
      return new GyreError(
        'GYRE_CONNECT_UNREACHABLE',
        'path' in where
          ? `this process may not connect to ${place}: look at the permissions of the socket and its folder`
          : `this process may not connect to ${place}: a firewall of this machine forbids it, or it is a broadcast address`,
      )
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EHOSTDOWN':
    case 'EHOSTUNREACH':
    case 'EINVAL':
    case 'ENETDOWN':
    case 'ENETUNREACH':
      return new GyreError('GYRE_CONNECT_UNREACHABLE', `no way leads from this machine to ${place}: ${detail}`)
    default:
      return new GyreError('GYRE_IO_FAILED', `cannot connect to ${place}: ${detail}`)
  }
}

/** What the errors of several attempts come to: the one that tells most. */
const TELLING: readonly ErrorCode[] = [
  'GYRE_CONNECT_REFUSED',
  'GYRE_CONNECT_TIMEOUT',
  'GYRE_CONNECT_UNREACHABLE',
  'GYRE_IO_FAILED',
]

/** @returns one error for all addresses of a host, each of which has failed */
export function allFailed(host: string, errors: readonly GyreError[]): GyreError {
  const [only] = errors
  if (only !== undefined && errors.length === 1) return only
  const code = TELLING.find((candidate) => errors.some((error) => error.code === candidate)) ?? 'GYRE_IO_FAILED'
  const reasons = errors.map(({ message }) => message).join('; ')
  return new GyreError(
    code,
    `none of the addresses of ${host} can be connected to: ${reasons}`,
    new AggregateError(errors),
  )
}
