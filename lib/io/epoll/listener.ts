/*
 * A Listener over a listening socket's descriptor.
 */
import { unlinkSync } from 'node:fs'
import { GyreError } from '../../base/index.ts'
import { addressError } from '../address-error.ts'
import type { Endpoint, ListenAddress, Listener } from '../listener.ts'
import { Readiness } from '../readiness.ts'
import { encodeAddress, endpointOf } from './address.ts'
import { ioFailed } from './poller.ts'
import type { EpollPoller, EventSource } from './poller.ts'
import { FdStream } from './stream.ts'
import * as sys from './syscalls.ts'
import type { Syscalls } from './syscalls.ts'

const ON = Int32Array.of(1)
const OFF = Int32Array.of(0)

/** No descriptor or no memory is left: the connection waits in the backlog until there is. */
const EXHAUSTED: readonly number[] = [sys.EMFILE, sys.ENFILE, sys.ENOBUFS, sys.ENOMEM]

export class FdListener implements Listener, EventSource {
  readonly endpoint: Endpoint
  readonly acceptable: Readiness = new Readiness('a connection', true)
  generation = 0
  private readonly calls: Syscalls = sys.syscalls()
  private readonly poller: EpollPoller
  private readonly descriptor: number
  private closed = false

  /** @throws GyreError `GYRE_ADDRESS_IN_USE`, `GYRE_ADDRESS_DENIED` or `GYRE_ADDRESS_UNKNOWN` */
  constructor(poller: EpollPoller, where: ListenAddress) {
    const { calls } = this
    this.poller = poller
    const address = encodeAddress(calls, where)
    const type = sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC
    this.descriptor = calls.socket(address.readUInt16LE(0), type, 0)
    if (this.descriptor < 0) throw ioFailed(calls, 'socket')
    try {
      if (!('path' in where)) this.prepareTcp(where.address)
      if (calls.bind(this.descriptor, calls.addressOf(address), address.length) < 0) throw this.refused(where)
      if (calls.listen(this.descriptor, where.backlog) < 0) throw this.refused(where)
      this.endpoint = endpointOf(calls, calls.getsockname, this.descriptor)
      poller.add(this.descriptor, this)
    } catch (error) {
      calls.close(this.descriptor)
      throw error
    }
  }

  onEvents(): void {
    this.acceptable.signal()
  }

  tryAccept(): FdStream | null {
    if (!this.acceptable.ready || this.closed) return null
    for (;;) {
      const descriptor = this.calls.accept4(this.descriptor, 0, 0, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC)
      if (descriptor >= 0) return this.adopt(descriptor)
      const errno = this.calls.errno()
      if (errno === sys.EAGAIN) {
        this.acceptable.ready = false
        return null
      }
      if (EXHAUSTED.includes(errno))
        throw new GyreError('GYRE_IO_FAILED', `no connection can be accepted: ${this.calls.describe(errno)}`)
      // Whatever else accept() reports is about the connection that it took from the queue
      // (accept(2), "Error handling"): the next one may be well.
    }
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.poller.remove(this.descriptor)
    this.calls.close(this.descriptor)
    if (this.endpoint.family === 'unix') unlinkQuietly(this.endpoint.address)
    this.acceptable.signal()
  }

  private adopt(descriptor: number): FdStream {
    try {
      return new FdStream(this.poller, descriptor)
    } catch (error) {
      this.calls.close(descriptor)
      throw error
    }
  }

  private prepareTcp(address: string): void {
    // A restarted server takes its port although connections of the old one are in TIME_WAIT.
    this.option(sys.SOL_SOCKET, sys.SO_REUSEADDR, ON)
    // Accepted sockets inherit it: answers leave at once, and no call per connection is needed.
    this.option(sys.IPPROTO_TCP, sys.TCP_NODELAY, ON)
    // `::` takes IPv4 too, as it does in Node.
    if (address.includes(':')) this.option(sys.IPPROTO_IPV6, sys.IPV6_V6ONLY, address === '::' ? OFF : ON)
  }

  private option(level: number, name: number, value: Int32Array): void {
    const at = this.calls.addressOf(new Uint8Array(value.buffer))
    if (this.calls.setsockopt(this.descriptor, level, name, at, value.byteLength) < 0)
      throw ioFailed(this.calls, 'setsockopt')
  }

  private refused(where: ListenAddress): GyreError {
    const errno = this.calls.errno()
    return addressError(where, this.calls.describe(errno).split(',')[0] ?? '', this.calls.describe(errno))
  }
}

/** Removes the name of a unix socket, which outlives its descriptor; another may have done so. */
function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Gone already, or no longer ours to remove: closing goes on either way.
  }
}
