/*
 * A head start: the first step of an operation, taken where nothing can wait.
 *
 * Most operations that a server runs never wait. For these a generator around them, made to wait with them, would be
 * made for nothing. So they are begun by a plain call; only what is left of those that do wait is run with `yield*`.
 */
import type { Operation } from './operation.ts'
import type { Trap } from './traps.ts'

/**
 * Runs an operation as far as it goes without waiting. What is left is to be run at once, by the task that calls this.
 *
 * @param operation - what to run; its result is of no interest
 * @returns what is left to run; null where it has come to its end
 * @throws what the operation throws
 */
export function headStart(operation: Operation<unknown>): Operation<unknown> | null {
  const steps = operation[Symbol.iterator]()
  const first = steps.next()
  return first.done === true ? null : new Begun(steps, first)
}

/** What is left of an operation whose first step is taken, and not seen by anybody. */
class Begun implements Operation<unknown>, Iterator<Trap, unknown, unknown> {
  private readonly steps: Iterator<Trap, unknown, unknown>
  private first: IteratorResult<Trap> | null

  constructor(steps: Iterator<Trap, unknown, unknown>, first: IteratorResult<Trap>) {
    this.steps = steps
    this.first = first
  }

  [Symbol.iterator](): this {
    return this
  }

  next(brought?: unknown): IteratorResult<Trap> {
    const { first } = this
    if (first === null) return this.steps.next(brought)
    this.first = null
    return first
  }

  throw(error: unknown): IteratorResult<Trap> {
    if (this.steps.throw === undefined) throw error
    return this.steps.throw(error)
  }

  return(value: unknown): IteratorResult<Trap> {
    return this.steps.return?.(value) ?? { done: true, value }
  }
}
