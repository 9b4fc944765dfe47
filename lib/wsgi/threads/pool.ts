/*
 * The pool: keeps as many threads as it should have, gives them requests, ends those that work too long, and
 * replaces those that have ended.
 *
 * A thread that could not load the application is not replaced: the next would fail in the same way. That is told
 * once, through `ready` or, where nobody waits for that, on standard error.
 */
import { GyreError, SIZES, describeError } from '../../base/index.ts'
import type { WsgiLimits } from '../../base/index.ts'
import { Deadline, ParkingLot, park } from '../../kernel/index.ts'
import type { Coroutine, Kernel, Task } from '../../kernel/index.ts'
import type { Request } from '../../server/index.ts'
import type { Pull } from '../input.ts'
import { Job } from './job.ts'
import type { JobPool } from './job.ts'
import { Board, makeBoard } from './mailbox.ts'
import type { BoardMemory } from './mailbox.ts'
import { hearFailure, tellRequest } from './messages.ts'
import { RECORD } from './records.ts'
import { Thread, answerRing } from './thread.ts'
import type { ThreadKeeper } from './thread.ts'

/** What a pool does and has done. */
export interface ThreadStatistics {
  /** Threads that have loaded the application. */
  readonly threads: number
  /** How many of them have a request. */
  readonly busy: number
  /** Requests that wait for a thread. */
  readonly waiting: number
  /** Requests so far that found no place in the queue. */
  readonly refused: number
  /** Threads so far that were ended because their request took too long. */
  readonly timedOut: number
  /** Threads so far that have ended by themselves. */
  readonly crashed: number
  /** Threads so far that were replaced because they had served as many requests as they should. */
  readonly recycled: number
}

/** A tenth more or less, so that threads that began together do not end together. */
const JITTER = 0.1

/** Bytes of answers that are kept for slow clients, so that others need not wait for them: so many full rings. */
const MOST_KEPT = 256 * SIZES.wsgiOutput

export class Pool implements JobPool, ThreadKeeper {
  readonly memory: BoardMemory
  readonly board: Board
  readonly limits: WsgiLimits
  readonly module: string
  readonly multiprocess: boolean
  /** Ends when every thread has loaded the application. */
  readonly ready: Task<void>
  keptBytes = 0
  private readonly kernel: Kernel
  private readonly threads = new Set<Thread>()
  private readonly jobs = new Map<number, Job>()
  private readonly changed = new ParkingLot('the threads of a WSGI application')
  private readonly due = new WeakMap<Thread, number>()
  private readonly startLimits = new WeakMap<Thread, Deadline>()
  /** Numbers of the requests that were laid into the slots last. */
  private readonly owners: number[] = []
  /** How many requests were taken out of the queue since it was swept. */
  private dropped = 0
  private numbers = 0
  private threadNumbers = 0
  private closing = false
  private startFailure: GyreError | null = null
  private readonly counts = { refused: 0, timedOut: 0, crashed: 0, recycled: 0 }

  constructor(kernel: Kernel, module: string, limits: WsgiLimits, multiprocess: boolean) {
    this.kernel = kernel
    this.module = module
    this.limits = limits
    this.multiprocess = multiprocess
    // Each thread may be reading one slot while all places of the queue are taken.
    this.memory = makeBoard(limits.queue + 2 * limits.threads)
    this.board = new Board(this.memory)
    for (let index = 0; index < limits.threads; index++) this.startThread(index)
    this.ready = kernel.spawn(this.waitReady(), { name: 'start WSGI threads' })
  }

  /** Whether one more request finds a place. */
  get full(): boolean {
    let free = 0
    for (const thread of this.threads) if (thread.free) free++
    return this.board.waiting - free >= this.limits.queue
  }

