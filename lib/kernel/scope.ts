/*
 * Cancel scopes: what can be cancelled, and how a cancel travels.
 *
 * Rule 1. A scope is a stretch of a task's run, and every task that is spawned inside it. Scopes nest;
 *   a task is itself the outermost scope of its own generator.
 * Rule 2. Cancelling is a state, not an event. Once a scope is cancelled, whatever waits in it is
 *   interrupted: its trap is undone and `Cancelled` is thrown there, so that every `finally` runs.
 * Rule 3. A `finally` may itself wait, for as long as the grace of the scope lasts. When the grace is
 *   over, every wait inside the scope throws again at once. So a task that swallows a cancel gains the
 *   grace and nothing more; one that still goes on waiting is dropped (kernel.ts, `step`).
 * Rule 4. Whoever is on the way out of a scope, because one further out was cancelled, is not told again
 *   when the scope itself is cancelled: that would break the cleanup off.
 * Rule 5. `Cancelled` ends at the scope that was cancelled, and is nobody's failure.
 * Rule 6. A shield keeps the cancels of outer scopes away from what it holds.
 * Rule 7. What was spawned into a scope is cancelled, if need be, when the scope ends.
 *
 * The grace is what makes `yield*` in `finally` safe. From outside, a generator that cleans up and one
 * that swallowed its cancel look the same: both yield again after throw(). Time tells them apart.
 * Cancels go in by throw(), never by return(): after return(), an inner `finally` that yields loses
 * the cancel, and the code around it runs on.
 */
import { GyreError } from '../base/index.ts'
import { tellWatch, tellWatchesWithin } from './cancel-watch.ts'
import { Deadline } from './deadlines.ts'
import type { Expiring } from './deadlines.ts'
import type { Kernel } from './kernel.ts'
import { operationOf } from './operation.ts'
import type { Coroutine, Operation, Runnable } from './operation.ts'
import type { Spot } from './parking.ts'
import type { ScopeTasks } from './scope-tasks.ts'
import { currentTask } from './task.ts'
import type { Task } from './task.ts'

/**
 * Thrown where a cancelled task waits. Let it pass: catch it to clean up, then throw it on, or use
 * `finally`. It is no GyreError, so that handling those does not swallow it by mistake.
 *
 * @example
 * ```ts
 * const task = spawn(function* () {
 *   try {
 *     yield* sleep(60_000)
 *   } catch (error) {
 *     if (Cancelled.is(error)) console.log(error.message) // cancelled: enough
 *     throw error
 *   }
 * })
 * yield* giveWay()
 * task.cancel('enough')
 * yield* giveWay()
 * console.log(task.state) // cancelled
 * ```
 */
export class Cancelled extends Error {
  /** Tells it from other errors, where only a code is at hand. */
  readonly code = 'GYRE_CANCELLED'
  readonly #brand = true
  /** The scope that was cancelled. */
  readonly scope: Scope

  /** For scopes alone. @internal */
  constructor(scope: Scope, reason: string) {
    super(`cancelled: ${reason}`)
    this.name = 'Cancelled'
    this.scope = scope
  }

  /** As instanceof; but of a thrown proxy no trap is called, which might throw itself. */
  static is(error: unknown): error is Cancelled {
    return typeof error === 'object' && error !== null && #brand in error
  }
}

/** When a scope is to be cancelled, and why; and after that when its grace ends. */
class ScopeDeadline extends Deadline {
  reason = ''
}

/**
 * A stretch of work that can be cancelled as one.
 *
 * @example
 * ```ts
 * const answer = yield* withScope(function* (scope) {
 *   scope.cancelAt(scope.kernel.host.now() + 2, 'it takes too long')
 *   yield* sleep(60_000)
 *   return 'done'
 * })
 * console.log(answer) // undefined
 * ```
 */
export class Scope implements Expiring {
  /** Runs the tasks of the scope. */
  readonly kernel: Kernel
  /** The scope that this one lies in. */
  readonly outer: Scope | null
  /** True where cancels of outer scopes do not come in. */
  readonly shielded: boolean
  /** What is thrown to those who wait here; null while the scope is not cancelled. */
  cancelled: Cancelled | null = null
  /** True when the grace after a cancel is over. */
  graceOver = false
  /** How long cleanup may wait after a cancel, in milliseconds. */
  grace: number
  /** The tasks that were spawned into this scope. */
  tasks: ScopeTasks | null = null
  /** The cancel that its task, or the one that has spawned it, had been told of when this stretch began. @internal */
  toldBefore: Scope | null = null
  /** When the scope is to be cancelled, and after that when its grace ends. */
  private deadline: ScopeDeadline | null = null

  /** For servers and the kernel; `withScope` opens one for you. @internal */
  constructor(kernel: Kernel, outer: Scope | null, shielded: boolean) {
    this.kernel = kernel
    this.outer = outer
    this.shielded = shielded
    this.grace = kernel.cancelGrace
  }

