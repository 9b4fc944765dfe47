/*
 * A task: one generator under way. The kernel steps it, traps stop it, scopes cancel it.
 *
 *   ready --step--> running --trap--> waiting --wake or interrupt--> ready
 *                   running --return--> done
 *                   running --throw---> failed, or cancelled where what it throws is its own cancel
 *
 * A task is the outermost scope of its own run, so `task.cancel()` is `scope.cancel()`.
 */
import { GyreError } from '../base/index.ts'
import type { Context } from './context.ts'
import { inspector } from './inspection.ts'
import type { Kernel } from './kernel.ts'
import type { Meter } from './meter.ts'
import type { Coroutine, Operation } from './operation.ts'
import { promiseOf } from './promises.ts'
import { Cancelled, InnerScope, Scope } from './scope.ts'
import { park } from './traps.ts'
import type { Trap } from './traps.ts'

/** Where a task can be in its life, what can happen to it there, and where that takes it. */
export const TASK_STATES = {
  ready: { 'its turn comes': 'running' },
  running: { waits: 'waiting', returns: 'done', throws: 'failed', 'throws its own cancel': 'cancelled' },
  waiting: { 'is woken': 'ready', 'is interrupted by a cancel': 'ready' },
  done: {},
  failed: {},
  cancelled: {},
} as const

/** Where a task is in its life. */
export type TaskState = keyof typeof TASK_STATES

let running: Task | null = null

/**
 * The task whose code is running.
 *
 * @returns the task
 * @throws GyreError `GYRE_TASK_MISUSE` outside of every task
 * @example
 * ```ts
 * const task = spawn(function* () { console.log(currentTask().name) }, { name: 'ada' }) // ada
 * yield* task
 * ```
 */
export function currentTask(): Task {
  if (running === null)
    throw new GyreError('GYRE_TASK_MISUSE', 'this can only be used inside a task: start one with run() or spawn()')
  return running
}

/** @returns the task whose code is running; null outside of every task */
export function runningTask(): Task | null {
  return running
}

/** For the kernel alone: says whose code runs from here on. */
export function setCurrentTask(task: Task | null): void {
  running = task
}

/** What happens when a task has ended, besides waking those who joined it. */
export interface TaskKeeper {
  /** What the task works on, in words, for reports. */
  readonly doing?: string | undefined
  /**
   * A task has ended.
   *
   * @param task - which
   * @param failed - false for a task that is done, and for one that was cancelled
   * @param result - what it returned, or threw
   */
  ended(task: Task, failed: boolean, result: unknown): void
}

/** Something that a task holds back while it runs, and that must not be held back while it waits. */
export interface Cork {
  /** The task is about to wait. Must not throw. */
  beforeWait(): void
}

/** Called when a task has ended. */
export type EndListener = (failed: boolean, result: unknown) => void

/**
 * A running operation. `yield*` it, or await it, to have its result.
 *
 * @example
 * ```ts
 * const task = spawn(function* () {
 *   yield* sleep(1)
 *   return 42
 * }, { name: 'answer' })
 * yield* giveWay()
 * console.log(task.name, task.state, task.waitingFor) // answer waiting sleep(1)
 * console.log(yield* task, task.state) // 42 done
 * ```
 */
export class Task<T = unknown> extends Scope implements Operation<T>, PromiseLike<T> {
  /** As given to `spawn`, for reports. */
  readonly name: string
  /** The generator under way. @internal */
  readonly iterator: Iterator<Trap, T, unknown>
  /** Where it is in its life. */
  state: TaskState = 'ready'
  /** The innermost scope that the task is in. */
  scope: Scope = this
  /** What the task waits on. @internal */
  trap: Trap | null = null
  /** What the task holds back until it waits. @internal */
  cork: Cork | null = null
  /**
   * What the next step sends into the generator, or throws into it where `throwing` is set; and what has
   * come out of it, when the task has ended.
   *
   * @internal
   */
  inbox: unknown = undefined
  /** Whether the inbox is to be thrown. @internal */
  throwing = false
  /**
   * The cancelled scope that governs the task's current place, as far as no shield is between: the
   * innermost one whose grace is over, else the innermost one.
   *
   * @internal
   */
  cancelledBy: Scope | null = null
  /** The scope around the current place whose cancel the task was told of last. @internal */
  told: Scope | null = null
  /** What surrounds the task's code; null as long as it makes no difference. @internal */
  context: Context | null = null
  /**
   * What TaskLocal keeps. Never changed, only replaced; a task starts with that of the one that spawns it.
   *
   * @internal
   */
  locals: ReadonlyMap<object, unknown> | null
  /** True when somebody has taken the result, or is sure to. @internal */
  observed = false
  /** Who is told of its end. @internal */
  readonly keeper: TaskKeeper
  private measuredBy: Meter | null
  /** Who is told of the end: tasks that wait for it, and listeners. */
  private followers: Set<Task | EndListener> | null = null

