/*
 * What an operation throws, as a value, for tests inside a task.
 */
import type { Coroutine, Operation } from '../../lib/kernel/index.ts'

/** @returns the error that the operation throws; it must throw one */
export function* caughtBy(operation: Operation<unknown>): Coroutine<Error> {
  try {
    yield* operation
  } catch (error) {
    return error as Error
  }
  throw new Error('the operation threw nothing')
}