  /** The task whose run this scope is a stretch of; null for a scope that only holds tasks. @internal */
  get runner(): Task | null {
    return null
  }

  /** False once the stretch is over: then there is nothing to cancel. */
  get active(): boolean {
    return true
  }

  /**
   * Cancels all that runs in the scope. The second cancel of a scope does nothing.
   *
   * @param reason - in words, for reports
   */
  cancel(reason: string = 'by cancel()'): void {
    if (this.cancelled !== null || !this.active) return
    this.disarm()
    this.cancelled = new Cancelled(this, reason)
    tellWatch(this)
    this.interruptAll()
    if (this.runner !== null || this.holdsTasks) this.beginGrace()
  }

  /**
   * Has the scope cancelled when a time comes.
   *
   * @param at - milliseconds of the host's clock; Infinity takes it back
   * @param reason - in words, for reports
   * @throws GyreError `GYRE_TASK_MISUSE` for NaN
   */
  cancelAt(at: number, reason: string): void {
    if (Number.isNaN(at))
      throw new GyreError('GYRE_TASK_MISUSE', 'a time limit must be a number of milliseconds, not NaN')
    if (this.cancelled !== null || !this.active) return
    if (at === Infinity) return this.disarm()
    this.deadline ??= new ScopeDeadline(this)
    this.deadline.reason = reason
    this.kernel.deadlines.set(this.deadline, at)
  }

  /** The scope's own deadline has passed: of its work, or of its grace. @internal */
  expired(): void {
    if (this.cancelled === null) return this.cancel(this.deadline?.reason)
    this.graceOver = true
    this.interruptAll()
  }

  /** True while a deadline of its own, or the end of its grace, will interrupt those who wait in the scope. */
  get willExpire(): boolean {
    return this.deadline !== null && this.kernel.deadlines.has(this.deadline)
  }

  /** A task is spawned into the scope. @internal */
  join(task: Task): void {
    this.tasks ??= new Set()
    this.tasks.add(task)
    if (!this.active) task.cancel('the scope that it was to be part of has ended')
    // There may have been nobody to grant a grace when the scope was cancelled.
    else if (this.cancelled !== null) this.beginGrace()
  }

  /** A task that was spawned into the scope has ended. @internal */
  leave(task: Task): void {
    this.tasks?.delete(task)
    if (this.holdsTasks) return
    // The last of those that had to be cancelled: no grace runs any more, and its timer must not keep the process.
    if (!this.active || (this.cancelled !== null && this.runner === null)) this.disarm()
  }

  /** @returns true for the cancel of this scope, and of those that it lies in */
  isReachedBy(error: unknown): error is Cancelled {
    return Cancelled.is(error) && this.liesIn(error.scope)
  }

  /** @returns true for the scope itself, and for those around it */
  liesIn(other: Scope): boolean {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the first link of a chain
    let scope: Scope | null = this
    while (scope !== null && scope !== other) scope = scope.outer
    return scope !== null
  }

  /** @returns true for the cancel of this scope alone */
  isOwn(error: unknown): error is Cancelled {
    return Cancelled.is(error) && error.scope === this
  }

  /**
   * @returns whether the task, which lies in this scope, was told of a cancel and is on its way out
   * @internal
   */
  isBeingLeftBy(task: Task): boolean {
    // What was told before the stretch began does not make anybody leave the stretch.
    return task.told !== null && task.told !== this.toldBefore
  }

  /** The stretch is over: what was spawned into it ends as well, within the grace. @internal */
  protected endTasks(): void {
    if (!this.holdsTasks) return this.disarm()
    if (this.cancelled === null) {
      this.disarm()
      this.cancelled = new Cancelled(this, 'the scope or task that it was part of has ended')
    }
    this.interruptAll()
    this.beginGrace()
  }

  /** Whether tasks that were spawned into it have not ended. @internal */
  protected get holdsTasks(): boolean {
    return this.tasks !== null && this.tasks.size > 0
  }

  /** Takes the scope's deadline back. */
  private disarm(): void {
    if (this.deadline !== null) this.kernel.deadlines.cancel(this.deadline)
  }

  /** Has the grace end in time, unless it runs already. */
  private beginGrace(): void {
    if (this.graceOver) return
    this.deadline ??= new ScopeDeadline(this)
    const { deadlines, host } = this.kernel
    if (!deadlines.has(this.deadline)) deadlines.set(this.deadline, host.now() + this.grace)
  }

  /** Interrupts every task in the scope. */
  private interruptAll(): void {
    const { runner, tasks } = this
    if (runner !== null) interruptWithin(runner, this)
    else if (tasks !== null) for (const task of tasks) interruptWithin(task, task)
  }
}

/** Interrupts a task, and all that was spawned into its scopes from the innermost out to `last`. */
function interruptWithin(task: Task, last: Scope): void {
  tellWatchesWithin(task, last)
  task.noticeCancel()
  for (let scope: Scope | null = task.scope; scope !== null; scope = scope === last ? null : scope.outer) {
    if (scope.tasks !== null) for (const child of scope.tasks) interruptWithin(child, child)
  }
}

