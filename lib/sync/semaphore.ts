/*
 * Counting locks: so many at a time. A semaphore counts permits that anybody may give back; a limiter
 * knows which task has borrowed which token, and its total can be changed while it is in use.
 */
import { GyreError } from '../base/index.ts'
import { currentTask } from '../kernel/index.ts'
import type { Coroutine, Task } from '../kernel/index.ts'
import type { Holdable } from './holding.ts'
import { Line } from './line.ts'

/** What a semaphore counts. */
export interface SemaphoreStatistics {
  /** Permits that are free. */
  readonly free: number
  /** Tasks that wait for one. */
  readonly waiting: number
}

/**
 * A number of permits. `acquire` takes one, `release` gives one back or adds one.
 *
 * @example
 * ```ts
 * const two = new Semaphore(2)
 * function* visit(name: string) {
 *   yield* holding(two, function* () { console.log(name); yield* sleep(1) })
 * }
 * yield* all([visit('ada'), visit('bob'), visit('cyd')])
 * // ada
 * // bob
 * // cyd
 * console.log(two.statistics().free) // 2
 * ```
 */
export class Semaphore implements Holdable {
  private permits: number
  private readonly line = new Line('a permit of a semaphore')

  /** @param permits - how many are free at first: a whole number, 0 or more */
  constructor(permits: number) {
    if (!Number.isSafeInteger(permits) || permits < 0)
      throw new GyreError('GYRE_TASK_MISUSE', `a semaphore needs a whole number of permits, not ${permits}`)
    this.permits = permits
  }

  /** How many permits are free. */
  get free(): number {
    return this.permits
  }

  /** Waits until a permit is ours. */
  *acquire(): Coroutine<void> {
    if (!this.tryAcquire()) yield* this.line.wait(undefined)
  }

  /** Takes a permit if that takes no waiting. @returns whether it did */
  tryAcquire(): boolean {
    if (this.permits === 0) return false
    this.permits--
    return true
  }

  /** Gives a permit back: to the task that has waited longest, if one waits. */
  release(): void {
    const { first } = this.line
    if (first === null) this.permits++
    else this.line.serve(first)
  }

  /** @returns how many are free, and how many tasks wait */
  statistics(): SemaphoreStatistics {
    return { free: this.permits, waiting: this.line.size }
  }
}

/**
 * A semaphore that never has more permits than at first, so that a release too many is found out.
 *
 * @example
 * ```ts
 * const one = new BoundedSemaphore(1)
 * try { one.release() } catch (error) { console.log((error as GyreError).code) } // GYRE_TASK_MISUSE
 * ```
 */
export class BoundedSemaphore extends Semaphore {
  private readonly most: number

  /** @param permits - how many there are: a whole number, 0 or more */
  constructor(permits: number) {
    super(permits)
    this.most = permits
  }

  /** @throws GyreError `GYRE_TASK_MISUSE` if all permits are back already */
  override release(): void {
    if (this.free === this.most)
      throw new GyreError('GYRE_TASK_MISUSE', 'a bounded semaphore was released more often than it was acquired')
    super.release()
  }
}

/** What a limiter counts. */
export interface CapacityLimiterStatistics {
  /** Tokens that there are. */
  readonly total: number
  /** Names of the tasks that have a token. */
  readonly borrowers: readonly string[]
  /** Tasks that wait for a token. */
  readonly waiting: number
}

/**
 * Tokens that tasks borrow, one each. For "at most so many at a time", where the number may change.
 *
 * @example
 * ```ts
 * const limiter = new CapacityLimiter(1)
 * yield* holding(limiter, function* () {
 *   limiter.total = 5
 *   console.log(limiter.available) // 4
 * })
 * ```
 */
export class CapacityLimiter implements Holdable {
  private tokens: number
  private readonly borrowers = new Set<Task>()
  private readonly line = new Line<Task>('a token of a limiter', undefined, () => this.borrowers)

  /** @param total - how many tasks may have a token: a whole number above 0, or Infinity */
  constructor(total: number) {
    this.tokens = checkedTotal(total)
  }

  /** How many tasks may have a token. */
  get total(): number {
    return this.tokens
  }

  /** More tokens serve who waits, at once; fewer count as tokens come back. Nobody's token is taken away. */
  set total(total: number) {
    this.tokens = checkedTotal(total)
    this.serve()
  }

  /** How many tokens can be borrowed; 0 also while more are out than the total. */
  get available(): number {
    return Math.max(0, this.tokens - this.borrowers.size)
  }

  /**
   * Waits for a token.
   *
   * @throws GyreError `GYRE_TASK_MISUSE` if the task has one already
   */
  *acquire(): Coroutine<void> {
    // serve() enters the borrower, together with the wake-up.
    if (!this.tryAcquire()) yield* this.line.wait(currentTask())
  }

  /**
   * Borrows a token if that takes no waiting.
   *
   * @returns whether the calling task has one now
   * @throws GyreError `GYRE_TASK_MISUSE` if the task has one already
   */
  tryAcquire(): boolean {
    const task = currentTask()
    if (this.borrowers.has(task))
      throw new GyreError('GYRE_TASK_MISUSE', 'a task can borrow one token of a limiter, not two')
    if (this.borrowers.size >= this.tokens) return false
    this.borrowers.add(task)
    return true
  }

  /**
   * Gives the token back.
   *
   * @throws GyreError `GYRE_TASK_MISUSE` if the calling task has none
   */
  release(): void {
    if (!this.borrowers.delete(currentTask()))
      throw new GyreError('GYRE_TASK_MISUSE', 'only a task that has a token of a limiter can give it back')
    this.serve()
  }

  private serve(): void {
    for (let { first } = this.line; first !== null && this.borrowers.size < this.tokens; { first } = this.line) {
      this.borrowers.add(first.payload)
      this.line.serve(first)
    }
  }

  /** @returns the total, who has a token, and how many wait */
  statistics(): CapacityLimiterStatistics {
    return { total: this.tokens, borrowers: [...this.borrowers].map(({ name }) => name), waiting: this.line.size }
  }
}

function checkedTotal(total: number): number {
  if (total !== Infinity && !(Number.isSafeInteger(total) && total > 0))
    throw new GyreError('GYRE_TASK_MISUSE', `a limiter needs a whole number of tokens above 0, not ${total}`)
  return total
}
