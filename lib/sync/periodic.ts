/*
 * Work at regular times. Rounds never overlap: one that takes longer than the interval makes the rounds
 * that it covers fall out, and the next comes at its own time, so that the beat does not drift.
 */
import { GyreError } from '../base/index.ts'
import { Spot, currentTask, park, sleep } from '../kernel/index.ts'
import type { Coroutine, Operation, Scope, Task } from '../kernel/index.ts'
import { link } from './endings.ts'

/** How work is repeated. */
export interface EveryOptions {
  /** For reports. */
  readonly name?: string
  /** How far a round may be off its time, as a part of the interval: 0.1 is up to a tenth later. */
  readonly jitter?: number
}

/** What a periodic callback counts. */
export interface PeriodicStatistics {
  /** Whether it was started and not stopped. */
  readonly running: boolean
  /** Rounds that were begun. */
  readonly rounds: number
  /** Rounds that fell out because the one before took too long. */
  readonly skipped: number
  /** Rounds that failed. */
  readonly failures: number
}

/**
 * Repeats work; made by `every`. It is an operation that does not end by itself, or start and stop it.
 *
 * @example
 * ```ts
 * using heart = every(1, function* () {}, { name: 'heart' })
 * heart.start()
 * while (heart.statistics().rounds < 2) yield* sleep(1)
 * console.log(heart.name, heart.running) // heart true
 * ```
 */
export class PeriodicCallback implements Operation<never>, Disposable {
  /** For reports. */
  readonly name: string
  private readonly interval: number
  private readonly jitter: number
  private readonly work: () => Operation<unknown>
  private task: Task | null = null
  private rounds = 0
  private skipped = 0
  private failures = 0

  /**
   * As `every` makes it.
   *
   * @param interval - milliseconds from one beginning to the next
   * @param work - makes the operation of one round
   * @param options - name and jitter
   * @throws GyreError `GYRE_TASK_MISUSE` for an interval or a jitter out of range
   */
  constructor(interval: number, work: () => Operation<unknown>, options: EveryOptions = {}) {
    const { name = `every ${interval} ms`, jitter = 0 } = options
    if (!(interval > 0 && interval < Infinity))
      throw new GyreError('GYRE_TASK_MISUSE', `an interval is a number of milliseconds above 0, not ${interval}`)
    if (!(jitter >= 0 && jitter < 1))
      throw new GyreError('GYRE_TASK_MISUSE', `jitter is a part of the interval, from 0 to below 1, not ${jitter}`)
    this.name = name
    this.interval = interval
    this.jitter = jitter
    this.work = work
  }

  /** True between `start` and `stop`. */
  get running(): boolean {
    return this.task !== null && !this.task.ended
  }

  /**
   * Starts it as a task of its own; does nothing while it runs.
   *
   * @param scope - the scope that it ends with; without it only `stop` ends it. Outside of every task
   *   `spawn(every(…))` does the same.
   * @returns the task
   */
  start(scope?: Scope): Task {
    if (this.task !== null && !this.task.ended) return this.task
    const kernel = scope === undefined ? currentTask().kernel : scope.kernel
    this.task = kernel.spawn(this, { name: this.name, scope: scope ?? null })
    return this.task
  }

  /** Stops it; a round that is under way is cancelled. */
  stop(): void {
    this.task?.cancel('stopped')
  }

  /** The same as `stop()`, for `using`. */
  [Symbol.dispose](): void {
    this.stop()
  }

  /** Repeats the work in the calling task: `yield*` it. */
  *[Symbol.iterator](): Coroutine<never> {
    const { host } = currentTask().kernel
    let due = host.now()
    for (;;) {
      const missed = Math.max(0, Math.ceil((host.now() - due) / this.interval) - 1)
      this.skipped += missed
      due += (missed + 1) * this.interval
      yield* sleep(due + Math.random() * this.jitter * this.interval - host.now())
      yield* this.round()
    }
  }

  /** One round is a task of its own, so that its failure is reported and ends nothing else. */
  private *round(): Coroutine<void> {
    const outer = currentTask()
    this.rounds++
    const task = outer.kernel.spawn(this.work, { name: this.name, scope: outer })
    const spot = new Spot(`a round of ${this.name}`)
    link(task, () => {
      if (task.state === 'failed') this.failures++
      spot.wake()
    })
    yield* park(spot)
  }

  /** @returns what it has done so far */
  statistics(): PeriodicStatistics {
    const { running, rounds, skipped, failures } = this
    return { running, rounds, skipped, failures }
  }
}

/**
 * Repeats work at regular times, for the first time after one interval. A round that fails is reported to
 * the host, and the next comes all the same.
 *
 * @param interval - milliseconds from one beginning to the next
 * @param work - makes the operation of one round
 * @param options - name and jitter
 * @returns an operation that goes on until it is cancelled: `yield*` it, `spawn` it, or `start()` it
 * @throws GyreError `GYRE_TASK_MISUSE` for an interval or a jitter out of range
 * @example
 * ```ts
 * let beats = 0
 * const heart = every(2, function* () { beats++ })
 * heart.start()
 * while (beats < 3) yield* sleep(1)
 * heart.stop()
 * console.log(heart.statistics().failures) // 0
 * ```
 */
export function every(interval: number, work: () => Operation<unknown>, options?: EveryOptions): PeriodicCallback {
  return new PeriodicCallback(interval, work, options)
}