  /**
   * Gives a request to the threads.
   *
   * @param held - what is there of the body; `pull` brings the rest
   * @returns undefined where there is no place for it
   * @throws GyreError `GYRE_WSGI_MODULE`, `GYRE_SHUTDOWN`, `GYRE_HEAD_TOO_LARGE`
   */
  submit(request: Request, held: Buffer, length: number | undefined, pull: Pull | null): Job | undefined {
    if (this.closing) throw new GyreError('GYRE_SHUTDOWN', 'the WSGI application is closed')
    if (this.threads.size === 0) throw this.startFailure ?? new GyreError('GYRE_WSGI_THREAD', 'there is no thread left')
    const slot = this.findSlot()
    if (slot === undefined) {
      this.counts.refused++
      return undefined
    }
    // Never 0, which stands for none.
    this.numbers = (this.numbers % SIZES.wsgiNumbers) + 1
    const job = new Job(this, this.numbers, slot, pull)
    if (!tellRequest(this.board.bytesOf(slot), job.number, request, held, length))
      throw new GyreError('GYRE_HEAD_TOO_LARGE', 'the head is too large for an application in threads')
    this.jobs.set(job.number, job)
    this.owners[slot] = job.number
    if (this.limits.requestTime < Infinity) this.watch(job, this.limits.requestTime)
    this.board.publish(slot)
    for (const thread of this.threads) if (thread.tryWake()) break
    return job
  }

  /** The task of a request is over: by its answer, or by whatever has ended it before. */
  finish(job: Job, answered: boolean): void {
    this.jobs.delete(job.number)
    job.drop()
    if (answered || this.tryDrop(job)) this.unwatch(job)
    else {
      // The thread is told, and watched until it has unwound: it may never look.
      const thread = this.holderOf(job)
      if (thread === undefined) this.unwatch(job)
      else thread.abort(job.number)
    }
    if (this.closing) this.changed.wakeAll()
    if (job.thread === null) return
    if (answered || job.keptEnd) this.hasServed(job.thread)
    this.deliver(job.thread)
  }

  /** The time of a request is over, unless its thread has come to it late or waits for its client. */
  overdue(job: Job): void {
    const thread = this.threadOf(job)
    if (thread === undefined) {
      // Still in the queue: whoever waits so long may as well come again.
      if (!this.jobs.has(job.number)) return
      if (this.tryDrop(job)) job.fail(new GyreError('GYRE_WSGI_BUSY'))
      else this.watch(job, SIZES.wsgiSecondLook)
      return
    }
    const left = this.limits.requestTime - thread.age
    if (left > 0) return this.watch(job, Math.max(left, 1))
    this.counts.timedOut++
    job.fail(new GyreError('GYRE_WSGI_TIMEOUT'))
    this.replace(thread, false)
    thread.end()
  }

  /** Ends all threads, after the requests that run. @returns when the last has ended */
  *close(): Coroutine<void> {
    this.closing = true
    const limit = new Deadline({ expired: () => this.changed.wakeAll() })
    const { deadlines, host } = this.kernel
    const until = host.now() + this.limits.stopTime
    if (this.limits.stopTime < Infinity) deadlines.set(limit, until)
    try {
      while (this.working && host.now() < until) yield* park(this.changed)
    } finally {
      deadlines.cancel(limit)
      for (const thread of this.threads) thread.end()
    }
    while (this.threads.size > 0) yield* park(this.changed)
  }

  /** Whether a request is served, or a thread still unwinds one whose client has gone. */
  private get working(): boolean {
    if (this.jobs.size > 0) return true
    for (const thread of this.threads) if (thread.job !== 0) return true
    return false
  }

  statistics(): ThreadStatistics {
    this.sweep()
    const all = [...this.threads].filter(({ state }) => state === 'working')
    const busy = all.filter(({ job }) => job !== 0).length
    return { threads: all.length, busy, waiting: this.board.waiting, ...this.counts }
  }

  // What threads tell

