/*
 * Mappings: the results of one piece of work for each item, done by a pool. Nothing runs ahead of the one
 * who asks: a mapping starts new work when it is asked for a result, and never has more at work and
 * unread than the pool has room for. So there is no feeder to stop, and slow readers cost no memory.
 */
import { Spot, park } from '../kernel/index.ts'
import type { Coroutine, Operation, Runnable, Task } from '../kernel/index.ts'
import { endingOf, link } from './endings.ts'
import { killAll } from './kill.ts'
import { DONE, Source } from './source.ts'

/** What a mapping needs of a pool. */
export interface Spawner {
  readonly capacity: number
  readonly free: number
  spawn<T>(work: Runnable<T>, name?: string): Coroutine<Task<T>>
}

abstract class Mapping<I, O> extends Source<O> {
  /** Tasks that were started and whose results were not read, in the order of their items. */
  protected readonly unread = new Set<Task<O>>()
  private readonly pool: Spawner
  private readonly items: Iterator<I>
  private readonly work: (item: I) => Operation<O>
  private readonly spot = new Spot('a result of a pool')
  private upcoming: IteratorResult<I> | undefined = undefined
  private exhausted = false

  constructor(pool: Spawner, items: Iterable<I>, work: (item: I) => Operation<O>) {
    super()
    this.pool = pool
    this.items = items[Symbol.iterator]()
    this.work = work
  }

  /** The task whose result is to be read next, if that has ended. */
  protected abstract readable(): Task<O> | undefined

  /** A task has ended. */
  protected abstract ended(task: Task<O>): void

  /**
   * Waits for the next result.
   *
   * @throws the error of the work that failed; the mapping is at its end then
   */
  override *next(): Coroutine<IteratorResult<O, undefined>> {
    yield* this.fill()
    let task = this.readable()
    while (task === undefined) {
      if (this.unread.size === 0) return DONE
      yield* park(this.spot)
      task = this.readable()
    }
    this.unread.delete(task)
    const outcome = endingOf(task)
    if (outcome.state === 'done') return { done: false, value: outcome.value }
    yield* this.close()
    throw outcome.error
  }

  /** Starts as much work as there is room for; waits for room only where nothing of ours is at work. */
  private *fill(): Coroutine<void> {
    while (!this.exhausted && this.unread.size < this.pool.capacity && (this.pool.free > 0 || this.unread.size === 0)) {
      // Kept while it waits for room: if that is cancelled, who asks again has the same item.
      this.upcoming ??= this.items.next()
      const item = this.upcoming
      this.exhausted = item.done === true
      if (item.done === true) return
      const task = yield* this.pool.spawn(() => this.work(item.value))
      this.upcoming = undefined
      this.unread.add(task)
      link(task, () => this.taskEnded(task))
    }
  }

  private taskEnded(task: Task<O>): void {
    // Its failure is thrown to the reader; or, where nobody reads any more, the host is told.
    if (this.unread.has(task)) task.observed = true
    this.ended(task)
    this.spot.wake()
  }

  override *close(): Coroutine<void> {
    const { unread } = this
    const left = [...unread]
    unread.clear()
    if (!this.exhausted) {
      this.exhausted = true
      this.items.return?.()
    }
    for (const task of left) {
      const outcome = task.ended ? endingOf(task) : undefined
      if (outcome?.state === 'failed') task.kernel.host.unobserved(outcome.error, task)
    }
    yield* killAll(left, { reason: 'nobody reads the results of the mapping any more' })
  }
}

/** Results in the order of the items. */
export class InOrder<I, O> extends Mapping<I, O> {
  protected override readable(): Task<O> | undefined {
    for (const task of this.unread) return task.ended ? task : undefined
    return undefined
  }

  protected override ended(): void {
    // The order is that of the items, whoever ends first.
  }
}

/** Results in the order in which they come. */
export class Unordered<I, O> extends Mapping<I, O> {
  private readonly finished: Task<O>[] = []

  protected override readable(): Task<O> | undefined {
    return this.finished.shift()
  }

  protected override ended(task: Task<O>): void {
    if (this.unread.has(task)) this.finished.push(task)
  }
}
