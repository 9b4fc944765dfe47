/*
 * The kernel: runs tasks, one step at a time.
 *
 * 1. Nothing here waits. The host calls `tick` when there is something to do.
 * 2. One tick is: poll, expire, run what was ready when the tick began. What becomes ready
 *    meanwhile runs in the next tick, so that a task that always has work cannot starve descriptors
 *    and deadlines.
 * 3. A task that waits is held by what it waits for, and by its keeper. The kernel holds only those
 *    that are ready.
 */
import { GyreError, LIMITS } from '../base/index.ts'
import type { Contexts } from './context.ts'
import { Deadlines } from './deadlines.ts'
import type { Host, Poller } from './host.ts'
import { inspector } from './inspection.ts'
import { operationOf } from './operation.ts'
import type { Operation, Runnable } from './operation.ts'
import { yieldedByMistake } from './promises.ts'
import { ReadyRing } from './ring.ts'
import type { Scope } from './scope.ts'
import { callsOf, usersCalls } from './sites.ts'
import type { Site } from './sites.ts'
import { watchStallSites } from './stalls.ts'
import { Task, setCurrentTask } from './task.ts'
import type { TaskKeeper } from './task.ts'
import type { Trap } from './traps.ts'

/** What `spawn` takes besides the work. */
export interface SpawnOptions {
  /** For reports. */
  readonly name?: string
  /** The scope that the task ends with. Without it nothing but its own end ends it. */
  readonly scope?: Scope | null
}

/** What a kernel counts. */
export interface KernelStatistics {
  /** Tasks that have not ended. */
  readonly tasks: number
  /** Tasks that are ready to run. */
  readonly ready: number
  /** Deadlines that are set. */
  readonly deadlines: number
  /** Ticks so far. */
  readonly ticks: number
}

/**
 * Told of a step that took long.
 *
 * @param duration - milliseconds
 * @param site - where the task waited next: the calls of its `yield*` chain from the innermost on that is not of this
 *   library. Empty where it has ended, or waits in our own code, as a connection does for its next request
 */
export type StallListener = (task: Task, duration: number, site: readonly string[]) => void

/** A source of numbers by chance. @returns a whole number from 0 to below `end` */
export type Chance = (end: number) => number

/**
 * How often a task whose grace is over is refused a wait before it is dropped. One that unwinds is refused
 * once for each `finally` that would wait: more than calls are nested by those who do not loop.
 */
const REFUSALS = 512

/**
 * Runs the tasks of one thread.
 *
 * @example
 * ```ts
 * const kernel = new Kernel(new NodeHost())
 * const task = kernel.spawn(function* () {
 *   yield* sleep(1)
 *   return kernel.statistics().tasks
 * })
 * console.log(await task) // 1
 * ```
 */
export class Kernel implements TaskKeeper {
  /** The loop that it is a guest of. */
  readonly host: Host
  /** All times that its tasks wait for. */
  readonly deadlines: Deadlines = new Deadlines()
  /** Says which descriptors are ready; null where there is none. */
  poller: Poller | null = null
  /** How long the cleanup of a cancelled task may wait, in milliseconds, where nobody says otherwise. */
  cancelGrace: number = LIMITS.cancelGrace.value
  /** When the current tick began, in milliseconds of the host's clock: near enough for most deadlines. */
  time = 0
  /** Where each task has its context; null as long as nobody uses any. @internal */
  contexts: Contexts | null = null
  private readonly ring = new ReadyRing()
  /** True while a tick is asked for or under way, so that `ready` need not ask. */
  private awake = false
  /** False as long as steps are only to be taken: no contexts, no meters, and nobody who wants to hear of long ones. */
  private watched = false
  private stallTime = Infinity
  private onStall: StallListener | null = null
  /** When the step began that is under way, where steps are watched. */
  private stepBegan = Infinity
  /** Where the step that is under way waits, if it took too long. For stalls.ts. @internal */
  lateSite: Site | undefined = undefined
  private readonly chance: Chance | null
  private tasks = 0
  private ticks = 0
  /** How often tasks were refused a wait, after a grace was over, in the scopes that they are still in. */
  private readonly refusals = new Map<Task, number>()
  /** Failures of this tick that nobody was waiting for. Who joins before the tick ends is in time. */
  private failures: Task[] = []