  /** For kernels alone: `spawn` makes tasks. @internal */
  constructor(kernel: Kernel, operation: Operation<T>, name: string, outer: Scope | null, keeper: TaskKeeper) {
    super(kernel, outer, false)
    this.name = name
    this.keeper = keeper
    this.locals = running === null ? null : running.locals
    this.measuredBy = running === null ? null : running.measuredBy
    this.iterator = operation[Symbol.iterator]()
    if (outer !== null) this.noticeCancel()
    // Those whom a cleanup spawns have its grace as well.
    if (this.cancelledBy !== null && running?.told === this.cancelledBy) this.told = this.toldBefore = running.told
  }

  override get runner(): this {
    return this
  }

  /** True when the task has ended, in whatever way. */
  get ended(): boolean {
    return this.state === 'done' || this.state === 'failed' || this.state === 'cancelled'
  }

  override get active(): boolean {
    return !this.ended
  }

  /**
   * What counts the task's steps and times; null while nobody asks. Set in the middle of a step, it counts the rest
   * of it; so one task can have a meter for each request that it serves, one after another.
   */
  get meter(): Meter | null {
    return this.measuredBy
  }

  /** Takes effect at once. */
  set meter(meter: Meter | null) {
    const { measuredBy: before, kernel, state } = this
    if (meter === before) return
    this.measuredBy = meter
    kernel.watchSteps()
    const now = kernel.host.now()
    if (state === 'ready') {
      before?.leftQueue(now)
      meter?.becameReady(now)
    } else if (state === 'running') {
      before?.stepEnded(now)
      meter?.stepBegan(now)
    }
  }

  /** What the task waits for, in words; undefined while it does not wait. */
  get waitingFor(): string | undefined {
    return this.trap?.reason
  }

  /**
   * Ends the task's wait. For whoever entered the trap, once.
   *
   * @param value - what the wait returns
   * @throws GyreError `GYRE_TASK_MISUSE` if the task does not wait
   */
  wake(value?: unknown): void {
    if (this.state !== 'waiting')
      throw new GyreError('GYRE_TASK_MISUSE', `task ${this.name} was woken but does not wait`)
    this.trap = null
    this.inbox = value
    this.kernel.ready(this)
  }

  /**
   * Ends the task's wait by an error. For whoever entered the trap, once.
   *
   * @param error - what the wait throws
   * @throws GyreError `GYRE_TASK_MISUSE` if the task does not wait
   */
  wakeThrow(error: unknown): void {
    this.wake(error)
    this.throwing = true
    if (Cancelled.is(error)) this.noteTold(error)
  }

  /**
   * Finds the cancel that reaches the task where it is now, and interrupts its wait if it has not been told.
   *
   * @internal
   */
  noticeCancel(): void {
    this.cancelledBy = this.governingCancel()
    const { trap } = this
    if (trap === null || !this.mustUnwind()) return
    trap.undo(this)
    this.wakeThrow(this.unwinding())
  }

  private governingCancel(): Scope | null {
    let innermost: Scope | null = null
    for (let scope: Scope | null = this.scope; scope !== null; scope = scope.shielded ? null : scope.outer) {
      if (scope.cancelled === null) continue
      if (scope.graceOver) return scope
      innermost ??= scope
    }
    return innermost
  }

  /** True when the task may not wait, because of a cancel that it was not told of or whose grace is over. @internal */
  mustUnwind(): boolean {
    const { cancelledBy } = this
    return cancelledBy !== null && (cancelledBy.graceOver || !cancelledBy.isBeingLeftBy(this))
  }

