/*
 * Queues: items that some tasks put and others get. One class does the waiting; the order of the items is
 * the business of its store.
 *
 * While a getter waits the store is empty, and while a putter waits it is full; so an item goes to
 * the getter that has waited longest, and room to the putter that has waited longest, in the step in
 * which it comes to be. Nobody who comes later finds either.
 */
import { GyreError } from '../base/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { asyncIteratorOf } from './async-iterator.ts'
import { Line } from './line.ts'
import { Listeners } from './ready.ts'
import type { Waitable } from './ready.ts'
import { CLOSED, DONE, Source } from './source.ts'
import { FifoStore, LifoStore, PriorityStore } from './store.ts'
import type { Store } from './store.ts'

/** What a queue counts. */
export interface QueueStatistics {
  /** Items in the queue. */
  readonly size: number
  /** How many fit. */
  readonly capacity: number
  /** Those who wait for an item. */
  readonly getting: number
  /** Tasks that wait for room. */
  readonly putting: number
  /** Items that were put, and for which `taskDone` was not called yet. */
  readonly unfinished: number
  /** Whether it was shut down. */
  readonly closed: boolean
}

/** How a queue is shut down. */
export interface ShutdownOptions {
  /** Drop the items that are in the queue, rather than let them be fetched. */
  readonly immediate?: boolean
}

abstract class StoredQueue<T> extends Source<T> implements Waitable, Disposable {
  /** How many items fit. */
  readonly capacity: number
  private readonly store: Store<T>
  private readonly takers = new Line('an item of a queue')
  private readonly putters = new Line<T>('room in a queue')
  private readonly finished = new Line('the work on the items of a queue')
  private readonly listeners = new Listeners()
  private unfinished = 0
  private shut = false

  constructor(capacity: number, store: Store<T>) {
    super()
    if (capacity !== Infinity && !(Number.isSafeInteger(capacity) && capacity > 0))
      throw new GyreError('GYRE_TASK_MISUSE', `the capacity of a queue is a whole number above 0, not ${capacity}`)
    this.capacity = capacity
    this.store = store
  }

  /** How many items are in the queue. */
  get size(): number {
    return this.store.size
  }

  /** True after `shutdown`. */
  get closed(): boolean {
    return this.shut
  }

  /** True when `get` would not wait. */
  get ready(): boolean {
    return this.store.size > 0 || this.shut
  }

  /**
   * Puts an item, and waits for room where there is none. If the wait is cancelled the item is not in the
   * queue.
   *
   * @throws GyreError `GYRE_QUEUE_CLOSED` when the queue is shut down, also while it waits
   */
  *put(item: T): Coroutine<void> {
    if (!this.tryPut(item)) yield* this.putters.wait(item)
  }

  /**
   * Puts an item if there is room.
   *
   * @returns whether it did
   * @throws GyreError `GYRE_QUEUE_CLOSED` when the queue is shut down
   */
  tryPut(item: T): boolean {
    if (this.shut) throw new GyreError('GYRE_QUEUE_CLOSED', 'nothing can be put into a queue that is shut down')
    const { first } = this.takers
    if (first !== null) {
      this.unfinished++
      this.takers.serve(first, item)
      return true
    }
    if (this.store.size >= this.capacity) return false
    this.accept(item)
    this.listeners.tell()
    return true
  }

  private accept(item: T): void {
    this.unfinished++
    this.store.push(item)
  }

  /**
   * Takes the next item, and waits for one where there is none.
   *
   * @throws GyreError `GYRE_QUEUE_CLOSED` when the queue is shut down and empty, also while it waits
   */
  *get(): Coroutine<T> {
    if (this.store.size > 0) return this.take()
    const got = this.shut ? CLOSED : yield* this.takers.wait<T | typeof CLOSED>(undefined)
    if (got === CLOSED) throw new GyreError('GYRE_QUEUE_CLOSED', 'the queue is shut down and has no more items')
    return got
  }

  /** Takes the next item if there is one. @returns it; undefined where there is none */
  tryGet(): T | undefined {
    return this.store.size > 0 ? this.take() : undefined
  }

  private take(): T {
    const item = this.store.take()
    const { first } = this.putters
    if (first !== null) {
      this.accept(first.payload)
      this.putters.serve(first)
    }
    return item
  }