  /**
   * @param host - is asked for ticks, and calls `tick`
   * @param chance - for tests: has the tasks that are ready together run in an order by chance
   */
  constructor(host: Host, chance: Chance | null = null) {
    this.host = host
    this.chance = chance
    host.start(() => {
      this.tick()
    })
    host.whenContextsAreUsed?.((contexts) => {
      this.contexts = contexts
      this.watched = true
    })
  }

  /**
   * Starts a task that nobody keeps. If it fails, and nobody has joined it or awaited it by then, the
   * failure is told to the host.
   *
   * @param work - an operation, or a function that makes one
   * @param options - its name, and the scope that it ends with
   * @returns the task; `yield*` or await it for its result
   */
  spawn<T>(work: Runnable<T>, options?: SpawnOptions): Task<T> {
    return this.start(operationOf(work), options?.name, options?.scope ?? null, this)
  }

  /**
   * Starts a task that a keeper is told of. For nurseries and their like.
   *
   * @param operation - what it runs
   * @param name - for reports
   * @param scope - the scope that it ends with; null for none
   * @param keeper - is told of its end
   * @returns the task
   */
  start<T>(operation: Operation<T>, name: string | undefined, scope: Scope | null, keeper: TaskKeeper): Task<T> {
    const task = new Task(this, operation, name ?? 'task', scope, keeper)
    if (this.contexts !== null) task.context = this.contexts.fork()
    scope?.join(task)
    this.tasks++
    if (inspector !== null) inspector.spawned(task)
    this.ready(task)
    return task
  }

  /** Puts a task into the ready ring. For `task.wake` alone. @internal */
  ready(task: Task): void {
    task.state = 'ready'
    if (task.meter !== null) task.meter.becameReady(this.host.now())
    this.ring.push(task)
    if (this.awake) return
    this.awake = true
    this.host.requestTick()
  }

  /** One turn. The host calls it. */
  tick(): void {
    this.awake = true
    this.ticks++
    try {
      // 1. Poll: tasks whose descriptors are ready go to the ring.
      this.poller?.poll()
      // 2. Expire: tasks whose time has come go to the ring.
      this.time = this.host.now()
      this.deadlines.expire(this.time)
      // 3. Run what is ready now, and nothing that becomes ready on the way.
      if (this.chance !== null) this.ring.shuffle(this.chance)
      for (let left = this.ring.length; left > 0; left--) {
        const task = this.ring.shift()
        const { watched } = this
        if (watched) this.stepWatched(task)
        else this.step(task)
        if (watched !== this.watched) this.watchedFirst(task)
      }
      if (this.failures.length > 0) this.reportFailures()
    } finally {
      // Then say when to come back: also where a keeper or an owner of a deadline has thrown, because the
      // other tasks are not to stand still for it.
      setCurrentTask(null)
      this.awake = this.ring.length > 0
      if (this.awake) this.host.requestTick()
      else this.host.wakeAt(this.deadlines.next())
    }
  }

  /** @returns counts of what the kernel holds */
  statistics(): KernelStatistics {
    return { tasks: this.tasks, ready: this.ring.length, deadlines: this.deadlines.size, ticks: this.ticks }
  }

  /**
   * Has steps that take long told: whatever takes long in one step, everything else waits for.
   *
   * @param threshold - milliseconds; Infinity for no longer
   * @param onStall - is handed the task, how many milliseconds its step took, and where it waited next
   */
  watchStalls(threshold: number, onStall: StallListener): void {
    this.stallTime = threshold
    this.onStall = onStall
    watchStallSites()
    this.watchSteps()
  }

  /** For meters: has the clock read around steps. @internal */
  watchSteps(): void {
    this.watched = true
  }

  /** As `step`, for those who use contexts, carry a meter, or may take too long. */
  private stepWatched(task: Task): void {
    const { meter } = task
    const began = (this.stepBegan = meter !== null || this.stallTime < Infinity ? this.host.now() : Infinity)
    if (meter !== null) {
      meter.leftQueue(began)
      meter.stepBegan(began)
    }
    this.stepInContext(task)
    // It may have another meter by now.
    if (task.meter === null && this.stallTime === Infinity) return
    const now = this.host.now()
    task.meter?.stepEnded(now)
    if (now - began >= this.stallTime) this.stalled(task, now - began)
  }

  /** The step that is over was the first to use a context, or to set a meter. */
  private watchedFirst(task: Task): void {
    task.meter?.stepEnded(this.host.now())
    this.adoptFirst(task)
  }

