/*
 * Deadlines: what should happen when a time comes.
 *
 * Nearly all deadlines of a server never fire: a keep-alive time is put off with each request, a
 * timeout is cancelled when its work is done. So putting off and cancelling must cost nothing, and
 * the order is kept lazily:
 *
 * - A binary heap holds records: the time to look at it, the time when it is due, the timer. A timer knows the
 *   place of its record.
 * - Putting off to a later time only writes the due time. When the record comes up it sinks to that time.
 * - Cancelling writes Infinity, and takes the timer out of its record, so that it and its owner are garbage at once.
 *   The record is dropped when it comes up.
 * - Moving to an earlier time has the record rise.
 *
 * Cancelled records are counted; when they are the larger half, one pass throws them out, so that a million
 * timers set and cancelled do not stay in memory until their times come. The times stand in the heap's arrays and
 * not in the timers: a number with a fraction that is a field of an object takes an object of its own.
 */
import { GyreError } from '../base/index.ts'

const NOWHERE = -1

/** What is told when its deadline has passed. */
export interface Expiring {
  /** The deadline has passed. @param now - the time of the tick, in milliseconds of the host's clock */
  expired(now: number): void
}

/**
 * A point in time that is waited for. One object serves for many settings, one after another.
 *
 * @example
 * ```ts
 * class Alarm extends Timer {
 *   expired(now: number) { console.log(`rings at ${now}`) } // rings at 10
 * }
 * const deadlines = new Deadlines()
 * deadlines.set(new Alarm(), 10)
 * deadlines.expire(10)
 * ```
 */
export abstract class Timer implements Expiring {
  /** Where its record is, for `Deadlines` alone; negative where it has none. @internal */
  place = NOWHERE

  /** Its time has come. @param now - the time of the tick, in milliseconds of the host's clock */
  abstract expired(now: number): void
}

/**
 * A point in time that somebody waits for.
 *
 * @example
 * ```ts
 * const { kernel } = currentTask()
 * const alarm = new Deadline({ expired: () => console.log('time is over') }) // time is over
 * kernel.deadlines.set(alarm, kernel.host.now() + 1)
 * yield* sleep(5)
 * ```
 */
export class Deadline extends Timer {
  /** Who is told. */
  readonly owner: Expiring

  /** @param owner - is told when the time comes */
  constructor(owner: Expiring) {
    super()
    this.owner = owner
  }

  /** Tells the owner. @param now - the time of the tick, in milliseconds of the host's clock */
  expired(now: number): void {
    this.owner.expired(now)
  }
}

/** Stands in the records of those that were cancelled. */
const NOBODY = new Deadline({ expired: () => undefined })

/** Idle records are not worth a pass below this number. */
const PRUNE_FROM = 512

/**
 * The deadlines of a kernel. Times are milliseconds of the host's clock; setting, putting off and cancelling cost next
 * to nothing.
 *
 * @example
 * ```ts
 * const deadlines = new Deadlines()
 * const alarm = new Deadline({ expired: (now) => console.log(`rings at ${now}`) }) // rings at 30
 * deadlines.set(alarm, 10)
 * deadlines.set(alarm, 30) // it is put off
 * deadlines.expire(20)
 * deadlines.expire(30)
 * ```
 */
export class Deadlines {
  // The records, field by field. A record's time is never later than it is due.
  private readonly times: number[] = []
  private readonly dues: number[] = []
  private readonly timers: Timer[] = []
  /** Records that were cancelled. */
  private idle = 0

  /** How many deadlines are set. */
  get size(): number {
    return this.times.length - this.idle
  }

  /** @returns whether a deadline is set, and has not passed */
  has(timer: Timer): boolean {
    return timer.place >= 0
  }

  /**
   * Sets a deadline, or moves it.
   *
   * @param at - milliseconds of the host's clock; Infinity takes it back
   * @throws GyreError `GYRE_TASK_MISUSE` for NaN
   */
  set(timer: Timer, at: number): void {
    if (!(at < Infinity)) return this.setToNever(timer, at)
    const { times, dues } = this
    const { place } = timer
    if (place < 0) {
      times.push(at)
      dues.push(at)
      this.timers.push(timer)
      return this.rise(times.length - 1, at, at, timer)
    }
    dues[place] = at
    if (at < (times[place] as number)) this.rise(place, at, at, timer)
  }

  /** Takes a deadline back; it does nothing where it is not set. */
  cancel(timer: Timer): void {
    const { place } = timer
    if (place < 0) return
    timer.place = NOWHERE
    this.timers[place] = NOBODY
    this.dues[place] = Infinity
    this.idle++
    if (this.idle > PRUNE_FROM && this.idle * 2 > this.times.length) this.prune()
  }

  /** @returns when the next deadline may fire; Infinity if none is set */
  next(): number {
    while (this.dues[0] === Infinity) {
      this.removeFirst()
      this.idle--
    }
    return this.times[0] ?? Infinity
  }

  /** Fires all that have passed at `now`. */
  expire(now: number): void {
    const { times, dues, timers } = this
    while (times.length > 0 && (times[0] as number) <= now) {
      const due = dues[0] as number
      const timer = timers[0] as Timer
      if (due > now && due !== Infinity) this.sink(0, due, due, timer)
      else {
        this.removeFirst()
        if (due === Infinity) this.idle--
        else timer.expired(now)
      }
    }
  }

  private setToNever(timer: Timer, at: number): void {
    if (Number.isNaN(at)) throw new GyreError('GYRE_TASK_MISUSE', 'a deadline needs a number of milliseconds, not NaN')
    this.cancel(timer)
  }

  private put(place: number, time: number, due: number, timer: Timer): void {
    this.times[place] = time
    this.dues[place] = due
    this.timers[place] = timer
    timer.place = place
  }

  /** Puts a record at a place, or above it. */
  private rise(place: number, time: number, due: number, timer: Timer): void {
    const { times, dues, timers } = this
    let hole = place
    while (hole > 0) {
      const above = (hole - 1) >> 1
      const other = times[above] as number
      if (other <= time) break
      this.put(hole, other, dues[above] as number, timers[above] as Timer)
      hole = above
    }
    this.put(hole, time, due, timer)
  }

  /** Puts a record at a place, or below it. */
  private sink(place: number, time: number, due: number, timer: Timer): void {
    const { times, dues, timers } = this
    const size = times.length
    let hole = place
    for (;;) {
      let below = hole * 2 + 1
      if (below >= size) break
      if (below + 1 < size && (times[below + 1] as number) < (times[below] as number)) below++
      const other = times[below] as number
      if (other >= time) break
      this.put(hole, other, dues[below] as number, timers[below] as Timer)
      hole = below
    }
    this.put(hole, time, due, timer)
  }

  private removeFirst(): void {
    const { times, dues, timers } = this
    ;(timers[0] as Timer).place = NOWHERE
    const time = times.pop() as number
    const due = dues.pop() as number
    const timer = timers.pop() as Timer
    if (times.length > 0) this.sink(0, time, due, timer)
  }

  private prune(): void {
    const { times, dues, timers } = this
    let kept = 0
    for (let place = 0; place < times.length; place++) {
      const due = dues[place] as number
      const timer = timers[place] as Timer
      if (due < Infinity) this.put(kept++, due, due, timer)
    }
    times.length = dues.length = timers.length = kept
    this.idle = 0
    for (let place = (kept >> 1) - 1; place >= 0; place--)
      this.sink(place, times[place] as number, dues[place] as number, timers[place] as Timer)
  }
}
