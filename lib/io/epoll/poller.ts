/*
 * The readiness loop: one epoll descriptor for all that a thread watches, itself watched by libuv.
 *
 * Facts about epoll that this file is built on:
 * - Streams are registered once, edge-triggered, and never again as long as there is room to write: no
 *   epoll_ctl per request. An edge is told once, so it is remembered (readiness.ts) until a try finds otherwise.
 * - A read that brings fewer bytes than asked for has emptied the socket (epoll(7)): whatever comes
 *   later is a new edge. So the EAGAIN that would prove it need not be fetched.
 * - Closing a descriptor takes it out of the set, unless a child process still holds a copy of it: then
 *   events of the dead one go on coming, under a number that a new connection may have by now. Each
 *   registration therefore carries a generation, and events of an older one are dropped.
 * - Polling only notes what is ready; tasks run later. So no descriptor is closed, and no number
 *   reused, between the events of one batch.
 * - When nothing is watched the watch of libuv lets go of the process, and it may end by itself.
 */
import { GyreError, SIZES } from '../../base/index.ts'
import type { Host, Poller, Trap } from '../../kernel/index.ts'
import { DescriptorWait, DescriptorWatch } from './descriptor-wait.ts'
import * as sys from './syscalls.ts'
import type { LibuvWatch, Syscalls } from './syscalls.ts'

/** What is told of the events of its descriptor. */
export interface EventSource {
  /** The generation of its registration; the poller's to write. */
  generation: number
  /** @param events - EPOLLIN and its like */
  onEvents(events: number): void
}

/** struct epoll_event is packed on x64 only: 12 bytes there, 16 elsewhere. */
const EVENT_WORDS = process.arch === 'x64' ? 3 : 4
const DATA_WORD = EVENT_WORDS - 2

export class EpollPoller implements Poller {
  private readonly calls: Syscalls = sys.syscalls()
  private readonly epoll: number
  private readonly libuv: LibuvWatch
  private readonly sources: (EventSource | undefined)[] = []
  private registered = 0
  /** How many of them keep the process alive. */
  private holding = 0
  private generation = 0
  private readonly batch = new Int32Array(SIZES.epollEvents * EVENT_WORDS)
  private readonly batchAddress: number
  private readonly event = new Int32Array(EVENT_WORDS)
  private readonly eventAddress: number

  constructor(host: Host) {
    this.batchAddress = this.calls.addressOf(new Uint8Array(this.batch.buffer))
    this.eventAddress = this.calls.addressOf(new Uint8Array(this.event.buffer))
    this.epoll = this.calls.epoll_create1(sys.SOCK_CLOEXEC)
    if (this.epoll < 0) throw ioFailed(this.calls, 'epoll_create1')
    this.libuv = this.calls.watchFromLibuv(this.epoll, () => {
      host.requestTick()
    })
  }

  poll(): void {
    if (this.registered === 0) return
    // Not asked to come back where events were found: libuv looks at our descriptor in each of its turns, and calls.
    const { batch, sources } = this
    const count = this.calls.epoll_wait(this.epoll, this.batchAddress, SIZES.epollEvents, 0)
    for (let index = 0, word = 0; index < count; index++, word += EVENT_WORDS) {
      const source = sources[batch[word + DATA_WORD] as number]
      if (source !== undefined && source.generation === batch[word + DATA_WORD + 1])
        source.onEvents(batch[word] as number)
    }
  }

  /** Watches a descriptor until `remove`. @throws GyreError `GYRE_IO_FAILED` */
  add(descriptor: number, source: EventSource, events: number): void {
    this.control(sys.EPOLL_CTL_ADD, descriptor, source, events)
    this.sources[descriptor] = source
    this.registered++
    this.count(true)
  }

  /** Forgets a descriptor; to be called before it is closed. */
  remove(descriptor: number): void {
    this.sources[descriptor] = undefined
    this.registered--
    this.count(false)
  }

  /** Counts those that keep the process alive. */
  count(up: boolean): void {
    this.holding += up ? 1 : -1
    if (up ? this.holding === 1 : this.holding === 0) this.libuv.hold(up)
  }

  readable(descriptor: number): Trap {
    return new DescriptorWait(this, descriptor, 'in')
  }

  writable(descriptor: number): Trap {
    return new DescriptorWait(this, descriptor, 'out')
  }

  /** @returns what watches a descriptor for the tasks that wait for it; a new one where none does yet */
  watchOf(descriptor: number): DescriptorWatch {
    const source = this.sources[descriptor]
    if (source === undefined) return new DescriptorWatch(this, descriptor)
    if (source instanceof DescriptorWatch) return source
    throw new GyreError('GYRE_TASK_MISUSE', `descriptor ${descriptor} is that of a stream: wait for the stream`)
  }

  /** Has a descriptor that is watched tell of these events, also of what is so now and was told of already. */
  change(descriptor: number, source: EventSource, events: number): void {
    this.control(sys.EPOLL_CTL_MOD, descriptor, source, events)
  }

  /** Forgets a descriptor that stays open, and so must be taken out of the set. */
  takeOut(descriptor: number): void {
    this.calls.epoll_ctl(this.epoll, sys.EPOLL_CTL_DEL, descriptor, 0)
    this.remove(descriptor)
  }

  private control(operation: number, descriptor: number, source: EventSource, events: number): void {
    this.generation = (this.generation + 1) | 0
    this.event[0] = events
    this.event[DATA_WORD] = descriptor
    this.event[DATA_WORD + 1] = this.generation
    if (this.calls.epoll_ctl(this.epoll, operation, descriptor, this.eventAddress) < 0)
      throw ioFailed(this.calls, `waiting for descriptor ${descriptor}`)
    source.generation = this.generation
  }
}

/** An error of the operating system, right after the call that failed. */
export function ioFailed(calls: Syscalls, what: string): GyreError {
  return new GyreError('GYRE_IO_FAILED', `${what} failed: ${calls.describe(calls.errno())}`)
}
