/*
 * Deadlines: what should happen when a time comes.
 *
 * Nearly all deadlines of a server never fire: a keep-alive time is put off with each request, a
 * timeout is cancelled when its work is done. So putting off and cancelling must cost nothing, and
 * the order is kept lazily:
 *
 * - A binary heap holds records (time, deadline). A deadline knows the time of its record, `queued`.
 * - Putting off to a later time only writes `at`. When the record comes up it is put back for `at`.
 * - Cancelling writes `at = Infinity`. The record is dropped when it comes up.
 * - Moving to an earlier time adds a record; the older one no longer equals `queued` and is dropped.
 *
 * Records that serve nobody are counted; when they are the larger half, one pass throws them out, so
 * that a million timers set and cancelled do not stay in memory until their times come.
 */
import { GyreError } from '../base/index.ts'

/** What is told when its deadline has passed. */
export interface Expiring {
  /** @param now - the time of the tick, in milliseconds of the host's clock */
  expired(now: number): void
}

/** A point in time that is waited for. One object serves for many settings, one after another. */
export abstract class Timer implements Expiring {
  /** When it fires, in milliseconds of the host's clock; Infinity while it is not set. */
  at = Infinity
  /** Time of the heap's record that stands for it; Infinity where there is none. */
  queued = Infinity

  abstract expired(now: number): void
}

/** A point in time that somebody waits for. */
export class Deadline extends Timer {
  readonly owner: Expiring

  constructor(owner: Expiring) {
    super()
    this.owner = owner
  }

  expired(now: number): void {
    this.owner.expired(now)
  }
}

/** Idle records are not worth a pass below this number. */
const PRUNE_FROM = 512

export class Deadlines {
  private times: number[] = []
  private entries: Timer[] = []
  /** Records that serve nobody. */
  private idle = 0

  /** How many deadlines are set. */
  get size(): number {
    return this.times.length - this.idle
  }

  /**
   * Sets a deadline, or moves it.
   *
   * @param at - milliseconds of the host's clock; Infinity takes it back
   * @throws GyreError `GYRE_TASK_MISUSE` for NaN
   */
  set(deadline: Timer, at: number): void {
    if (!(at < Infinity)) return this.setToNever(deadline, at)
    const served = deadline.at !== Infinity
    deadline.at = at
    if (at >= deadline.queued) {
      if (!served && deadline.queued !== Infinity) this.idle--
      return
    }
    this.insert(at, deadline)
    if (served) this.addIdle()
  }

  /** Takes a deadline back; it does nothing where it is not set. */
  cancel(deadline: Timer): void {
    if (deadline.at === Infinity) return
    deadline.at = Infinity
    this.addIdle()
  }

  private setToNever(deadline: Timer, at: number): void {
    if (Number.isNaN(at)) throw new GyreError('GYRE_TASK_MISUSE', 'a deadline needs a number of milliseconds, not NaN')
    this.cancel(deadline)
  }

  /** One more record serves nobody. */
  private addIdle(): void {
    this.idle++
    if (this.idle > PRUNE_FROM && this.idle * 2 > this.times.length) this.prune()
  }

  /** @returns when the next deadline may fire; Infinity if none is set */
  next(): number {
    for (;;) {
      const deadline = this.entries[0]
      if (deadline === undefined) return Infinity
      const current = this.times[0] === deadline.queued
      if (current && deadline.at !== Infinity) return deadline.queued
      this.removeFirst()
      this.dropped(deadline, current)
    }
  }

  /** Fires all that have passed at `now`. */
  expire(now: number): void {
    while (this.times.length > 0 && (this.times[0] as number) <= now) {
      const deadline = this.entries[0] as Timer
      const current = this.times[0] === deadline.queued
      this.removeFirst()
      if (!current || deadline.at === Infinity) this.dropped(deadline, current)
      else if (deadline.at > now) this.insert(deadline.at, deadline)
      else {
        deadline.at = Infinity
        deadline.queued = Infinity
        deadline.expired(now)
      }
    }
  }

  private dropped(deadline: Timer, current: boolean): void {
    this.idle--
    if (current) deadline.queued = Infinity
  }

  private insert(at: number, deadline: Timer): void {
    const { times, entries } = this
    deadline.queued = at
    let hole = times.length
    times.push(at)
    entries.push(deadline)
    while (hole > 0) {
      const above = (hole - 1) >> 1
      const time = times[above] as number
      if (time <= at) break
      times[hole] = time
      entries[hole] = entries[above] as Timer
      hole = above
    }
    times[hole] = at
    entries[hole] = deadline
  }

  private removeFirst(): void {
    const { times, entries } = this
    const at = times.pop() as number
    const deadline = entries.pop() as Timer
    if (times.length > 0) this.sink(0, at, deadline)
  }

  private sink(from: number, at: number, deadline: Timer): void {
    const { times, entries } = this
    const size = times.length
    let hole = from
    for (;;) {
      let below = hole * 2 + 1
      if (below >= size) break
      if (below + 1 < size && (times[below + 1] as number) < (times[below] as number)) below++
      const time = times[below] as number
      if (time >= at) break
      times[hole] = time
      entries[hole] = entries[below] as Timer
      hole = below
    }
    times[hole] = at
    entries[hole] = deadline
  }

  private prune(): void {
    const { times, entries } = this
    let kept = 0
    for (let index = 0; index < times.length; index++) {
      const deadline = entries[index] as Timer
      if (times[index] !== deadline.queued) continue
      if (deadline.at === Infinity) {
        deadline.queued = Infinity
        continue
      }
      times[kept] = deadline.at
      entries[kept++] = deadline
      // An older record may stand for the same time: it must not be kept as well.
      deadline.queued = NaN
    }
    times.length = kept
    entries.length = kept
    this.idle = 0
    for (const deadline of entries) deadline.queued = deadline.at
    for (let index = (kept >> 1) - 1; index >= 0; index--)
      this.sink(index, times[index] as number, entries[index] as Timer)
  }
}