  /** True where the step that is under way has taken too long already. */
  get stepIsLate(): boolean {
    return this.host.now() - this.stepBegan >= this.stallTime
  }

  private stalled(task: Task, duration: number): void {
    const site = task.ended ? [] : usersCalls(callsOf(this.lateSite))
    this.lateSite = undefined
    try {
      this.onStall?.(task, duration, site)
    } catch (error) {
      this.host.unobserved(error, task)
    }
  }

  /** What the first step to use contexts has changed there is its task's. */
  private adoptFirst(task: Task): void {
    if (this.contexts !== null && !task.ended) task.context = this.contexts.adopt()
  }

  private stepInContext(task: Task): void {
    if (this.contexts === null) {
      this.step(task)
      return this.adoptFirst(task)
    }
    task.context ??= this.contexts.root.renew()
    task.context.run(this.stepThere, task)
  }

  private readonly stepThere = (task: Task): void => {
    this.step(task)
  }

  /** Runs a task until its next wait or its end. */
  private step(task: Task): void {
    task.state = 'running'
    setCurrentTask(task)
    const { inbox, throwing, iterator } = task
    task.inbox = undefined
    task.throwing = false
    let result
    try {
      result = throwing ? throwInto(iterator, inbox) : iterator.next(inbox)
      while (result.done !== true && task.cancelledBy !== null && task.mustUnwind()) {
        if (task.cancelledBy.graceOver && this.refuse(task) > REFUSALS) return this.drop(task, result.value)
        result = throwInto(iterator, task.unwinding())
      }
    } catch (error) {
      return this.finish(task, true, error)
    }
    if (result.done === true) this.finish(task, false, result.value)
    else this.enter(task, result.value)
  }

  private enter(task: Task, trap: Trap): void {
    if (task.cork !== null) task.cork.beforeWait()
    try {
      task.trap = trap
      task.state = 'waiting'
      trap.enter(task)
    } catch (error) {
      // The wait could not begin: the task is told there and then.
      task.wakeThrow(isTrap(trap) ? error : yieldedByMistake(trap))
    }
  }

  private refuse(task: Task): number {
    const refusals = (this.refusals.get(task) ?? 0) + 1
    this.refusals.set(task, refusals)
    return refusals
  }

  /** A task has left a scope that it was refused waits in. @internal */
  forgive(task: Task): void {
    this.refusals.delete(task)
  }

  private finish(task: Task, failed: boolean, result: unknown): void {
    this.tasks--
    if (this.refusals.size > 0) this.refusals.delete(task)
    task.end(failed, result)
  }

  /** Gives a task up that goes on waiting though it was cancelled and its grace is over. */
  private drop(task: Task, trap: Trap): void {
    const error = new GyreError(
      'GYRE_CANCEL_IGNORED',
      `task ${task.name} was cancelled and went on waiting for ${isTrap(trap) ? trap.reason : 'something'}`,
      task.cancelledBy?.cancelled,
    )
    this.host.unobserved(error, task)
    // Where it was only a stretch of it that was cancelled, all of it is now: that is not reported once more.
    const cancelled = task.cancelledBy?.cancelled
    const reached = task.isReachedBy(cancelled)
    if (!reached) task.cancel('it was dropped')
    task.abandonScopes()
    try {
      // The last `finally` blocks that it is in still run, as far as they do not wait.
      task.iterator.return?.()
    } catch (failure) {
      this.host.unobserved(failure, task)
    }
    task.abandonScopes()
    this.finish(task, true, reached ? cancelled : task.cancelled)
  }

  /** A task that nobody keeps has ended. @internal */
  ended(task: Task, failed: boolean): void {
    task.outer?.leave(task)
    if (failed && !task.observed) this.failures.push(task)
  }

  private reportFailures(): void {
    const { failures } = this
    this.failures = []
    for (const task of failures) {
      if (task.observed) continue
      task.whenEnded((_failed, error) => {
        this.host.unobserved(error, task)
      })
    }
  }
}

function isTrap(value: unknown): value is Trap {
  return typeof value === 'object' && value !== null && 'enter' in value && 'undo' in value
}

function throwInto(iterator: Task['iterator'], error: unknown): IteratorResult<Trap, unknown> {
  // An operation that is no generator may have no throw(): then there is nothing in it to unwind.
  if (iterator.throw === undefined) throw error
  return iterator.throw(error)
}
