/*
 * A channel: a place where two tasks meet, one to send, one to receive. It keeps nothing: who sends goes
 * on when somebody has taken the item.
 */
import { GyreError } from '../base/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { asyncIteratorOf } from './async-iterator.ts'
import { Line } from './line.ts'
import { Listeners } from './ready.ts'
import type { Waitable } from './ready.ts'
import { CLOSED, DONE, Source } from './source.ts'

/** What a channel counts. */
export interface ChannelStatistics {
  /** Tasks that wait for somebody to receive. */
  readonly sending: number
  /** Those who wait for somebody to send. */
  readonly receiving: number
  /** Whether it was shut down. */
  readonly closed: boolean
}

/**
 * Hands items from one task to another without keeping any.
 *
 * @example
 * ```ts
 * const channel = new Channel<string>()
 * spawn(function* () {
 *   yield* channel.send('hello')
 *   channel.shutdown()
 * })
 * yield* each(channel, function* (word) { console.log(word) }) // hello
 * ```
 */
export class Channel<T> extends Source<T> implements Waitable, Disposable {
  private readonly takers = new Line('somebody who sends on a channel')
  private readonly listeners = new Listeners()
  private readonly senders = new Line<T>('somebody who receives from a channel', () => this.listeners.tell())
  private shut = false

  /** True after `shutdown`. */
  get closed(): boolean {
    return this.shut
  }

  /** True when `receive` would not wait. */
  get ready(): boolean {
    return this.senders.size > 0 || this.shut
  }

  /**
   * Sends an item, and waits until it is received. If the wait is cancelled nobody has received it.
   *
   * @throws GyreError `GYRE_QUEUE_CLOSED` when the channel is shut down, also while it waits
   */
  *send(item: T): Coroutine<void> {
    if (!this.trySend(item)) yield* this.senders.wait(item)
  }

  /**
   * Sends an item if somebody waits for one.
   *
   * @returns whether it did
   * @throws GyreError `GYRE_QUEUE_CLOSED` when the channel is shut down
   */
  trySend(item: T): boolean {
    if (this.shut) throw new GyreError('GYRE_QUEUE_CLOSED', 'nothing can be sent on a channel that is shut down')
    const { first } = this.takers
    if (first === null) return false
    this.takers.serve(first, item)
    return true
  }

  /**
   * Receives an item, and waits for one where nobody sends.
   *
   * @throws GyreError `GYRE_QUEUE_CLOSED` when the channel is shut down, also while it waits
   */
  *receive(): Coroutine<T> {
    const got = yield* this.next()
    if (got.done === true) throw new GyreError('GYRE_QUEUE_CLOSED', 'the channel is shut down')
    return got.value
  }

  /** Receives an item if somebody waits to send one. @returns it; undefined where nobody does */
  tryReceive(): T | undefined {
    return this.senders.first === null ? undefined : this.take(this.senders.first)
  }

  private take(place: NonNullable<Line<T>['first']>): T {
    this.senders.serve(place)
    return place.payload
  }

  /** Receives an item, as `receive`, but says `done` where the channel is shut down. */
  override *next(): Coroutine<IteratorResult<T, undefined>> {
    const now = this.takeNow()
    if (now !== undefined) return now
    const got = yield* this.takers.wait<T | typeof CLOSED>(undefined)
    return got === CLOSED ? DONE : { done: false, value: got }
  }

  private takeNow(): IteratorResult<T, undefined> | undefined {
    if (this.senders.first !== null) return { done: false, value: this.take(this.senders.first) }
    return this.shut ? DONE : undefined
  }

  /** `for await (const item of channel)`: ends when the channel is shut down. Needs no task. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return asyncIteratorOf({ takers: this.takers, takeNow: () => this.takeNow() })
  }

  /** Closes the channel: who waits to send is refused, who waits to receive is told that no more come. */
  shutdown(): void {
    if (this.shut) return
    this.shut = true
    this.senders.refuseAll(new GyreError('GYRE_QUEUE_CLOSED', 'the channel was shut down before anybody received'))
    this.takers.serveAll(CLOSED)
    this.listeners.tell()
  }

  /** The same as `shutdown()`, for `using`. */
  [Symbol.dispose](): void {
    this.shutdown()
  }

  whenReady(listener: () => void): () => void {
    return this.listeners.add(listener)
  }

  /** @returns who waits */
  statistics(): ChannelStatistics {
    return {
      sending: this.senders.size,
      receiving: this.takers.size + this.listeners.size,
      closed: this.shut,
    }
  }
}
