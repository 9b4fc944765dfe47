/*
 * Node as the kernel's host: its clock, its immediates, its timers.
 *
 * One immediate at most is on its way at any time, and one timer at most is set. A timer that would
 * only be put off is left where it is: an early tick does no harm and asks again, while clearing and
 * setting a timer for each request would cost more than the request.
 */
import { SIZES } from '../../base/index.ts'
import type { Contexts, Host, Task } from '../../kernel/index.ts'
import { tellUnobserved } from '../unobserved.ts'
import { whenStoresAreUsed } from './async-context.ts'

/**
 * Node's own loop as the host of a kernel. `run` and `spawn` have one already.
 *
 * @example
 * ```ts
 * const host = new NodeHost()
 * const kernel = new Kernel(host)
 * const begun = host.now()
 * await kernel.spawn(sleep(5))
 * console.log(host.now() - begun >= 4) // true
 * ```
 */
export class NodeHost implements Host {
  private tick: () => void = () => undefined
  private tickRequested = false
  private timer: NodeJS.Timeout | null = null
  /** When the timer fires; Infinity while there is none. */
  private timerAt = Infinity

  /** @returns milliseconds since the process began, which never go back */
  now(): number {
    return performance.now()
  }

  /** @returns milliseconds since 1970, of the clock on the wall */
  wallTime(): number {
    return Date.now()
  }

  start(tick: () => void): void {
    this.tick = tick
  }

  whenContextsAreUsed(begin: (contexts: Contexts) => void): void {
    whenStoresAreUsed((contexts) => {
      // A tick is asked for in the context of some task, and would hand that on to the next tick for ever.
      const { tick } = this
      this.tick = () => {
        contexts.root.run(tick, undefined)
      }
      begin(contexts)
    })
  }

  private readonly onImmediate = (): void => {
    this.tickRequested = false
    this.tick()
  }

  private readonly onTimer = (): void => {
    this.timer = null
    this.timerAt = Infinity
    this.tick()
  }

  requestTick(): void {
    if (this.tickRequested) return
    this.tickRequested = true
    setImmediate(this.onImmediate)
  }

  wakeAt(time: number): void {
    if (time === Infinity) return this.clearTimer()
    if (time >= this.timerAt) return
    this.clearTimer()
    this.timerAt = time
    // Node cuts the fraction off; rounding up keeps the tick from coming before its time. What is further off than
    // Node can count would come at once: an early tick asks again.
    this.timer = setTimeout(this.onTimer, Math.min(SIZES.longestTimer, Math.max(1, Math.ceil(time - this.now()))))
  }

  private clearTimer(): void {
    if (this.timer === null) return
    clearTimeout(this.timer)
    this.timer = null
    this.timerAt = Infinity
  }

  unobserved(error: unknown, task: Task): void {
    tellUnobserved(error, task)
  }
}
