/*
 * A Listener over a listening socket's descriptor.
 */
import { GyreError, SIZES } from '../../base/index.ts'
import { giveWay } from '../../kernel/index.ts'
import type { Coroutine } from '../../kernel/index.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Listener } from '../listener.ts'
import { Readiness } from '../readiness.ts'
import { AddressSlot, NOWHERE } from './address.ts'
import type { EpollPoller, EventSource } from './poller.ts'
import type { ListeningSocket } from './socket.ts'
import { FdStream } from './stream.ts'
import * as sys from './syscalls.ts'
import type { Syscalls } from './syscalls.ts'

/**
 * The socket listens no more, and no later call will fare better: another process that shares it has shut it down
 * (EINVAL), or somebody has closed or replaced our descriptor.
 */
const USELESS: readonly number[] = [sys.EINVAL, sys.EBADF, sys.ENOTSOCK, sys.EOPNOTSUPP]
/** Failures of the one connection that was taken from the queue (accept(2), "Error handling"): the next may be well. */
const OF_ONE_CONNECTION: readonly number[] = [
  sys.EINTR,
  sys.ECONNABORTED,
  sys.ECONNRESET,
  sys.ETIMEDOUT,
  sys.EPERM,
  sys.EPROTO,
  sys.ENOPROTOOPT,
  sys.ENONET,
  sys.ENETDOWN,
  sys.ENETUNREACH,
  sys.EHOSTDOWN,
  sys.EHOSTUNREACH,
]

const FLAGS = sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC

export class FdListener implements Listener, EventSource {
  readonly endpoint: Endpoint
  readonly acceptable: Readiness = new Readiness('a connection', true)
  readonly certificates = null
  readonly backlog: number
  door = null
  onRefused = null
  closed = false
  generation = 0
  private readonly calls: Syscalls = sys.syscalls()
  private held = true
  private readonly poller: EpollPoller
  private readonly socket: ListeningSocket
  private readonly peer: AddressSlot = new AddressSlot(this.calls)

  /** @param socket - the listener owns it from here on */
  constructor(poller: EpollPoller, socket: ListeningSocket, backlog: number) {
    this.poller = poller
    this.socket = socket
    this.backlog = backlog
    this.endpoint = socket.endpoint
    poller.add(socket.descriptor, this, sys.EPOLLIN | sys.EPOLLET)
  }

  onEvents(): void {
    this.acceptable.signal()
  }

  tryAccept(): FdStream | null {
    if (this.closed) {
      this.acceptable.ready = false
      return null
    }
    for (let tries: number = SIZES.acceptBatch; ; tries--) {
      const descriptor = this.calls.accept4(this.socket.descriptor, this.peer.at, this.peer.room(), FLAGS)
      if (descriptor >= 0) return this.adopt(descriptor)
      const errno = this.calls.errno()
      if (errno === sys.EAGAIN) {
        this.acceptable.ready = false
        return null
      }
      // The next may be well; where none is, no spinning.
      if (OF_ONE_CONNECTION.includes(errno) && tries > 0) continue
      const why = this.calls.describe(errno)
      if (!USELESS.includes(errno)) throw new GyreError('GYRE_IO_FAILED', `no connection can be accepted: ${why}`)
      this.close()
      throw new GyreError(
        'GYRE_IO_FAILED',
        `the listening socket was closed, it accepts no connections any more: ${why}`,
      )
    }
  }

  *gather(): Coroutine<void> {
    // What our poller has not heard of yet is in the queue all the same, and the next try will ask for it.
    this.acceptable.signal()
    yield* giveWay()
  }

  stop(): void {
    this.close()
  }

  close(): void {
    if (this.closed) return
    this.hold(true)
    this.closed = true
    this.poller.remove(this.socket.descriptor)
    this.socket.file?.remove()
    this.calls.close(this.socket.descriptor)
    this.acceptable.signal()
  }

  hold(on: boolean): void {
    if (on === this.held || this.closed) return
    this.held = on
    this.poller.count(on)
  }

  private adopt(descriptor: number): FdStream {
    try {
      // Of a unix socket the operating system knows the names that were bound: ours has another since, and a client
      // may bind whatever name it likes.
      return this.endpoint.family === 'unix'
        ? new FdStream(this.poller, descriptor, NOWHERE, this.endpoint)
        : new FdStream(this.poller, descriptor, this.peer.read())
    } catch (error) {
      this.calls.close(descriptor)
      throw error
    }
  }
}
