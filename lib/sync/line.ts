/*
 * A line of waiters: first come, first served, and whoever gives up is gone from it.
 *
 * What is handed over is handed over at once: the server of the line takes the first place out and wakes
 * its waiter in the same step, so that nothing lies between "it is yours" and "you have it" that a
 * cancel could fall into. A waiter that was woken is out of reach of a cancel until it waits again
 * (Task.noticeCancel finds no trap to undo), and one that was cancelled is no longer in line.
 *
 * A doubly linked list, because joining, serving and giving up must all be O(1). A Set would do for the
 * order, but to take the first of a Set again and again passes over all that were taken before.
 */
import { park } from '../kernel/index.ts'
import type { Coroutine, Task, Trap } from '../kernel/index.ts'

/** Who stands in a line: a task, or the promise of an async iterator. */
export interface Waiter {
  wake(value?: unknown): void
  wakeThrow(error: unknown): void
}

/** One place in a line. It is the trap that its task waits on. */
export class Place<P> implements Trap {
  /** What the waiter brings along, such as the item that it wants to put. */
  readonly payload: P
  waiter: Waiter | null = null
  before: Place<P> | null = null
  after: Place<P> | null = null
  private readonly line: Line<P>

  constructor(line: Line<P>, payload: P) {
    this.line = line
    this.payload = payload
  }

  get reason(): string {
    return this.line.reason
  }

  get holders(): Iterable<Task> | undefined {
    return this.line.holders?.()
  }

  get anyHolder(): boolean {
    return true
  }

  enter(waiter: Waiter): void {
    this.waiter = waiter
    this.line.join(this)
  }

  undo(): void {
    this.line.leave(this)
  }
}

/** Waiters in the order in which they came. */
export class Line<P = undefined> {
  readonly reason: string
  /** The place whose turn is next. */
  first: Place<P> | null = null
  size = 0
  private last: Place<P> | null = null
  private readonly joined: (() => void) | undefined
  /** The tasks of which one must act before anybody is served, where they are known. */
  readonly holders: (() => Iterable<Task>) | undefined

  /**
   * @param reason - what is waited for, in words
   * @param joined - called when somebody has joined the line
   * @param holders - who has what is waited for: for lines where nobody else can serve
   */
  constructor(reason: string, joined?: () => void, holders?: () => Iterable<Task>) {
    this.reason = reason
    this.joined = joined
    this.holders = holders
  }

  /** Waits for one's turn. @returns what `serve` brings */
  *wait<T>(payload: P): Coroutine<T> {
    return yield* park<T>(new Place(this, payload))
  }

  /** Takes a place out of the line and wakes its waiter. */
  serve(place: Place<P>, value?: unknown): void {
    const { waiter } = place
    this.leave(place)
    waiter?.wake(value)
  }

  /** Takes a place out of the line and has its wait throw. */
  refuse(place: Place<P>, error: unknown): void {
    const { waiter } = place
    this.leave(place)
    waiter?.wakeThrow(error)
  }

  /** Serves all who are in line now. */
  serveAll(value?: unknown): void {
    for (let left = this.size; left > 0 && this.first !== null; left--) this.serve(this.first, value)
  }

  /** Refuses all who are in line now. */
  refuseAll(error: unknown): void {
    for (let left = this.size; left > 0 && this.first !== null; left--) this.refuse(this.first, error)
  }

  /** For Place alone. */
  join(place: Place<P>): void {
    place.before = this.last
    if (this.last === null) this.first = place
    else this.last.after = place
    this.last = place
    this.size++
    this.joined?.()
  }

  /** For Place alone. */
  leave(place: Place<P>): void {
    const { before, after } = place
    if (before === null) this.first = after
    else before.after = after
    if (after === null) this.last = before
    else after.before = before
    place.waiter = place.before = place.after = null
    this.size--
  }
}
