/*
 * Task groups: tasks that are counted, joined and cancelled together, but need not live inside the code
 * that started them. Where they do, use a nursery: it is stricter, and simpler.
 */
import { GyreError } from '../base/index.ts'
import { Spot, currentTask, park } from '../kernel/index.ts'
import type { Coroutine, Runnable, Scope, Task } from '../kernel/index.ts'
import { endingOf, link } from './endings.ts'
import { killAll } from './kill.ts'
import type { KillOptions } from './kill.ts'

/** What a group takes. */
export interface GroupOptions {
  /** The scope that its tasks end with, such as that of `withScope`. Without it nothing but their own end ends them. */
  readonly scope?: Scope
  /** For reports: tasks are called by it and a number, where they have no name of their own. */
  readonly name?: string
}

/** What a group counts. */
export interface GroupStatistics {
  /** Names of the tasks that have not ended. */
  readonly running: readonly string[]
  /** Tasks that were ever started in it. */
  readonly spawned: number
}

/** One who waits for the last task. */
interface Join {
  readonly errors: unknown[]
  readonly empty: Spot
}

/**
 * Tasks that belong together. A failure is thrown by `join` where somebody joins, and reported to the host
 * where nobody does.
 *
 * @example
 * ```ts
 * const group = new TaskGroup()
 * for (const time of [1, 2, 3]) group.spawn(sleep(time))
 * console.log(group.size) // 3
 * yield* group.join()
 * console.log(group.size) // 0
 * ```
 */
export class TaskGroup implements Disposable {
  /** What its tasks are called by. */
  readonly name: string
  private readonly scope: Scope | undefined
  private readonly tasks = new Set<Task>()
  private readonly joins = new Set<Join>()
  private spawned = 0
  private closed = false

  /** @param options - the scope that its tasks end with, and a name */
  constructor(options: GroupOptions = {}) {
    this.name = options.name ?? 'group'
    this.scope = options.scope
  }

  /** How many tasks have not ended. */
  get size(): number {
    return this.tasks.size
  }

  /** The tasks that have not ended, in the order of their start. */
  [Symbol.iterator](): IterableIterator<Task> {
    return [...this.tasks].values()
  }

  /**
   * Starts a task in the group.
   *
   * @param work - an operation, or a function that makes one
   * @param name - for reports
   * @returns the task
   * @throws GyreError `GYRE_TASK_MISUSE` after `close`, or outside of every task where the group has no scope
   */
  spawn<T>(work: Runnable<T>, name?: string): Task<T> {
    if (this.closed) throw new GyreError('GYRE_TASK_MISUSE', `${this.name} is closed and takes no more tasks`)
    const kernel = this.scope === undefined ? currentTask().kernel : this.scope.kernel
    this.spawned++
    const options = { name: name ?? `${this.name} ${this.spawned}`, scope: this.scope ?? null }
    const task: Task<T> = kernel.spawn(work, options)
    this.tasks.add(task)
    link(task, () => this.ended(task))
    return task
  }

  private ended(task: Task): void {
    this.tasks.delete(task)
    if (this.joins.size === 0) return
    // Somebody joins: the failure is theirs, and not the host's.
    const outcome = endingOf(task)
    for (const join of this.joins) {
      if (outcome.state === 'failed') join.errors.push(outcome.error)
      if (this.tasks.size === 0) join.empty.wake()
    }
  }

  /**
   * Waits until no task is left, with those that are started meanwhile.
   *
   * @throws the error of a task that failed while it was joined; an AggregateError of several, in the order
   *   in which they failed
   */
  *join(): Coroutine<void> {
    if (this.tasks.size === 0) return
    const join: Join = { errors: [], empty: new Spot(`the tasks of ${this.name}`) }
    this.joins.add(join)
    try {
      yield* park(join.empty)
    } finally {
      this.joins.delete(join)
    }
    if (join.errors.length === 1) throw join.errors[0]
    if (join.errors.length > 1) throw new AggregateError(join.errors, `several tasks of ${this.name} failed`)
  }

  /** Takes no more tasks from here on; those that run go on. */
  close(): void {
    this.closed = true
  }

  /** Cancels the tasks that run. */
  cancel(reason?: string): void {
    for (const task of [...this.tasks]) task.cancel(reason)
  }

  /** Cancels the tasks that run and waits until they have ended. */
  *kill(options?: KillOptions): Coroutine<void> {
    yield* killAll([...this.tasks], options)
  }

  /** Takes no more tasks and cancels those that run, for `using`. */
  [Symbol.dispose](): void {
    this.close()
    this.cancel('the block of the group has ended')
  }

  /** @returns who runs, and how many were started */
  statistics(): GroupStatistics {
    return { running: [...this.tasks].map(({ name }) => name), spawned: this.spawned }
  }
}
