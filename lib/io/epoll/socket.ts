/*
 * Listening sockets by system calls: made, bound and put to listen, or taken over from whoever started us.
 */
import { chmodSync } from 'node:fs'
import { GyreError, SIZES } from '../../base/index.ts'
import { addressError } from '../address-error.ts'
import type { Endpoint } from '../endpoint.ts'
import type { ListenAddress, TcpAddress, UnixAddress } from '../listener.ts'
import type { SocketFile } from '../socket-file.ts'
import { encodeAddress, endpointOf } from './address.ts'
import { ioFailed } from './poller.ts'
import * as sys from './syscalls.ts'
import type { Syscalls } from './syscalls.ts'

const ON = Int32Array.of(1)
const OFF = Int32Array.of(0)
const UNSENT = Int32Array.of(SIZES.unsent)
const UNSENT_FAST = Int32Array.of(SIZES.unsentFast)

/** A socket that listens. Whoever holds it closes it. */
export interface ListeningSocket {
  readonly descriptor: number
  readonly endpoint: Endpoint
  /** The file that was made for it, and is the listener's to remove. */
  readonly file: SocketFile | null
}

/**
 * @param file - the file to make, which then waits to be published; without it a path is bound as it is
 * @throws GyreError `GYRE_ADDRESS_IN_USE`, `GYRE_ADDRESS_DENIED`, `GYRE_ADDRESS_UNKNOWN` or `GYRE_NO_SOCKET`
 */
export function openSocket(calls: Syscalls, where: ListenAddress, file: SocketFile | null = null): ListeningSocket {
  if ('descriptor' in where) return inheritedSocket(calls, where.descriptor)
  if ('path' in where) return boundSocket(calls, where, file === null ? where : { ...where, path: file.boundAt }, file)
  const { address, port } = where
  if (address !== null) return boundSocket(calls, where, { address, port })
  // `::` takes IPv4 too; a kernel without IPv6 has no such sockets.
  const six = hasIpv6(calls)
  return boundSocket(calls, where, { address: six ? '::' : '0.0.0.0', port })
}

function hasIpv6(calls: Syscalls): boolean {
  const descriptor = calls.socket(sys.AF_INET6, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0)
  if (descriptor >= 0) calls.close(descriptor)
  return descriptor >= 0 || calls.errno() !== sys.EAFNOSUPPORT
}

function boundSocket(
  calls: Syscalls,
  where: TcpAddress | UnixAddress,
  named: UnixAddress | { address: string; port: number },
  file: SocketFile | null = null,
): ListeningSocket {
  const address = encodeAddress(calls, named)
  const type = sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC
  const descriptor = calls.socket(address.readUInt16LE(0), type, 0)
  if (descriptor < 0) throw refused(calls, where)
  try {
    if ('address' in where) prepareTcp(calls, descriptor, where, address)
    if (calls.bind(descriptor, calls.addressOf(address), address.length) < 0) throw refused(calls, where)
    file?.made()
    // Before listen(): until then nobody can connect, so the file never stands open wider than it should.
    if ('path' in named && named.mode !== undefined) chmodSync(named.path, named.mode)
    if (calls.listen(descriptor, where.backlog) < 0) throw refused(calls, where)
    const endpoint: Endpoint =
      file === null ? endpointOf(calls, calls.getsockname, descriptor) : { address: file.path, port: 0, family: 'unix' }
    return { descriptor, endpoint, file }
  } catch (error) {
    file?.remove()
    calls.close(descriptor)
    throw error
  }
}

function inheritedSocket(calls: Syscalls, descriptor: number): ListeningSocket {
  checkListening(calls, descriptor)
  // It is shared with whoever passed it on, but every sharer of a listening socket wants it so: otherwise
  // accept() stops the whole process when another has taken the connection.
  const flags = calls.fcntl(descriptor, sys.F_GETFL, 0)
  if (calls.fcntl(descriptor, sys.F_SETFL, flags | sys.O_NONBLOCK) < 0) throw ioFailed(calls, 'fcntl')
  calls.fcntl(descriptor, sys.F_SETFD, sys.FD_CLOEXEC)
  const endpoint = endpointOf(calls, calls.getsockname, descriptor)
  if (endpoint.family !== 'unix') tuneTcp(calls, descriptor)
  return { descriptor, endpoint, file: null }
}

/** @throws GyreError `GYRE_NO_SOCKET` where the descriptor is no listening socket */
export function checkListening(calls: Syscalls, descriptor: number): void {
  const value = Buffer.alloc(4)
  const length = Buffer.from(Int32Array.of(value.length).buffer)
  const [at, lengthAt] = [calls.addressOf(value), calls.addressOf(length)]
  const answer = calls.getsockopt(descriptor, sys.SOL_SOCKET, sys.SO_ACCEPTCONN, at, lengthAt)
  const errno = answer < 0 ? calls.errno() : 0
  if (errno === 0 && value.readInt32LE() !== 0) return
  const why = errno === sys.EBADF ? 'is not open' : errno === 0 ? 'is a socket that does not listen' : 'is no socket'
  throw new GyreError(
    'GYRE_NO_SOCKET',
    `descriptor ${descriptor} ${why}: whoever starts this process must pass a listening socket as that number`,
  )
}

function prepareTcp(calls: Syscalls, descriptor: number, where: TcpAddress, address: Buffer): void {
  // A restarted server takes its port although connections of the old one are in TIME_WAIT.
  setOption(calls, descriptor, sys.SOL_SOCKET, sys.SO_REUSEADDR, ON)
  if (where.reusePort === true) setOption(calls, descriptor, sys.SOL_SOCKET, sys.SO_REUSEPORT, ON)
  // Said in any case, because the system's own default can be set either way.
  if (address.readUInt16LE(0) === sys.AF_INET6)
    setOption(calls, descriptor, sys.IPPROTO_IPV6, sys.IPV6_V6ONLY, where.ipv6Only === true ? ON : OFF)
  tuneTcp(calls, descriptor)
}

/** What every TCP socket is set to. Accepted ones inherit it, so no call per connection is needed. */
export function tuneTcp(calls: Syscalls, descriptor: number): void {
  // Answers leave at once.
  setOption(calls, descriptor, sys.IPPROTO_TCP, sys.TCP_NODELAY, ON)
  setOption(calls, descriptor, sys.IPPROTO_TCP, sys.TCP_NOTSENT_LOWAT, UNSENT)
}

/**
 * Has the operating system hold more for a client that reads: without, each waiting for room would move too
 * little. On a unix socket there is no such option, and nothing to be done.
 */
export function holdMore(calls: Syscalls, descriptor: number): void {
  const at = calls.addressOf(new Uint8Array(UNSENT_FAST.buffer))
  calls.setsockopt(descriptor, sys.IPPROTO_TCP, sys.TCP_NOTSENT_LOWAT, at, UNSENT_FAST.byteLength)
}

function setOption(calls: Syscalls, descriptor: number, level: number, name: number, value: Int32Array): void {
  const at = calls.addressOf(new Uint8Array(value.buffer))
  if (calls.setsockopt(descriptor, level, name, at, value.byteLength) < 0) throw ioFailed(calls, 'setsockopt')
}

function refused(calls: Syscalls, where: ListenAddress): GyreError {
  const errno = calls.errno()
  return addressError(where, calls.describe(errno).split(',')[0] ?? '', calls.describe(errno))
}
