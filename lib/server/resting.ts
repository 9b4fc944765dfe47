/*
 * Work that comes in pieces, with long rests between them, as that of a connection does.
 *
 * An operation that rests holds no generator: it is itself what its task runs. Nor is one made for a piece of work that
 * is done without waiting, as most are: only what has to wait is a coroutine, for as long as it lasts.
 */
import { Timer } from '../kernel/index.ts'
import type { Coroutine, Operation, Trap } from '../kernel/index.ts'

/** The last step: nothing comes any more. */
export const OVER: IteratorResult<Trap, void> = { done: true, value: undefined }

/** It is its own timer, too, of which it needs one at a time. */
export abstract class Resting extends Timer implements Operation<void>, Iterator<Trap, void> {
  /** The piece of work that waits for something; null while it rests. */
  private work: Coroutine<void> | null = null

  /** True where there is something to do before it rests again. */
  protected abstract readonly busy: boolean
  /** Does what there is to do, up to what has to wait. Must not throw. @returns what goes on there; null where nothing does */
  protected abstract tryWork(): Coroutine<void> | null
  /** Waits for what comes next. @returns its step; `OVER` where nothing comes any more */
  protected abstract rest(): IteratorResult<Trap, void>
  /** It is ended by an error, or a cancel, that was thrown while no piece of work waited. Must not throw. */
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

  /** @param step - that the piece of work has taken */
  private onFrom(step: IteratorResult<Trap, void>): IteratorResult<Trap, void> {
    if (step.done !== true) return step
    this.work = null
    return this.busy ? this.goOn() : this.rest()
  }

  /** Works until something has to wait, and rests when all is done. */
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
