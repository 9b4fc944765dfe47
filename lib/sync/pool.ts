/*
 * A pool: a task group in which only so many tasks run at a time.
 */
import { GyreError } from '../base/index.ts'
import type { Coroutine, Operation, Runnable, Task } from '../kernel/index.ts'
import { link } from './endings.ts'
import { TaskGroup } from './group.ts'
import type { GroupOptions } from './group.ts'
import type { KillOptions } from './kill.ts'
import { InOrder, Unordered } from './mapping.ts'
import { Semaphore } from './semaphore.ts'
import { each } from './source.ts'
import type { Source } from './source.ts'

/** What a pool counts. */
export interface PoolStatistics {
  /** How many tasks may run. */
  readonly capacity: number
  /** Names of the tasks that run. */
  readonly running: readonly string[]
  /** Tasks that wait to spawn. */
  readonly waiting: number
  /** Tasks that were ever started in it. */
  readonly spawned: number
}

/**
 * Runs tasks, but only so many at a time.
 *
 * @example
 * ```ts
 * const pool = new Pool(2)
 * function* double(number: number) { yield* sleep(3 - number); return number * 2 }
 * console.log((yield* pool.map([1, 2, 3], double)).join()) // 2,4,6
 * yield* each(pool.imapUnordered([1, 2], double), function* (result) { console.log(result) })
 * // 4
 * // 2
 * ```
 */
export class Pool implements Disposable {
  /** How many tasks may run at a time. */
  readonly capacity: number
  private readonly group: TaskGroup
  private readonly room: Semaphore

  /**
   * @param capacity - how many tasks may run at a time: a whole number above 0
   * @param options - as for TaskGroup
   */
  constructor(capacity: number, options: GroupOptions = {}) {
    if (!(capacity > 0)) throw new GyreError('GYRE_TASK_MISUSE', `a pool needs room for tasks, not for ${capacity}`)
    this.capacity = capacity
    this.room = new Semaphore(capacity)
    this.group = new TaskGroup({ name: 'pool', ...options })
  }

  /** How many tasks run. */
  get size(): number {
    return this.group.size
  }

  /** How many more may run. */
  get free(): number {
    return this.room.free
  }

  /**
   * Starts a task, and waits for room where there is none.
   *
   * @param work - an operation, or a function that makes one
   * @param name - for reports
   * @returns the task, which runs on by itself
   * @throws GyreError `GYRE_TASK_MISUSE` after `close`
   */
  *spawn<T>(work: Runnable<T>, name?: string): Coroutine<Task<T>> {
    yield* this.room.acquire()
    return this.start(work, name)
  }

  /**
   * Starts a task if there is room.
   *
   * @returns the task; undefined where the pool is full
   * @throws GyreError `GYRE_TASK_MISUSE` after `close`
   */
  trySpawn<T>(work: Runnable<T>, name?: string): Task<T> | undefined {
    return this.room.tryAcquire() ? this.start(work, name) : undefined
  }

  private start<T>(work: Runnable<T>, name: string | undefined): Task<T> {
    let task: Task<T>
    try {
      task = this.group.spawn(work, name)
    } catch (error) {
      this.room.release()
      throw error
    }
    link(task, () => this.room.release())
    return task
  }

  /**
   * Does work for each item, as many at a time as the pool has room for.
   *
   * @param items - are asked for one by one, as room comes
   * @param work - is handed an item
   * @returns the results, in the order of the items
   * @throws the error of the first that fails; the others are cancelled
   */
  *map<I, O>(items: Iterable<I>, work: (item: I) => Operation<O>): Coroutine<O[]> {
    const results: O[] = []
    let index = 0
    function* numbered(): Generator<[number, I]> {
      for (const item of items) yield* [[index++, item] as [number, I]]
    }
    const unordered = this.imapUnordered(numbered(), function* ([at, item]): Coroutine<[number, O]> {
      return [at, yield* work(item)]
    })
    yield* each(unordered, function* ([at, result]) {
      results[at] = result
    })
    return results
  }

  /**
   * As `map`, but gives the results one by one, in the order of the items. No more are at work, or
   * finished and not asked for, than the pool has room for: who asks slowly slows the work down.
   *
   * @returns a source of results; leaving it early cancels what is at work for it
   */
  imap<I, O>(items: Iterable<I>, work: (item: I) => Operation<O>): Source<O> {
    return new InOrder(this, items, work)
  }

  /** As `imap`, but gives the results in the order in which they come. */
  imapUnordered<I, O>(items: Iterable<I>, work: (item: I) => Operation<O>): Source<O> {
    return new Unordered(this, items, work)
  }

  /**
   * Waits until no task is left, with those that are started meanwhile.
   *
   * @throws the error of a task that failed while it was joined; an AggregateError of several
   */
  join(): Coroutine<void> {
    return this.group.join()
  }

  /** Takes no more tasks from here on; those that run go on. */
  close(): void {
    this.group.close()
  }

  /** Cancels the tasks that run. */
  cancel(reason?: string): void {
    this.group.cancel(reason)
  }

  /** Cancels the tasks that run and waits until they have ended. */
  kill(options?: KillOptions): Coroutine<void> {
    return this.group.kill(options)
  }

  /** Takes no more tasks and cancels those that run, for `using`. */
  [Symbol.dispose](): void {
    this.group[Symbol.dispose]()
  }

  /** @returns who runs, and how many wait to spawn */
  statistics(): PoolStatistics {
    return { capacity: this.capacity, ...this.group.statistics(), waiting: this.room.statistics().waiting }
  }
}
