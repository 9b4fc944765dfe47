/*
 * Waiting for a client, in one direction, who may be slow but not for ever.
 *
 * It has credit, in time: at first the slack. Waiting uses it up, and every byte that moves brings some
 * back, at the lowest rate that is allowed, up to the slack again. So no wait lasts longer than the slack,
 * one that sends or takes a byte now and then never stalls but runs out of credit, and bytes that came fast
 * buy no hours. Only time that is spent waiting counts: a handler that thinks long costs its client nothing.
 *
 * A wait for room to write ends in large steps: the operating system wakes a writer when a third of its buffer
 * is free, Node when all that it held has gone. So when the credit is used up, it is asked what has moved since.
 */
import { GyreError, SIZES } from '../base/index.ts'
import type { ErrorCode } from '../base/index.ts'
import type { Readiness } from '../io/index.ts'
import { Deadline, park } from '../kernel/index.ts'
import type { Coroutine, Expiring, Kernel } from '../kernel/index.ts'

/** How slow a client may be, and what to call it when it is slower. */
export interface Patience {
  /** How long one wait may last, in milliseconds. */
  readonly slack: number
  /** Bytes a second that it must come up to, beyond the slack. */
  readonly rate: number
  /** How many bytes have moved, where that can be known while the wait goes on. */
  readonly progress?: () => number
  /** Raised when one wait lasts too long. */
  readonly stalled: ErrorCode
  /** Raised when the rate is not kept. */
  readonly tooSlow: ErrorCode
}

export class ClientWait implements Expiring {
  /** How long was waited so far, in milliseconds. */
  waited = 0
  private readonly kernel: Kernel
  private readonly place: Readiness
  private readonly patience: Patience
  private readonly deadline = new Deadline(this)
  private verdict: ErrorCode
  private waits = 0
  private credit: number
  private movedBefore = 0
  /** Until when waiting was charged. */
  private since = 0

  constructor(kernel: Kernel, place: Readiness, patience: Patience) {
    this.kernel = kernel
    this.place = place
    this.patience = patience
    this.verdict = patience.stalled
    this.credit = patience.slack
  }

  /**
   * Waits until the client lets us go on.
   *
   * @param moved - how many bytes it has sent or taken so far
   * @throws GyreError one of the two codes of its patience
   */
  *wait(moved: number): Coroutine<void> {
    const { kernel } = this
    const wait = ++this.waits
    this.since = kernel.host.now()
    this.earn(moved)
    this.allow()
    try {
      yield* park(this.place)
    } finally {
      // One that was cancelled unwinds when the next may be waiting already.
      if (wait === this.waits) kernel.deadlines.cancel(this.deadline)
      this.charge()
    }
  }

  private charge(): void {
    const now = this.kernel.host.now()
    this.waited += now - this.since
    this.credit -= now - this.since
    this.since = now
  }

  private earn(moved: number): void {
    const { slack, rate } = this.patience
    const earned = (Math.max(0, moved - this.movedBefore) * SIZES.second) / rate
    this.movedBefore = moved
    this.credit = Math.min(slack, this.credit + earned)
  }

  /** The wait may last as long as there is credit. */
  private allow(): void {
    const { slack, stalled, tooSlow } = this.patience
    this.verdict = this.credit < slack ? tooSlow : stalled
    const until = this.since + this.credit
    if (until < Infinity) this.kernel.deadlines.set(this.deadline, until)
  }

  expired(): void {
    const { progress } = this.patience
    if (progress !== undefined) {
      this.charge()
      this.earn(progress())
      if (this.credit >= 1) return this.allow()
    }
    this.place.wakeThrow(new GyreError(this.verdict))
  }
}
