/*
 * Work that comes in pieces, with long rests between them, as that of a connection does.
 *
 * An operation that rests holds no generator: it is itself what its task runs. Nor is one made for a piece of work that
 * is done without waiting, as most are: only what has to wait is a coroutine, for as long as it lasts.
 */
import { Timer } from '../kernel/index.ts'
import type { Coroutine, Operation, Trap } from '../kernel/index.ts'

export const OVER: IteratorResult<Trap, void> = { done: true, value: undefined }

/** It is its own timer, too, of which it needs one at a time. */
export abstract class Resting extends Timer implements Operation<void>, Iterator<Trap, void> {
  /** What goes on; null while it rests. */
  private work: Coroutine<void> | null = null

  /** True where there is something to do before it rests again. */
  protected abstract readonly busy: boolean
  /** Does what there is to do, as far as that needs no waiting. @returns what does; null where nothing is left */
  protected abstract tryWork(): Coroutine<void> | null
  /** Waits for what comes next. @returns its step; `OVER` where nothing comes any more */
  protected abstract rest(): IteratorResult<Trap, void>
  /** Its rest is broken off. */
  protected abstract broken(error: unknown): void

  [Symbol.iterator](): this {
    return this
  }

  next(brought?: unknown): IteratorResult<Trap, void> {
    return this.work === null ? this.goOn() : this.onFrom(this.work.next(brought))
  }

  throw(error: unknown): IteratorResult<Trap, void> {
    if (this.work !== null) return this.onFrom(this.work.throw(error))
    this.broken(error)
    return OVER
  }

  return(): IteratorResult<Trap, void> {
    this.work?.return()
    return OVER
  }

  private onFrom(step: IteratorResult<Trap, void>): IteratorResult<Trap, void> {
    if (step.done !== true) return step
    this.work = null
    return this.busy ? this.goOn() : this.rest()
  }

  private goOn(): IteratorResult<Trap, void> {
    do {
      this.work = this.tryWork()
      if (this.work === null) break
      const step = this.work.next()
      if (step.done !== true) return step
      this.work = null
    } while (this.busy)
    return this.rest()
  }
}
