/*
 * A host whose clock stands still while anybody has something to do, and jumps to the next deadline when
 * all tasks wait. So tests about time take none, and their order is always the same.
 */
import { GyreError } from '../base/index.ts'
import { Kernel, findDeadlock, formatDeadlock } from '../kernel/index.ts'
import type { Host, Runnable, Task, WaitFor } from '../kernel/index.ts'
import { Random } from './random.ts'
import { TESTING } from './sizes.ts'

/** What a virtual host can be told. */
export interface VirtualOptions {
  /**
   * Has the tasks that are ready together run in an order by chance, the same one for the same seed. Without it
   * they run in the order in which they became ready.
   */
  readonly seed?: number | undefined
}

/**
 * A kernel's host with a virtual clock. It has a kernel of its own; whatever runs there (`run`, a server
 * that was made on it) lives in virtual time. The clock moves only while somebody waits for something of
 * it: during `settle()`, and until the promise of `run()` settles.
 *
 * Tasks and promises are seen; the rest of the world is not: while a handler waits for a file or for
 * `fetch`, the clock may jump. What is spawned by the `spawn` and `run` of 'gyre' runs in real time.
 *
 * @example
 * ```ts
 * const time = new VirtualHost()
 * await time.run(sleep(3_600_000))
 * console.log(time.elapsed) // 3600000
 * ```
 */
export class VirtualHost implements Host {
  /** What the order of tasks comes from; undefined where it is not by chance. */
  readonly seed: number | undefined
  /** Failures that no task and no promise was waiting for, in the order in which they came. */
  readonly failures: unknown[] = []
  private time: number = TESTING.firstTime
  private wanted = false
  private wake = Infinity
  private tick: () => void = () => undefined
  /** Tasks of `run` that have not ended. */
  private readonly awaited = new Set<Task>()
  private quiet = 0
  private turning = false
  private own: Kernel | undefined

  /** @param options - a seed, for an order by chance */
  constructor(options: VirtualOptions = {}) {
    this.seed = options.seed
  }

  /** The kernel that lives in this time. */
  get kernel(): Kernel {
    return (this.own ??= this.makeKernel())
  }

  private makeKernel(): Kernel {
    if (this.seed === undefined) return new Kernel(this)
    const random = new Random(this.seed, 'order')
    return new Kernel(this, (end) => random.below(end))
  }

  /** @returns milliseconds of the virtual clock */
  now(): number {
    return this.time
  }

  /** @returns milliseconds since 1970 on the virtual wall clock, which begins with the year 2000 */
  wallTime(): number {
    return TESTING.firstWallTime + this.time
  }

  /** Virtual milliseconds that have passed since the host was made. */
  get elapsed(): number {
    return this.time - TESTING.firstTime
  }

  /**
   * Moves the clock there and then, as work does that takes its time in one step.
   *
   * @param duration - milliseconds
   * @throws GyreError `GYRE_TASK_MISUSE` for what is no time
   * @example
   * ```ts
   * const time = new VirtualHost()
   * time.kernel.watchStalls(50, (task, duration) => console.log(`${task.name}: ${duration} ms`)) // virtual: 80 ms
   * await time.run(function* () { time.advance(80) })
   * ```
   */
  advance(duration: number): void {
    if (!(duration >= 0)) throw new GyreError('GYRE_TASK_MISUSE', 'a clock can only be moved forward, by milliseconds')
    this.time += duration
  }

  start(tick: () => void): void {
    this.tick = tick
  }

  requestTick(): void {
    this.wanted = true
    this.turnSoon()
  }

  wakeAt(time: number): void {
    this.wake = time
  }

  unobserved(error: unknown): void {
    this.failures.push(error)
  }

  /**
   * Runs work as a task in virtual time, and moves the clock until it has ended.
   *
   * @param work - an operation, or a function that makes one
   * @returns a promise of its result
   * @example
   * ```ts
   * const time = new VirtualHost()
   * const work = withTimeout(60_000, sleep(Infinity))
   * await expect(time.run(work)).rejects.toMatchObject({ code: 'GYRE_TIMEOUT' })
   * ```
   */
  run<T>(work: Runnable<T>): Promise<T> {
    const task = this.kernel.spawn(work, { name: 'virtual' })
    this.awaited.add(task)
    task.whenEnded(() => this.awaited.delete(task))
    this.turnSoon()
    return task.then()
  }

