/*
 * Locks: one task at a time. A lock that is released goes straight to the task that has waited longest,
 * so nobody barges in between, and a task that releases and acquires at once queues like the rest.
 */
import { GyreError } from '../base/index.ts'
import { currentTask } from '../kernel/index.ts'
import type { Coroutine, Task } from '../kernel/index.ts'
import type { Holdable } from './holding.ts'
import { Line } from './line.ts'

/** What a lock counts. */
export interface LockStatistics {
  /** Whether a task holds it. */
  readonly held: boolean
  /** The name of the task that holds it. */
  readonly owner: string | undefined
  /** How often the owner has acquired it: 0 or 1 for a plain lock. */
  readonly depth: number
  /** Tasks that wait. */
  readonly waiting: number
}

/**
 * A lock that belongs to the task that acquired it. Use it through `holding`, and no release is forgotten.
 *
 * @example
 * ```ts
 * const lock = new Lock()
 * let balance = 10
 * function* take() {
 *   const before = balance
 *   yield* sleep(1)
 *   balance = before - 1
 * }
 * yield* all([holding(lock, take), holding(lock, take)])
 * console.log(balance) // 8
 * ```
 */
export class Lock implements Holdable {
  /** The task that holds it. */
  protected owner: Task | null = null
  /** How often that task has acquired it. */
  protected depth = 0
  private readonly line = new Line<Task>('a lock', undefined, () => (this.owner === null ? [] : [this.owner]))

  /** True while a task holds it. */
  get held(): boolean {
    return this.owner !== null
  }

  /** True while the calling task holds it. */
  get mine(): boolean {
    return this.owner !== null && this.owner === currentTask()
  }

  /**
   * Waits until the lock belongs to the calling task.
   *
   * @throws GyreError `GYRE_TASK_MISUSE` if the task holds it already, or if the task that holds it has
   *   ended and so can never release it
   */
  *acquire(): Coroutine<void> {
    if (this.tryAcquire()) return
    const { owner } = this
    if (owner?.ended === true)
      throw new GyreError('GYRE_TASK_MISUSE', `task ${owner.name} ended without releasing a lock; use holding()`)
    // The owner is set by release(), together with the wake-up.
    yield* this.line.wait(currentTask())
  }

  /**
   * Acquires the lock if that takes no waiting.
   *
   * @returns whether the calling task holds it now
   * @throws GyreError `GYRE_TASK_MISUSE` if the task holds it already
   */
  tryAcquire(): boolean {
    const task = currentTask()
    if (this.owner === task) return this.again()
    if (this.owner !== null) return false
    this.owner = task
    this.depth = 1
    return true
  }

  /** The owner asks once more. */
  protected again(): boolean {
    throw new GyreError(
      'GYRE_TASK_MISUSE',
      'a task that holds a lock would wait for itself; use RLock where that is meant',
    )
  }

  /**
   * Releases the lock, and hands it to the task that has waited longest.
   *
   * @throws GyreError `GYRE_TASK_MISUSE` if the calling task does not hold it
   */
  release(): void {
    if (!this.mine) throw new GyreError('GYRE_TASK_MISUSE', 'only the task that holds a lock can release it')
    if (--this.depth > 0) return
    const { first } = this.line
    this.owner = first === null ? null : first.payload
    if (first === null) return
    this.depth = 1
    this.line.serve(first)
  }

  /** @returns who holds it, and how many wait */
  statistics(): LockStatistics {
    return { held: this.held, owner: this.owner?.name, depth: this.depth, waiting: this.line.size }
  }
}

/**
 * A lock that its owner may acquire again; it is free after as many releases.
 *
 * @example
 * ```ts
 * const lock = new RLock()
 * function* inner() { return yield* holding(lock, function* () { return 'twice' }) }
 * console.log(yield* holding(lock, inner)) // twice
 * ```
 */
export class RLock extends Lock {
  protected override again(): boolean {
    this.depth++
    return true
  }
}
