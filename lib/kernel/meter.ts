/*
 * Loop accounting: what of the loop's time a task takes, and how long it is kept from it. It tells slow code from
 * code that waits for its turn because other code is slow.
 *
 * Nothing is measured, and no clock read, for tasks that carry no meter.
 */

/**
 * Counts the steps of the tasks that carry it: of one, or of all that work on one request. What a task spawns
 * carries its meter as well. All times are in milliseconds of the host's clock.
 *
 * @example
 * ```ts
 * const task = spawn(function* () {
 *   yield* sleep(1)
 *   yield* sleep(1)
 * })
 * const meter = (task.meter = new Meter())
 * yield* task
 * console.log(meter.steps, meter.loopTime >= meter.longestStep) // 3 true
 * ```
 */
export class Meter {
  /** How often a task ran until its next wait or its end. */
  steps = 0
  /** How long its tasks ran. */
  loopTime = 0
  /** The longest step: for so long nothing else ran. */
  longestStep = 0
  /**
   * How long its tasks were ready to run while others ran; of several at once, the sum. It begins when the loop has
   * seen that a wait is over: an event or a time that comes in the middle of somebody's step is seen after it.
   */
  queuedTime = 0
  /** How many of its tasks are ready, and since when it is that many. */
  private queued = 0
  private since = 0
  /** When the step began that is under way. */
  private began = 0

  /** `loopTime`, and what has passed of the step that is under way. @param now - of the host's clock */
  loopTimeAt(now: number): number {
    return this.loopTime + now - this.began
  }

  /** One of its tasks has become ready. @internal */
  becameReady(now: number): void {
    this.countQueue(now)
    this.queued++
  }

  /** One of its tasks is ready no more. @internal */
  leftQueue(now: number): void {
    this.countQueue(now)
    this.queued--
  }

  /** One of its tasks begins a step. @internal */
  stepBegan(now: number): void {
    this.began = now
  }

  /** The step is over. @internal */
  stepEnded(now: number): void {
    const duration = now - this.began
    this.steps++
    this.loopTime += duration
    if (duration > this.longestStep) this.longestStep = duration
  }

  private countQueue(now: number): void {
    this.queuedTime += this.queued * (now - this.since)
    this.since = now
  }
}
