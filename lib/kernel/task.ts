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
import type { Kernel } from './kernel.ts'
import type { Coroutine, Operation } from './operation.ts'
import { ParkingLot } from './parking.ts'
import { promiseOf } from './promises.ts'
import { Cancelled, Scope } from './scope.ts'
import { park } from './traps.ts'
import type { Trap } from './traps.ts'

/** Where a task is in its life. */
export type TaskState = 'ready' | 'running' | 'waiting' | 'done' | 'failed' | 'cancelled'

let running: Task | null = null

/**
 * The task whose code is running.
 *
 * @throws GyreError `GYRE_TASK_MISUSE` outside of every task
 */
export function currentTask(): Task {
  if (running === null)
    throw new GyreError('GYRE_TASK_MISUSE', 'this can only be used inside a task: start one with run() or spawn()')
  return running
}

/** For the kernel alone: says whose code runs from here on. */
export function setCurrentTask(task: Task | null): void {
  running = task
}

/** What happens when a task has ended, besides waking those who joined it. */
export interface TaskKeeper {
  /**
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

/** A running operation. `yield*` it, or await it, to have its result. */
export class Task<T = unknown> extends Scope implements Operation<T>, PromiseLike<T> {
  readonly name: string
  readonly iterator: Iterator<Trap, T, unknown>
  state: TaskState = 'ready'
  /** The innermost scope that the task is in. */
  scope: Scope = this
  /** What the task waits on. */
  trap: Trap | null = null
  /** What the task holds back until it waits. */
  cork: Cork | null = null
  /** What the next step sends into the generator, or throws into it where `throwing` is set. */
  inbox: unknown = undefined
  throwing = false
  /** The innermost cancelled scope around the task's current place, as far as no shield is between. */
  cancelledBy: Scope | null = null
  /** The scope whose cancel the task was told of last. */
  told: Scope | null = null
  /** How often the task was refused a wait after its grace was over. */
  refusals = 0
  /** True when somebody has taken, or waits for, the result. */
  observed = false
  readonly keeper: TaskKeeper
  private result: unknown = undefined
  private joiners: ParkingLot | null = null
  private listeners: EndListener[] | null = null

  constructor(kernel: Kernel, operation: Operation<T>, name: string, outer: Scope | null, keeper: TaskKeeper) {
    super(kernel, outer, false)
    this.name = name
    this.keeper = keeper
    this.iterator = operation[Symbol.iterator]()
    this.noticeCancel()
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

  /** What the task waits for, in words; undefined while it does not wait. */
  get waitingFor(): string | undefined {
    return this.trap?.reason
  }

  /** Ends the task's wait. For whoever entered the trap, once. @param value - what the wait returns */
  wake(value?: unknown): void {
    if (this.state !== 'waiting')
      throw new GyreError('GYRE_TASK_MISUSE', `task ${this.name} was woken but does not wait`)
    this.trap = null
    this.inbox = value
    this.kernel.ready(this)
  }

  /** Ends the task's wait by an error. For whoever entered the trap, once. */
  wakeThrow(error: unknown): void {
    this.wake(error)
    this.throwing = true
  }

  /** Finds the cancel that reaches the task where it is now, and interrupts its wait if it has not been told. */
  noticeCancel(): void {
    let scope: Scope | null = this.scope
    while (scope !== null && scope.cancelled === null) scope = scope.shielded ? null : scope.outer
    this.cancelledBy = scope
    const { trap } = this
    if (trap === null || !this.mustUnwind()) return
    trap.undo(this)
    this.wakeThrow(this.unwinding())
  }

  /** True when the task may not wait, because of a cancel that it was not told of or whose grace is over. */
  mustUnwind(): boolean {
    const { cancelledBy } = this
    return cancelledBy !== null && (this.told !== cancelledBy || cancelledBy.graceOver)
  }

  /** Takes note that the task is told of its cancel. @returns what to throw into it */
  unwinding(): Cancelled {
    const by = this.cancelledBy as Scope
    this.told = by
    return by.cancelled as Cancelled
  }

  /** The run is over. For the kernel alone. */
  end(failed: boolean, result: unknown): void {
    this.disarm()
    this.trap = null
    this.result = result
    // What was spawned into the task's own scope does not outlive it.
    if (this.tasks !== null && this.tasks.size > 0) this.cancel(`task ${this.name}, which it was part of, has ended`)
    const cancelled = failed && this.isOwnCancel(result)
    this.state = cancelled ? 'cancelled' : failed ? 'failed' : 'done'
    if (this.joiners !== null) {
      if (failed) this.joiners.throwAll(result)
      else this.joiners.wakeAll(result)
    }
    if (this.listeners !== null) for (const listener of this.listeners) listener(failed, result)
    this.keeper.ended(this, failed && !cancelled, result)
  }

  /** True for a cancel of this task or of a scope that it lies in: an end that was asked for. */
  private isOwnCancel(error: unknown): boolean {
    if (!(error instanceof Cancelled)) return false
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the first link of a chain
    let scope: Scope | null = this
    while (scope !== null && scope !== error.scope) scope = scope.outer
    return scope !== null
  }

  /**
   * Waits for the end of the task: `yield* task`.
   *
   * @returns its result
   * @throws its error; `Cancelled` if it was cancelled
   */
  *[Symbol.iterator](): Coroutine<T> {
    this.observed = true
    if (this.state === 'done') return this.result as T
    if (this.ended) throw this.result
    this.joiners ??= new ParkingLot(`the end of task ${this.name}`)
    return yield* park<T>(this.joiners)
  }

  /** Awaits the end of the task: `await task`. */
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return promiseOf(this).then(fulfilled, rejected)
  }

  /** Calls back when the task has ended: the way out of the kernel for promises. */
  whenEnded(listener: EndListener): void {
    this.observed = true
    if (this.ended) listener(this.state !== 'done', this.result)
    else (this.listeners ??= []).push(listener)
  }
}
