/*
 * Listening sockets that Node has opened, taken over: for those who let Node understand where to listen, and want
 * its errors, but not its way to accept.
 */
import type { Kernel } from '../kernel/index.ts'
import { FdListener } from './epoll/listener.ts'
import { tuneTcp } from './epoll/socket.ts'
import { endpointOf } from './epoll/address.ts'
import * as sys from './epoll/syscalls.ts'
import type { Listener } from './listener.ts'
import { pollerOf } from './runtime.ts'

/**
 * Takes over a TCP socket that listens. The descriptor is copied: its owner may close the one that it has.
 *
 * @param descriptor - of a socket that listens and does not block
 * @throws GyreError `GYRE_IO_FAILED`
 */
export function adoptListener(kernel: Kernel, descriptor: number, backlog: number): Listener {
  const calls = sys.syscalls()
  const copy = calls.fcntl(descriptor, sys.F_DUPFD_CLOEXEC, 0)
  tuneTcp(calls, copy)
  const endpoint = endpointOf(calls, calls.getsockname, copy)
  return new FdListener(pollerOf(kernel), { descriptor: copy, endpoint, file: null }, backlog)
}
