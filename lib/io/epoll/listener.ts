/*
 * A Listener over a listening socket's descriptor.
 */
import { GyreError, SIZES } from '../../base/index.ts'
import type { Endpoint, Listener } from '../listener.ts'
import { Readiness } from '../readiness.ts'
import type { EpollPoller, EventSource } from './poller.ts'
import type { ListeningSocket } from './socket.ts'
import { FdStream } from './stream.ts'
import * as sys from './syscalls.ts'
import type { Syscalls } from './syscalls.ts'

/** No descriptor or no memory is left: the connection waits in the backlog until there is. */
const EXHAUSTED: readonly number[] = [sys.EMFILE, sys.ENFILE, sys.ENOBUFS, sys.ENOMEM]

export class FdListener implements Listener, EventSource {
  readonly endpoint: Endpoint
  readonly acceptable: Readiness = new Readiness('a connection', true)
  readonly certificates = null
  onRefused = null
  generation = 0
  private readonly calls: Syscalls = sys.syscalls()
  private readonly poller: EpollPoller
  private readonly socket: ListeningSocket
  private closed = false

  /** @param socket - the listener owns it from here on */
  constructor(poller: EpollPoller, socket: ListeningSocket) {
    this.poller = poller
    this.socket = socket
    this.endpoint = socket.endpoint
    poller.add(socket.descriptor, this)
  }

  onEvents(): void {
    this.acceptable.signal()
  }

  tryAccept(): FdStream | null {
    if (this.closed) return null
    for (let tries: number = SIZES.acceptBatch; ; tries--) {
      const descriptor = this.calls.accept4(this.socket.descriptor, 0, 0, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC)
      if (descriptor >= 0) return this.adopt(descriptor)
      const errno = this.calls.errno()
      if (errno === sys.EAGAIN) {
        this.acceptable.ready = false
        return null
      }
      // Whatever else accept() reports is about the connection that it took from the queue (accept(2), "Error
      // handling"): the next one may be well. Where none is, it was not about a connection: no spinning.
      if (EXHAUSTED.includes(errno) || tries === 0)
        throw new GyreError('GYRE_IO_FAILED', `no connection can be accepted: ${this.calls.describe(errno)}`)
    }
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.poller.remove(this.socket.descriptor)
    this.socket.file?.remove()
    this.calls.close(this.socket.descriptor)
    this.acceptable.signal()
  }

  private adopt(descriptor: number): FdStream {
    try {
      return new FdStream(this.poller, descriptor, this.endpoint)
    } catch (error) {
      this.calls.close(descriptor)
      throw error
    }
  }
}
