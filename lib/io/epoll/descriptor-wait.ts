/*
 * Waiting for descriptors that are no streams of ours: `waitReadable`, `waitWritable`. One task may wait to read a
 * descriptor while another waits to write it; epoll knows a descriptor once, so the two share one registration.
 * Each event is told once (EPOLLONESHOT), and what is still waited for after it is asked for anew.
 */
import { GyreError } from '../../base/index.ts'
import type { Task, Trap } from '../../kernel/index.ts'
import type { EpollPoller, EventSource } from './poller.ts'
import * as sys from './syscalls.ts'

const BROKEN = sys.EPOLLERR | sys.EPOLLHUP
/** What is asked for; that a descriptor is broken is told unasked. The peer's end can be read, and not written. */
const EVENTS = { in: sys.EPOLLIN | sys.EPOLLRDHUP, out: sys.EPOLLOUT } as const
type Direction = keyof typeof EVENTS

/** Of one descriptor: who waits to read it, and who to write it. */
export class DescriptorWatch implements EventSource {
  generation = 0
  private readonly poller: EpollPoller
  private readonly descriptor: number
  private readonly waiting: Record<Direction, Task | null> = { in: null, out: null }

  constructor(poller: EpollPoller, descriptor: number) {
    this.poller = poller
    this.descriptor = descriptor
  }

  enter(task: Task, direction: Direction): void {
    const { poller, descriptor, waiting } = this
    if (waiting[direction] !== null)
      throw new GyreError('GYRE_TASK_MISUSE', `two tasks cannot both wait for descriptor ${descriptor}, one way`)
    const watched = this.events !== 0
    waiting[direction] = task
    try {
      if (watched) poller.change(descriptor, this, this.events)
      else poller.add(descriptor, this, this.events)
    } catch (error) {
      waiting[direction] = null
      throw error
    }
  }

  leave(direction: Direction): void {
    this.waiting[direction] = null
    this.goOn()
  }

  onEvents(events: number): void {
    for (const direction of ['in', 'out'] as const)
      if ((events & (EVENTS[direction] | BROKEN)) !== 0) this.take(direction)?.wake()
    this.goOn()
  }

  /** What is waited for; 0 for nothing. */
  private get events(): number {
    const { waiting } = this
    const events = (waiting.in === null ? 0 : EVENTS.in) | (waiting.out === null ? 0 : EVENTS.out)
    return events === 0 ? 0 : events | sys.EPOLLONESHOT
  }

  private take(direction: Direction): Task | null {
    const task = this.waiting[direction]
    this.waiting[direction] = null
    return task
  }

  /** Asks for what is still waited for, if anything is. */
  private goOn(): void {
    const { poller, descriptor, events } = this
    if (events !== 0) {
      try {
        return poller.change(descriptor, this, events)
      } catch (error) {
        // It was closed while somebody waits for it.
        this.take('in')?.wakeThrow(error)
        this.take('out')?.wakeThrow(error)
      }
    }
    poller.takeOut(descriptor)
  }
}

/** The wait of one task. */
export class DescriptorWait implements Trap {
  private readonly poller: EpollPoller
  private readonly descriptor: number
  private readonly direction: Direction
  private watch: DescriptorWatch | null = null

  constructor(poller: EpollPoller, descriptor: number, direction: Direction) {
    this.poller = poller
    this.descriptor = descriptor
    this.direction = direction
  }

  get reason(): string {
    return `descriptor ${this.descriptor} to be ${this.direction === 'in' ? 'readable' : 'writable'}`
  }

  enter(task: Task): void {
    const watch = this.poller.watchOf(this.descriptor)
    watch.enter(task, this.direction)
    this.watch = watch
  }

  undo(): void {
    this.watch?.leave(this.direction)
  }
}