/** A scope around a stretch of a task's own code. @internal */
export class InnerScope extends Scope {
  /** Told when the task was dropped inside the stretch, and will not come to its end. */
  abandoned: (() => void) | null = null
  /** Where somebody waits for the last of the scope's tasks to leave. */
  empty: Spot | null = null
  private readonly owner: Task
  private entered = false
  private over = false
  /** True when a cancel that was told before the stretch began is thrown in it once more. */
  leaving = false

  constructor(task: Task, shielded: boolean = false) {
    super(task.kernel, task.scope, shielded)
    this.owner = task
  }

  override get runner(): Task | null {
    return this.entered ? this.owner : null
  }

  override get active(): boolean {
    return !this.over
  }

  override isBeingLeftBy(task: Task): boolean {
    return super.isBeingLeftBy(task) || (this.leaving && task === this.owner)
  }

  override leave(task: Task): void {
    super.leave(task)
    if (!this.holdsTasks) this.empty?.wake()
  }

  /** Begins the stretch; after `close` it may begin again. */
  open(): this {
    this.entered = true
    this.over = false
    this.toldBefore = this.owner.told
    this.leaving = false
    this.owner.scope = this
    if (this.shielded || this.cancelled !== null) this.owner.noticeCancel()
    return this
  }

  /** Ends the stretch. Scopes end in the reverse order of their beginning; generators see to that. */
  close(): void {
    // A task that was dropped has had its scopes closed.
    if (this.over) return
    this.entered = false
    this.over = true
    this.owner.scope = this.outer as Scope
    // Cleanup that runs in the grace of an outer cancel is not told of that one again, only because a
    // scope inside it was cancelled as well.
    if (this.owner.told === this) this.owner.told = this.toldBefore
    // It has unwound, however often it was refused: that is not held against it later.
    if (this.graceOver) this.kernel.forgive(this.owner)
    if (this.shielded || this.cancelled !== null) this.owner.noticeCancel()
    this.endTasks()
  }

  /** Ends the stretch of a task that was dropped in it. */
  abandon(): void {
    this.abandoned?.()
    this.close()
  }
}

/** Opens a scope around what the calling task does until `close`. */
export function openScope(shielded: boolean = false): InnerScope {
  return new InnerScope(currentTask(), shielded).open()
}

/**
 * Runs a piece of work in a scope of its own, which the work may cancel.
 *
 * @param body - is handed the scope
 * @returns what the body returns; undefined if the scope was cancelled
 * @example
 * ```ts
 * const found = yield* withScope(function* (scope) {
 *   spawnLater(1, function* () { scope.cancel('the user gave up') })
 *   yield* sleep(60_000)
 *   return 'found'
 * })
 * console.log(found) // undefined
 * ```
 */
export function* withScope<T>(body: (scope: Scope) => Operation<T>): Coroutine<T | undefined> {
  const scope = openScope()
  try {
    return yield* body(scope)
  } catch (error) {
    if (scope.isOwn(error)) return undefined
    throw error
  } finally {
    scope.close()
  }
}

/**
 * Runs a piece of work that may take so long and no longer.
 *
 * @param duration - milliseconds
 * @param work - an operation, or a function that makes one
 * @returns what the work returns
 * @throws GyreError `GYRE_TIMEOUT` when the time is over; every `finally` of the work has run by then.
 *   `GYRE_TASK_MISUSE` for NaN
 * @example
 * ```ts
 * try {
 *   yield* withTimeout(2, sleep(60_000))
 * } catch (error) {
 *   console.log((error as GyreError).code) // GYRE_TIMEOUT
 * }
 * ```
 */
export function* withTimeout<T>(duration: number, work: Runnable<T>): Coroutine<T> {
  const scope = openScope()
  try {
    scope.cancelAt(scope.kernel.host.now() + duration, `not done within ${duration} ms`)
    return yield* operationOf(work)
  } catch (error) {
    if (scope.isOwn(error)) throw new GyreError('GYRE_TIMEOUT', `not done within ${duration} ms`, error)
    throw error
  } finally {
    scope.close()
  }
}

/**
 * Runs a piece of work that cancels from outside do not reach. For work that must not be left half
 * done; keep it short.
 *
 * @param work - an operation, or a function that makes one
 * @returns what the work returns
 * @example
 * ```ts
 * const task = spawn(shield(function* () {
 *   yield* sleep(1)
 *   console.log('committed') // committed
 * }))
 * yield* giveWay()
 * task.cancel('the client has gone')
 * yield* sleep(5)
 * console.log(task.state) // done
 * ```
 */
export function* shield<T>(work: Runnable<T>): Coroutine<T> {
  const scope = openScope(true)
  try {
    return yield* operationOf(work)
  } finally {
    scope.close()
  }
}
