/*
 * A connection by system calls: begun without waiting, and waited for until the socket can be written
 * (connect(2), EINPROGRESS).
 */
import { park } from '../../kernel/index.ts'
import type { Coroutine } from '../../kernel/index.ts'
import { connectError } from '../connect-error.ts'
import type { ConnectAddress } from '../connect-error.ts'
import { encodeAddress } from './address.ts'
import { ioFailed } from './poller.ts'
import type { EpollPoller } from './poller.ts'
import { tuneTcp } from './socket.ts'
import { FdStream } from './stream.ts'
import * as sys from './syscalls.ts'
import type { Syscalls } from './syscalls.ts'

/** @throws GyreError `GYRE_CONNECT_REFUSED` and its like */
export function* connectDescriptor(poller: EpollPoller, where: ConnectAddress): Coroutine<FdStream> {
  const calls = sys.syscalls()
  const address = encodeAddress(calls, 'path' in where ? { path: where.path, backlog: 0 } : where)
  const type = sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC
  const descriptor = calls.socket(address.readUInt16LE(0), type, 0)
  if (descriptor < 0) throw failed(calls, where, calls.errno())
  try {
    if ('address' in where) tuneTcp(calls, descriptor)
    let errno = calls.connect(descriptor, calls.addressOf(address), address.length) < 0 ? calls.errno() : 0
    if (errno === sys.EINPROGRESS || errno === sys.EINTR) {
      yield* park(poller.writable(descriptor))
      errno = pendingError(calls, descriptor)
    }
    if (errno !== 0) throw failed(calls, where, errno)
    return new FdStream(poller, descriptor)
  } catch (error) {
    calls.close(descriptor)
    throw error
  }
}

function failed(calls: Syscalls, where: ConnectAddress, errno: number): Error {
  const text = calls.describe(errno)
  return connectError(where, text.split(',')[0] ?? '', text)
}

const value = Buffer.alloc(4)
const length = Buffer.alloc(4)

/** @returns what became of the connection: an errno, or 0 */
function pendingError(calls: Syscalls, descriptor: number): number {
  length.writeUInt32LE(value.length)
  const [at, lengthAt] = [calls.addressOf(value), calls.addressOf(length)]
  if (calls.getsockopt(descriptor, sys.SOL_SOCKET, sys.SO_ERROR, at, lengthAt) < 0) throw ioFailed(calls, 'getsockopt')
  return value.readInt32LE()
}