  /**
   * Runs until nothing is left to do and no deadline is left to come, there and then: no promise settles
   * meanwhile. For tests of tasks alone.
   *
   * @throws GyreError `GYRE_TASK_MISUSE` for a program that never comes to rest
   */
  settle(): void {
    for (let ticks = 0; ticks < TESTING.settleTicks; ticks++) if (!this.step()) return
    throw new GyreError('GYRE_TASK_MISUSE', 'the program does not come to rest: some task always has more to do')
  }

  /** Ticks if a tick is wanted; else jumps to the next deadline. @returns false where there is neither */
  private step(): boolean {
    if (this.wanted) this.wanted = false
    else if (this.wake !== Infinity) {
      this.time = Math.max(this.time, this.wake)
      this.wake = Infinity
    } else return false
    this.tick()
    return true
  }

  private turnSoon(): void {
    if (this.turning || this.awaited.size === 0) return
    this.turning = true
    this.quiet = 0
    setImmediate(this.turn)
  }

  private readonly turn = (): void => {
    this.turning = false
    if (this.awaited.size === 0) return
    if (this.wanted) this.quiet = 0
    // Promises of the program may be about to settle: the clock waits until nothing has come for a while.
    else if (++this.quiet >= TESTING.quietTurns) {
      this.quiet = 0
      // Nothing to do ever: only something outside, such as a promise, can go on from here.
      if (this.wake === Infinity) return this.endDeadlock()
    } else return this.turnAgain()
    this.step()
    this.turnAgain()
  }

  /** Tasks that wait for each other would keep the promise of `run` for ever: it is rejected with the circle instead. */
  private endDeadlock(): void {
    const deadlock = findDeadlock(this.awaited)
    if (deadlock === undefined) return
    const [{ task }] = deadlock.cycle as [WaitFor]
    const error = new GyreError('GYRE_TASK_MISUSE', formatDeadlock(deadlock))
    task.trap?.undo(task)
    task.wakeThrow(error)
  }

  private turnAgain(): void {
    if (this.turning) return
    this.turning = true
    setImmediate(this.turn)
  }
}

/** What came of work in virtual time. */
export interface VirtualRun<T> {
  /** The task that did the work. */
  readonly task: Task<T>
  /** The kernel that it ran on. */
  readonly kernel: Kernel
  /** The clock that it lived by. */
  readonly host: VirtualHost
  /** Virtual milliseconds from its beginning until nothing was left to do. */
  readonly elapsed: number
}

/**
 * Runs work, and all that it spawns, to the end on a kernel of its own, in no time. The task may have
 * failed, or wait for ever: look at its `state`.
 *
 * @param work - an operation, or a function that makes one
 * @param options - as for `VirtualHost`
 * @returns the task, and how much time it took
 * @throws GyreError as `VirtualHost.settle`
 * @example
 * ```ts
 * const { task, elapsed } = runVirtual(sleep(1000))
 * expect([task.state, elapsed]).toEqual(['done', 1000])
 * ```
 */
export function runVirtual<T>(work: Runnable<T>, options?: VirtualOptions): VirtualRun<T> {
  const host = new VirtualHost(options)
  const task = host.kernel.spawn(work, { name: 'main' })
  // Whoever looks at the outcome does so afterwards; a failure must not count as one that nobody awaits.
  task.whenEnded(() => undefined)
  host.settle()
  return { task, kernel: host.kernel, host, elapsed: host.elapsed }
}

/** @returns why tasks that are left waiting will wait for ever, where that is known */
function reportOf(tasks: Iterable<Task>): string {
  const deadlock = findDeadlock(tasks)
  return deadlock === undefined ? '' : `; ${formatDeadlock(deadlock)}`
}

/**
 * As `runVirtual`, for those who only want what comes out of it.
 *
 * @param work - an operation, or a function that makes one
 * @param options - as for `VirtualHost`
 * @returns the result of the work
 * @throws its error; GyreError `GYRE_TASK_MISUSE` where it never ends
 * @example
 * ```ts
 * expect(resultOf(function* () {
 *   yield* sleep(1_000)
 *   return 42
 * })).toBe(42)
 * ```
 */
export function resultOf<T>(work: Runnable<T>, options?: VirtualOptions): T {
  const { task } = runVirtual(work, options)
  let outcome: { failed: boolean; result: unknown } | undefined
  task.whenEnded((failed, result) => (outcome = { failed, result }))
  if (outcome === undefined)
    throw new GyreError(
      'GYRE_TASK_MISUSE',
      `the task never ended; it waits for ${task.waitingFor ?? 'nothing'}${reportOf([task])}`,
    )
  if (outcome.failed) throw outcome.result
  return outcome.result as T
}
