/*
 * Sources: what gives items one by one, to tasks (`each`, `next`), and how an async iterable becomes
 * one. The way back is async-iterator.ts.
 */
import { waitPromise } from '../kernel/index.ts'
import type { Coroutine, Operation } from '../kernel/index.ts'

/**
 * Gives items one by one: a Queue, a Channel, the results of a Pool, tasks as they end.
 *
 * @example
 * ```ts
 * class Countdown extends Source<number> {
 *   *next() {
 *     const value = this.left--
 *     return value > 0 ? { done: false as const, value } : { done: true as const, value: undefined }
 *   }
 *   private left = 2
 * }
 * yield* each(new Countdown(), function* (number) { console.log(number) })
 * // 2
 * // 1
 * ```
 */
export abstract class Source<T> {
  /** Waits for the next item. @returns it; `done` when no more will come */
  abstract next(): Operation<IteratorResult<T, undefined>>

  /** Nobody will ask for more: ends what is still at work for it. */
  *close(): Coroutine<void> {
    // Most sources are at work for nobody.
  }
}

export const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** What a waiter in the line of takers is brought when no more items will come. */
export const CLOSED: unique symbol = Symbol('closed')

/**
 * Does work for each item of a source or an async iterable, one after another: the next item is asked for
 * when the work on the last is done. However it ends, the source is told.
 *
 * To stop early, loop over `next()` by hand.
 *
 * @param source - a Queue, a Channel, another source, or anything that `for await` takes
 * @param work - is handed the item
 * @throws what the source throws, and what the work throws
 * @example
 * ```ts
 * const queue = new Queue<string>()
 * for (const name of ['ada', 'bob']) queue.tryPut(name)
 * queue.shutdown()
 * yield* each(queue, function* (name) { console.log(name) })
 * // ada
 * // bob
 * ```
 * @example
 * ```ts
 * async function* ticks() { yield 1; yield 2 }
 * let sum = 0
 * yield* each(ticks(), function* (tick) { sum += tick })
 * console.log(sum) // 3
 * ```
 */
export function* each<T>(source: Source<T> | AsyncIterable<T>, work: (item: T) => Operation<unknown>): Coroutine<void> {
  const from = source instanceof Source ? source : new IterableSource(source)
  try {
    for (let got = yield* from.next(); got.done !== true; got = yield* from.next()) yield* work(got.value)
  } finally {
    yield* from.close()
  }
}

/** An async iterable, as tasks see it. */
class IterableSource<T> extends Source<T> {
  private readonly iterator: AsyncIterator<T, unknown>
  private ended = false
  private asking = false

  constructor(iterable: AsyncIterable<T>) {
    super()
    this.iterator = iterable[Symbol.asyncIterator]()
  }

  override *next(): Coroutine<IteratorResult<T, undefined>> {
    this.asking = true
    const got = yield* waitPromise(this.ask())
    this.asking = false
    if (got.done !== true) return got
    this.ended = true
    return DONE
  }

  private ask(): Promise<IteratorResult<T, unknown>> {
    return this.iterator.next().catch((error: unknown) => {
      // An iterator that has thrown is at its end.
      this.ended = true
      throw error
    })
  }

  override *close(): Coroutine<void> {
    if (this.ended) return
    this.ended = true
    const returned = this.iterator.return?.()
    if (returned === undefined) return
    // An async generator answers return() after the next() that is under way, which may never end: then
    // the wait for it was cancelled, and nobody waits for the other either.
    if (this.asking) returned.catch(() => undefined)
    else yield* waitPromise(returned)
  }
}