  /** Takes the next item, as `get`, but says `done` where the queue is shut down and empty. */
  override *next(): Coroutine<IteratorResult<T, undefined>> {
    const now = this.takeNow()
    if (now !== undefined) return now
    const got = yield* this.takers.wait<T | typeof CLOSED>(undefined)
    return got === CLOSED ? DONE : { done: false, value: got }
  }

  private takeNow(): IteratorResult<T, undefined> | undefined {
    if (this.store.size > 0) return { done: false, value: this.take() }
    return this.shut ? DONE : undefined
  }

  /** `for await (const item of queue)`: ends when the queue is shut down and empty. Needs no task. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return asyncIteratorOf({ takers: this.takers, takeNow: () => this.takeNow() })
  }

  /**
   * Says that the work on one item is done, so that `join` knows.
   *
   * @throws GyreError `GYRE_TASK_MISUSE` if it was said for every item before
   */
  taskDone(): void {
    if (this.unfinished === 0)
      throw new GyreError('GYRE_TASK_MISUSE', 'taskDone() was called more often than items were put')
    this.finish(1)
  }

  private finish(count: number): void {
    this.unfinished -= count
    if (this.unfinished === 0) this.finished.serveAll()
  }

  /** Waits until `taskDone` was called for every item that was put. */
  *join(): Coroutine<void> {
    if (this.unfinished > 0) yield* this.finished.wait(undefined)
  }

  /**
   * Closes the queue: nothing can be put any more, and who waits for room is refused. What is in it can
   * still be fetched; who waits for an item, or asks when it is empty, is told that no more come.
   *
   * @param options - `immediate` drops what is in the queue as well
   * @returns the items that were dropped
   */
  shutdown(options: ShutdownOptions = {}): T[] {
    const dropped = options.immediate === true ? this.store.drain() : []
    if (dropped.length > 0) this.finish(dropped.length)
    if (this.shut) return dropped
    this.shut = true
    this.putters.refuseAll(new GyreError('GYRE_QUEUE_CLOSED', 'the queue was shut down before there was room'))
    this.takers.serveAll(CLOSED)
    this.listeners.tell()
    return dropped
  }

  /** The same as `shutdown()`, for `using`. */
  [Symbol.dispose](): void {
    this.shutdown()
  }

  whenReady(listener: () => void): () => void {
    return this.listeners.add(listener)
  }

  /** @returns what is in it, and who waits */
  statistics(): QueueStatistics {
    const { size, capacity, unfinished, closed } = this
    const getting = this.takers.size + this.listeners.size
    return { size, capacity, getting, putting: this.putters.size, unfinished, closed }
  }
}

/**
 * A queue of items between tasks: first in, first out.
 *
 * @example
 * ```ts
 * const queue = new Queue<number>(2)
 * spawn(function* () {
 *   for (const item of [1, 2, 3]) yield* queue.put(item) // waits when two are in it
 *   queue.shutdown()
 * })
 * yield* each(queue, function* (item) { console.log(item) })
 * // 1
 * // 2
 * // 3
 * ```
 */
export class Queue<T> extends StoredQueue<T> {
  /** @param capacity - how many items fit: a whole number above 0, or Infinity */
  constructor(capacity: number = Infinity) {
    super(capacity, new FifoStore())
  }
}

/**
 * A queue that gives the newest item first.
 *
 * @example
 * ```ts
 * const queue = new LifoQueue<string>()
 * queue.tryPut('old')
 * queue.tryPut('new')
 * console.log(yield* queue.get()) // new
 * ```
 */
export class LifoQueue<T> extends StoredQueue<T> {
  /** @param capacity - how many items fit: a whole number above 0, or Infinity */
  constructor(capacity: number = Infinity) {
    super(capacity, new LifoStore())
  }
}

/**
 * A queue that gives the smallest item first; equals in the order in which they came.
 *
 * @example
 * ```ts
 * const queue = new PriorityQueue<{ rank: number; name: string }>((one, other) => one.rank - other.rank)
 * queue.tryPut({ rank: 2, name: 'later' })
 * queue.tryPut({ rank: 1, name: 'now' })
 * console.log((yield* queue.get()).name) // now
 * ```
 */
export class PriorityQueue<T> extends StoredQueue<T> {
  /**
   * @param compare - below 0 where the first goes before the other, as for `sort`
   * @param capacity - how many items fit: a whole number above 0, or Infinity
   */
  constructor(compare: (one: T, other: T) => number, capacity: number = Infinity) {
    super(capacity, new PriorityStore(compare))
  }
}
