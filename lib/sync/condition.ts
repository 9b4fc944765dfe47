/*
 * A condition: tasks that hold a lock wait for something that other holders of the lock bring about.
 */
import { GyreError } from '../base/index.ts'
import { shield } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import type { Holdable } from './holding.ts'
import { Line } from './line.ts'
import { Lock } from './lock.ts'
import type { LockStatistics } from './lock.ts'

/** What a condition counts. */
export interface ConditionStatistics {
  /** Tasks that wait for a notice. */
  readonly waiting: number
  /** What its lock counts. */
  readonly lock: LockStatistics
}

/**
 * A lock with a place to wait inside it: waiting lets the lock go, and has it again afterwards.
 *
 * @example
 * ```ts
 * const condition = new Condition()
 * const stock: string[] = []
 * spawn(holding(condition, function* () { stock.push('bread'); condition.notify() }))
 * const bought = yield* holding(condition, function* () {
 *   yield* condition.waitFor(() => stock.length > 0)
 *   return stock.pop()
 * })
 * console.log(bought) // bread
 * ```
 */
export class Condition implements Holdable {
  /** The lock; several conditions may share one. It must be a plain one: an RLock may be held twice. */
  readonly lock: Lock
  private readonly line = new Line('a notice of a condition')

  /** @param lock - one of its own without it */
  constructor(lock: Lock = new Lock()) {
    this.lock = lock
  }

  /** Acquires the lock. */
  acquire(): Coroutine<void> {
    return this.lock.acquire()
  }

  /** Releases the lock. */
  release(): void {
    this.lock.release()
  }

  /**
   * Lets the lock go, waits for a notice, and waits for the lock again. The lock is held again also when
   * the wait ends by a cancel, because the code around it believes that it is: that part of the wait
   * cannot be cancelled.
   *
   * @throws GyreError `GYRE_TASK_MISUSE` if the calling task does not hold the lock, or holds it twice
   */
  *wait(): Coroutine<void> {
    if (this.lock.statistics().depth > 1)
      throw new GyreError('GYRE_TASK_MISUSE', 'waiting for a condition would not let go a lock that is held twice')
    this.lock.release()
    try {
      yield* this.line.wait(undefined)
    } finally {
      yield* shield(this.lock.acquire())
    }
  }

  /**
   * Waits until something is so.
   *
   * @param predicate - is asked now, and after each notice, with the lock held
   * @throws GyreError as `wait`
   */
  *waitFor(predicate: () => boolean): Coroutine<void> {
    while (!predicate()) yield* this.wait()
  }

  /**
   * Wakes those who have waited longest. They go on when the lock is theirs.
   *
   * @param count - how many
   * @throws GyreError `GYRE_TASK_MISUSE` if the calling task does not hold the lock
   */
  notify(count: number = 1): void {
    if (!this.lock.mine)
      throw new GyreError('GYRE_TASK_MISUSE', 'only a task that holds the lock of a condition can give notice')
    for (let left = count; left > 0 && this.line.first !== null; left--) this.line.serve(this.line.first)
  }

  /** Wakes all who wait. */
  notifyAll(): void {
    this.notify(Infinity)
  }

  /** @returns how many wait, and the counts of the lock */
  statistics(): ConditionStatistics {
    return { waiting: this.line.size, lock: this.lock.statistics() }
  }
}
