/*
 * A time limit that is no error: when the time is over, the work is cancelled and a value stands for its
 * result. `withTimeout` of the kernel is the form that throws.
 */
import { withScope } from '../kernel/index.ts'
import type { Coroutine, Operation, Scope } from '../kernel/index.ts'

/** An operation, or a function that makes one inside a scope. */
export type ScopedWork<T> = Operation<T> | ((scope: Scope) => Operation<T>)

/**
 * Runs work for so long, and then moves on without it. Limits nest: each ends its own work and no more.
 *
 * @param duration - milliseconds
 * @param work - an operation, or a function that makes one; it is handed the scope, whose `cancelAt` puts
 *   the limit off
 * @returns what the work returns; undefined when the time is over: every `finally` of the work has run by then
 * @throws GyreError `GYRE_TASK_MISUSE` for NaN
 * @example
 * ```ts
 * const mail = new Queue<string>()
 * console.log(yield* moveOnAfter(5, mail.get(), 'no mail')) // no mail
 * ```
 */
export function moveOnAfter<T>(duration: number, work: ScopedWork<T>): Coroutine<T | undefined>
/**
 * As above, with a value of its own for when the time is over.
 *
 * @param duration - milliseconds
 * @param work - an operation, or a function that makes one
 * @param otherwise - what to return when the time is over
 * @returns what the work returns, or `otherwise`
 */
export function moveOnAfter<T, D>(duration: number, work: ScopedWork<T>, otherwise: D): Coroutine<T | D>
export function* moveOnAfter<T, D>(duration: number, work: ScopedWork<T>, otherwise?: D): Coroutine<T | D | undefined> {
  const result = yield* withScope((scope) => limited(duration, work, scope))
  return result === undefined ? otherwise : result.value
}

/** In a box, so that a result of undefined is told from none. */
function* limited<T>(duration: number, work: ScopedWork<T>, scope: Scope): Coroutine<{ readonly value: T }> {
  scope.cancelAt(scope.kernel.host.now() + duration, `not done within ${duration} ms`)
  return { value: yield* typeof work === 'function' ? work(scope) : work }
}
