/*
 * The bridge between tasks and promises, both ways, and the only file of the kernel that knows
 * promises at all.
 */
import { Spot } from './parking.ts'
import type { Coroutine } from './operation.ts'
import type { Task } from './task.ts'
import { park } from './traps.ts'

/** @returns a promise that settles as the task ends */
export function promiseOf<T>(task: Task<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    task.whenEnded((failed, result) => {
      // What a task throws is thrown on unchanged, whatever it is.
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      if (failed) reject(result)
      else resolve(result as T)
    })
  })
}

/**
 * Waits for a promise. When the wait is cancelled the promise is left alone: what it brings later,
 * good or bad, is dropped.
 *
 * @returns what the promise is fulfilled with
 * @throws what it is rejected with
 * @example
 * ```ts
 * const answer = yield* waitPromise(fetch('http://127.0.0.1:8080/'))
 * ```
 */
export function* waitPromise<T>(promise: PromiseLike<T>): Coroutine<T> {
  const spot = new Spot('a promise')
  // If the spot is empty by then, the wait was cancelled: wake() and wakeThrow() find nobody.
  promise.then(
    (value) => void spot.wake(value),
    (error: unknown) => void spot.wakeThrow(error),
  )
  return yield* park<T>(spot)
}