  started(thread: Thread): void {
    thread.release()
    this.endStart(thread)
    const { requestsPerThread } = this.limits
    this.due.set(thread, Math.max(1, requestsPerThread * (1 + JITTER * (2 * Math.random() - 1))))
    // The one that this one is to replace goes on until now, so that there is never one too few.
    let first = true
    for (const other of this.threads) {
      if (other === thread || other.index !== thread.index) continue
      first = false
      if (other.state === 'working') other.retire()
    }
    if (first) thread.go()
    // What was published meanwhile has woken nobody.
    if (this.board.waiting > 0) thread.tryWake()
    this.changed.wakeAll()
  }

  rung(): void {
    answerRing(this.board)
    for (const thread of this.threads) this.deliver(thread)
    if (this.closing) this.changed.wakeAll()
  }

  ended(thread: Thread, error: unknown): void {
    this.deliver(thread)
    this.threads.delete(thread)
    this.endStart(thread)
    const job = this.jobOf(thread)
    this.board.giveBackOf(thread.number)
    for (const other of this.threads) if (other.index === thread.index && other.loaded) other.go()
    if (!this.closing) {
      // One that has a request has loaded the application, even if it died before its word of that was heard.
      if (!thread.loaded && job === undefined) this.failToStart(error)
      else if (thread.dismissed || this.crashed(thread, job, error)) this.keepCount(thread)
    }
    if (this.threads.size === 0) this.failAll()
    this.changed.wakeAll()
  }

  /** A thread has ended unasked. @returns whether another one is worth a try */
  private crashed(thread: Thread, job: Job | undefined, error: unknown): boolean {
    this.counts.crashed++
    const why = error === null ? 'it has ended itself' : describeError(error)
    const failure = new GyreError('GYRE_WSGI_THREAD', `the thread of the application has crashed: ${why}`, error)
    if (job !== undefined) {
      job.fail(failure)
      return true
    }
    // Between requests, and before the first: so would the next one.
    if (thread.served === 0) this.failToStart(failure)
    else this.report(failure)
    return thread.served > 0
  }

  /** Starts a thread in the place of one that has ended, unless that was done before. */
  private keepCount(thread: Thread): void {
    for (const other of this.threads) if (other.index === thread.index) return
    this.startThread(thread.index)
  }

  /** Tells the host of a failure that is no request's. */
  private report(failure: GyreError): void {
    this.kernel.spawn(failing(failure), { name: 'WSGI threads' })
  }

  private failToStart(error: unknown): void {
    const failure = new GyreError(
      'GYRE_WSGI_MODULE',
      `${this.module} cannot be served: ${error === null ? 'the thread ended while it started' : describeError(error)}`,
      error,
    )
    const first = this.startFailure === null
    this.startFailure = failure
    // After the start nobody waits for `ready`: tell the host, once.
    if (first && this.ready.ended) this.report(failure)
  }

  /** There is nobody left who could answer. */
  private failAll(): void {
    const failure = this.closing
      ? new GyreError('GYRE_SHUTDOWN')
      : (this.startFailure ?? new GyreError('GYRE_WSGI_THREAD'))
    for (const job of this.jobs.values()) job.fail(failure)
  }

  private *waitReady(): Coroutine<void> {
    for (;;) {
      if (this.startFailure !== null) throw this.startFailure
      if (this.closing || ![...this.threads].some(({ loaded }) => !loaded)) return
      yield* park(this.changed)
    }
  }

  /** @param held - whether it takes no request before its predecessor has ended */
  private startThread(index: number, held: boolean = false): void {
    const thread = new Thread(this, index, ++this.threadNumbers, held)
    this.threads.add(thread)
    if (this.limits.startTime === Infinity) return
    const { deadlines, host } = this.kernel
    const limit = new Deadline({
      expired: () => {
        if (thread.state === 'starting') thread.end()
      },
    })
    deadlines.set(limit, host.now() + this.limits.startTime)
    this.startLimits.set(thread, limit)
  }

  /** It has started, or has ended before. */
  private endStart(thread: Thread): void {
    const limit = this.startLimits.get(thread)
    if (limit !== undefined) this.kernel.deadlines.cancel(limit)
    this.startLimits.delete(thread)
  }