  /** Takes note that the task is told of its cancel. @internal @returns what to throw into it */
  unwinding(): Cancelled {
    const by = this.cancelledBy as Scope
    this.told = by
    return by.cancelled as Cancelled
  }

  /**
   * A cancel that comes by way of another task, which was told first, is not to be told again: that would
   * break off the cleanup which it sets going.
   *
   * @param error - what is about to be thrown into this task
   * @internal
   */
  noteTold(error: unknown): void {
    let found: Scope | null = this.scope
    while (found !== null && !found.isOwn(error)) found = found.shielded ? null : found.outer
    if (found === null) return
    // Who is on the way out of a scope further out stays so when this one has been left.
    const goesFurther = this.told !== null && found.liesIn(this.told) && found.isBeingLeftBy(this)
    if (!goesFurther) this.told = found
    for (let scope = this.scope; scope instanceof InnerScope; scope = scope.outer as Scope) {
      scope.leaving = true
      if (scope === found) break
    }
  }

  /** The run is over. For the kernel alone. @internal */
  end(failed: boolean, result: unknown): void {
    this.trap = null
    this.context = null
    this.inbox = result
    const cancelled = failed && this.isReachedBy(result)
    this.state = cancelled ? 'cancelled' : failed ? 'failed' : 'done'
    this.endTasks()
    if (inspector !== null) inspector.ended(this)
    if (this.followers !== null) this.tellFollowers(this.followers, failed, result)
    this.keeper.ended(this, failed && !cancelled, result)
  }

  private tellFollowers(followers: Set<Task | EndListener>, failed: boolean, result: unknown): void {
    for (const follower of followers) {
      if (typeof follower === 'function') {
        this.tell(follower, failed, result)
        continue
      }
      this.observed = true
      if (failed) follower.wakeThrow(result)
      else follower.wake(result)
    }
    this.followers = null
  }

  /** A listener is the code of somebody else: its failure is not to keep the kernel from going on. */
  private tell(listener: EndListener, failed: boolean, result: unknown): void {
    try {
      listener(failed, result)
    } catch (error) {
      this.kernel.host.unobserved(error, this)
    }
  }

  /** Closes the scopes that the task was dropped in, from the inside out. For the kernel alone. @internal */
  abandonScopes(): void {
    while (this.scope instanceof InnerScope) this.scope.abandon()
  }

  /**
   * Waits for the end of the task: `yield* task`.
   *
   * @returns its result
   * @throws its error; `Cancelled` if it was cancelled
   */
  *[Symbol.iterator](): Coroutine<T> {
    if (this.ended) {
      this.observed = true
      if (this.state === 'done') return this.inbox as T
      currentTask().noteTold(this.inbox)
      throw this.inbox
    }
    // Not observed yet: whoever waits may be cancelled before the task ends.
    return yield* park<T>(new Join(this))
  }

  /** Awaits the end of the task: `await task`. */
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return promiseOf(this).then(fulfilled, rejected)
  }

  /** As `then`, for errors alone. */
  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return promiseOf(this).catch(rejected)
  }

  /** As `then`, for whatever comes of it. */
  finally(settled?: (() => void) | null): Promise<T> {
    return promiseOf(this).finally(settled)
  }

  /**
   * Calls back when the task has ended: the way out of the kernel for promises. What it throws is told to the host.
   *
   * @returns takes it back
   */
  whenEnded(listener: EndListener): () => void {
    this.observed = true
    if (this.ended) this.tell(listener, this.state !== 'done', this.inbox)
    else this.follow(listener)
    return () => this.unfollow(listener)
  }

  /** For those who take no note of a failure. @internal @param follower - is told once */
  follow(follower: Task | EndListener): void {
    this.followers ??= new Set()
    this.followers.add(follower)
  }

  /** Takes a follower back. @internal */
  unfollow(follower: Task | EndListener): void {
    this.followers?.delete(follower)
  }
}

/** The wait for the end of a task. */
class Join implements Trap {
  private readonly joined: Task

  constructor(joined: Task) {
    this.joined = joined
  }

  get reason(): string {
    return `the end of task ${this.joined.name}`
  }

  get holders(): Task[] {
    return [this.joined]
  }

  enter(task: Task): void {
    this.joined.follow(task)
  }

  undo(task: Task): void {
    this.joined.unfollow(task)
  }
}
