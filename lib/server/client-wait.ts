/*
 * Waiting for a client, in one direction, who may be slow but not for ever.
 *
 * It has credit, in time: at first the slack. Waiting uses it up, and every byte that moves brings some
 * back, at the lowest rate that is allowed, up to the slack again. So no wait lasts longer than the slack,
 * one that sends or takes a byte now and then never stalls but runs out of credit, and bytes that came fast
 * buy no hours. Only time that is spent waiting counts: a handler that thinks long costs its client nothing.
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
    const { kernel, patience } = this
    const wait = ++this.waits
    const from = kernel.host.now()
    const earned = ((moved - this.movedBefore) * SIZES.second) / patience.rate
    this.movedBefore = moved
    this.credit = Math.min(patience.slack, this.credit + earned)
    this.verdict = this.credit < patience.slack ? patience.tooSlow : patience.stalled
    const until = from + this.credit
    if (until < Infinity) kernel.deadlines.set(this.deadline, until)
    try {
      yield* park(this.place)
    } finally {
      // One that was cancelled unwinds when the next may be waiting already.
      if (wait === this.waits) kernel.deadlines.cancel(this.deadline)
      const duration = kernel.host.now() - from
      this.waited += duration
      this.credit -= duration
    }
  }

  expired(): void {
    this.place.wakeThrow(new GyreError(this.verdict))
  }
}