  /** A new thread takes the place of one that is to end. */
  private replace(thread: Thread, held: boolean): void {
    if (!this.closing) this.startThread(thread.index, held)
  }

  /** Brings what a thread has put out to those whom it concerns. */
  private deliver(thread: Thread): void {
    const { reader } = thread
    while (reader.peek()) {
      const { kind } = reader
      const job = this.jobs.get(reader.job)
      const whole = kind === RECORD.answer || kind === RECORD.failure
      if (job !== undefined && !whole) {
        // As long as the thread works on it, the client may keep the thread waiting; others it may not.
        if (thread.job === job.number) return job.news(thread)
        this.keep(thread, job)
        continue
      }
      // Those that are answered are counted when their task is over.
      if (job === undefined ? whole || kind === RECORD.end : kind === RECORD.failure) this.hasServed(thread)
      if (job === undefined) reader.skip()
      else if (kind === RECORD.answer) job.answered(thread, reader.take())
      else job.fail(hearFailure(reader.take()))
    }
  }

  /** Takes a record of an answer that is made out of the way of those behind it. */
  private keep(thread: Thread, job: Job): void {
    job.keep(thread, thread.reader.kind, thread.reader.take())
    if (this.keptBytes <= MOST_KEPT) return
    let largest = job
    for (const other of this.jobs.values()) if (other.keptBytes > largest.keptBytes) largest = other
    largest.shed()
  }

  /** Counts a request; one that has served enough is replaced, and goes on until its successor is there. */
  private hasServed(thread: Thread): void {
    thread.served++
    if (thread.served < (this.due.get(thread) ?? Infinity) || thread.state !== 'working') return
    this.due.delete(thread)
    this.counts.recycled++
    // With one thread the application is promised to run once at a time (W7, W30).
    this.replace(thread, this.limits.threads === 1)
  }

  /** The request that a thread works on, or is about to. */
  private jobOf(thread: Thread): Job | undefined {
    for (const job of this.jobs.values())
      if (job.number === thread.job || (this.owns(job) && this.board.isTaken(job.slot, thread.number))) return job
    return undefined
  }

  /** Takes a request back that no thread has claimed. @returns whether it was so */
  private tryDrop(job: Job): boolean {
    if (!this.owns(job) || !this.board.drop(job.slot)) return false
    this.dropped++
    return true
  }

  /** @returns a slot for one more request; undefined where the queue is full of those whose clients still wait */
  private findSlot(): number | undefined {
    const slot = this.full ? undefined : this.board.freeSlot()
    if (slot !== undefined || this.dropped === 0) return slot
    this.sweep()
    return this.full ? undefined : this.board.freeSlot()
  }

  /** Clears the queue of requests that were taken back: their places are for others. */
  private sweep(): void {
    if (this.dropped === 0) return
    this.dropped = 0
    this.board.sweep()
    // A thread may have looked while the queue was in our hands.
    if (this.board.waiting > 0) for (const thread of this.threads) thread.tryWake()
  }

  /** Whether the slot of a request was not given to a later one. */
  private owns(job: Job): boolean {
    return this.owners[job.slot] === job.number
  }

  /** The thread that has a request, or has claimed it and not said so yet. */
  private holderOf(job: Job): Thread | undefined {
    // In this order: a thread gives the slot back only after it has said what it works on.
    for (const thread of this.threads)
      if ((this.owns(job) && this.board.isTaken(job.slot, thread.number)) || thread.job === job.number) return thread
    return undefined
  }

  private threadOf(job: Job): Thread | undefined {
    for (const thread of this.threads) if (thread.job === job.number) return thread
    return undefined
  }

  private watch(job: Job, duration: number): void {
    this.kernel.deadlines.set(job.deadline, this.kernel.host.now() + duration)
  }

  private unwatch(job: Job): void {
    this.kernel.deadlines.cancel(job.deadline)
  }
}

function* failing(error: GyreError): Coroutine<void> {
  throw error
}
