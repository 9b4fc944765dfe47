/*
 * What the kernel asks of the world: a clock and wake-ups from its Host, readiness of descriptors
 * from its Poller. The kernel is a guest: the host's own loop goes on beside it, and calls `tick`.
 */
import type { Contexts } from './context.ts'
import type { Task } from './task.ts'
import type { Trap } from './traps.ts'

/** The loop that the kernel is a guest of. */
export interface Host {
  /** @returns milliseconds of a clock that never goes back */
  now(): number
  /** @returns milliseconds since 1970, of the clock on the wall, which may jump */
  wallTime(): number
  /** Called once, before anything else. @param tick - what to call when a wake-up is due */
  start(tick: () => void): void
  /** Asks for one tick as soon as the host's own work allows. Asking twice is asking once. */
  requestTick(): void
  /** Asks for a tick at that time; the newest call counts. @param time - of `now()`; Infinity takes the wish back */
  wakeAt(time: number): void
  /** Told of a failure that no task and no promise was waiting for. */
  unobserved(error: unknown, task: Task): void
  /** For hosts that know contexts (context.ts). @param begin - what to call once, when they come into use */
  whenContextsAreUsed?(begin: (contexts: Contexts) => void): void
}

/** Says which descriptors are ready. */
export interface Poller {
  /** Wakes the tasks whose descriptors became ready. Never blocks, never runs a task. */
  poll(): void
  /** @returns a trap that ends when the descriptor can be read, or is broken */
  readable(descriptor: number): Trap
  /** @returns a trap that ends when the descriptor can be written, or is broken */
  writable(descriptor: number): Trap
}
