/*
 * Bridges to AbortSignal, the cancel of the promise world: work that ends when a signal aborts, and a
 * signal that aborts when work is cancelled.
 */
import { Cancelled, currentTask, operationOf, watchCancel, withScope } from '../kernel/index.ts'
import type { Coroutine, Operation, Runnable, Scope } from '../kernel/index.ts'

/**
 * Does work until a signal aborts; then the work is cancelled, with all its cleanup.
 *
 * @param work - an operation, or a function that makes one; it is not begun if the signal has aborted
 * @returns what the work returns
 * @throws the reason of the signal, when it has aborted
 * @example
 * ```ts
 * const controller = new AbortController()
 * spawn(function* () { yield* sleep(1); controller.abort(new Error('changed my mind')) })
 * try {
 *   yield* withSignal(controller.signal, sleep(1000))
 * } catch (error) {
 *   console.log((error as Error).message) // changed my mind
 * }
 * ```
 */
export function* withSignal<T>(signal: AbortSignal, work: Runnable<T>): Coroutine<T> {
  signal.throwIfAborted()
  const result = yield* withScope((scope) => untilAborted(signal, work, scope))
  if (result !== undefined) return result.value
  throw signal.reason
}

function* untilAborted<T>(signal: AbortSignal, work: Runnable<T>, scope: Scope): Coroutine<{ readonly value: T }> {
  const abort = (): void => scope.cancel('an AbortSignal has aborted')
  signal.addEventListener('abort', abort)
  try {
    return { value: yield* operationOf(work) }
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/**
 * Does work that is handed an AbortSignal, for calls that take one. The signal aborts at the moment when a
 * cancel reaches the work (with an AbortError), and when the work throws (with its error); not when it is done.
 *
 * @param work - is handed the signal
 * @returns what the work returns
 * @example
 * ```ts
 * yield* moveOnAfter(2, abortable(function* (signal) {
 *   signal.addEventListener('abort', () => console.log('stopped')) // stopped
 *   yield* sleep(1000)
 * }))
 * ```
 */
export function* abortable<T>(work: (signal: AbortSignal) => Operation<T>): Coroutine<T> {
  const result = yield* withScope((scope) => watched(work, scope))
  // The scope is nobody else's, so nothing has cancelled it.
  return (result as { value: T }).value
}

function* watched<T>(work: (signal: AbortSignal) => Operation<T>, scope: Scope): Coroutine<{ readonly value: T }> {
  const controller = new AbortController()
  // Aborted without a reason, it has the AbortError that promises expect.
  const unwatch = watchCancel(scope, () => controller.abort())
  try {
    return { value: yield* work(controller.signal) }
  } catch (error) {
    controller.abort(error instanceof Cancelled ? undefined : error)
    throw error
  } finally {
    unwatch()
  }
}

const signals = new WeakMap<Scope, AbortSignal>()

/**
 * An AbortSignal that aborts when a scope is cancelled, or a scope around it; not when it merely ends. For calls
 * of the promise world that are to end with the scope, whoever makes them.
 *
 * @param scope - that of `withScope`, of a nursery, or a task; the innermost one of the calling task without it
 * @returns the signal of the scope, always the same one
 * @throws GyreError `GYRE_TASK_MISUSE` without a scope outside of every task
 * @example
 * ```ts
 * yield* withScope(function* (scope) {
 *   signalOf(scope).addEventListener('abort', () => console.log('stopped')) // stopped
 *   scope.cancel('enough')
 *   yield* sleep(1000)
 * })
 * ```
 */
export function signalOf(scope: Scope = currentTask().scope): AbortSignal {
  let signal = signals.get(scope)
  if (signal === undefined) {
    const controller = new AbortController()
    signal = controller.signal
    signals.set(scope, signal)
    watchCancel(scope, () => controller.abort())
  }
  return signal
}
