/*
 * A host whose clock stands still until nothing is left to do, and then jumps to the next deadline. So
 * tests about time take none, and their order is always the same.
 */
import { Kernel } from '../../lib/kernel/index.ts'
import type { Host, Runnable, Task } from '../../lib/kernel/index.ts'

export class MockHost implements Host {
  readonly failures: unknown[] = []
  private time = 1000
  private wanted = false
  private wake = Infinity
  private tick: () => void = () => undefined

  now(): number {
    return this.time
  }
  wallTime(): number {
    return this.time
  }
  start(tick: () => void): void {
    this.tick = tick
  }
  requestTick(): void {
    this.wanted = true
  }
  wakeAt(time: number): void {
    this.wake = time
  }
  unobserved(error: unknown): void {
    this.failures.push(error)
  }

  /** Runs until nothing is left to do. */
  settle(): void {
    for (let turns = 0; turns < 1_000_000; turns++) {
      if (this.wanted) this.wanted = false
      else if (this.wake !== Infinity) {
        this.time = Math.max(this.time, this.wake)
        this.wake = Infinity
      } else return
      this.tick()
    }
    throw new Error('it does not settle')
  }
}

/** Runs work to its end on a kernel of its own, in no time. */
export function runMock<T>(work: Runnable<T>): { task: Task<T>; kernel: Kernel; host: MockHost; elapsed: number } {
  const host = new MockHost()
  const kernel = new Kernel(host)
  const task = kernel.spawn(work, { name: 'main' })
  task.whenEnded(() => undefined)
  const began = host.now()
  host.settle()
  return { task, kernel, host, elapsed: host.now() - began }
}

/** As `runMock`; gives the result, or throws the error. */
export function resultOf<T>(work: Runnable<T>): T {
  const { task } = runMock(work)
  let outcome: { failed: boolean; result: unknown } | undefined
  task.whenEnded((failed, result) => (outcome = { failed, result }))
  if (outcome === undefined) throw new Error(`the task never ended; it waits for ${task.waitingFor ?? 'nothing'}`)
  if (outcome.failed) throw outcome.result
  return outcome.result as T
}
