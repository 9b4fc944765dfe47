/*
 * Bridges to AbortSignal, the cancel of the promise world: work that ends when a signal aborts, and a
 * signal that aborts when work is cancelled.
 */
import { Cancelled, operationOf, park, withScope } from '../kernel/index.ts'
import type { Coroutine, Operation, Runnable, Scope, Task, Trap } from '../kernel/index.ts'

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
  const watch = new Watch()
  // A task beside the work, in the same scope: a cancel undoes its wait before any code of the work runs.
  scope.kernel.spawn(watch.run(), { scope, name: 'abort signal' })
  try {
    return { value: yield* work(watch.controller.signal) }
  } catch (error) {
    // The same reason as where the watch is quicker, for a cancel: the AbortError that promises expect.
    watch.controller.abort(error instanceof Cancelled ? undefined : error)
    throw error
  } finally {
    watch.end()
  }
}

/** Waits for nothing but to be cancelled. */
class Watch implements Trap {
  readonly reason = 'a cancel, for an AbortSignal'
  readonly controller = new AbortController()
  private task: Task | null = null
  private over = false;

  *run(): Coroutine<void> {
    if (!this.over) yield* park(this)
  }

  enter(task: Task): void {
    this.task = task
  }

  undo(): void {
    this.task = null
    this.controller.abort()
  }

  end(): void {
    this.over = true
    const { task } = this
    this.task = null
    task?.wake()
  }
}
