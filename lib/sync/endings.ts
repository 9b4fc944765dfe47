/*
 * How tasks end, as something to look at rather than as a return or a throw: links and outcomes.
 */
import { GyreError } from '../base/index.ts'
import { Task } from '../kernel/index.ts'
import type { Waitable } from './ready.ts'

/** How a task has ended. */
export type TaskEnding<T> =
  | {
      /** It has returned. */
      readonly state: 'done'
      /** What it returned. */
      readonly value: T
    }
  | {
      /** It has thrown: an error, or its own cancel. */
      readonly state: 'failed' | 'cancelled'
      /** What it threw. */
      readonly error: unknown
    }

/**
 * The outcome of a task that has ended. Whoever asks has taken note of a failure: it is not reported as
 * unobserved any more.
 *
 * @throws GyreError `GYRE_TASK_MISUSE` if the task has not ended
 * @example
 * ```ts
 * const task = spawn(function* () { yield* sleep(1); return 'bread' })
 * yield* joinAll([task])
 * const outcome = endingOf(task)
 * console.log(outcome.state === 'done' ? outcome.value : outcome.error) // bread
 * ```
 */
export function endingOf<T>(task: Task<T>): TaskEnding<T> {
  const { state } = task
  let content: unknown
  // The listener of a task that has ended is called at once.
  if (task.ended) task.whenEnded((_failed, result) => (content = result))
  if (state === 'done') return { state, value: content as T }
  if (state === 'failed' || state === 'cancelled') return { state, error: content }
  throw new GyreError('GYRE_TASK_MISUSE', `task ${task.name} has not ended, so it has no outcome`)
}

/**
 * Calls back when a task has ended, however it ends; at once if it has. A failure still counts as
 * unobserved: to take note of it use `linkError`.
 *
 * @param listener - is handed the task; must not wait. What it throws is reported to the host.
 * @returns how to take the link back
 * @example
 * ```ts
 * const task = spawn(sleep(1), { name: 'nap' })
 * link(task, ({ name, state }) => console.log(name, state)) // nap done
 * yield* joinAll([task])
 * ```
 */
export function link<T>(task: Task<T>, listener: (task: Task<T>) => void): () => void {
  const call = (): void => {
    try {
      listener(task)
    } catch (error) {
      task.kernel.host.unobserved(error, task)
    }
  }
  if (task.ended) {
    call()
    return () => undefined
  }
  task.follow(call)
  return () => task.unfollow(call)
}

/**
 * Calls back with the result of a task when it is done; not if it fails or is cancelled.
 *
 * @returns how to take the link back
 * @example
 * ```ts
 * const task = spawn(function* () { yield* sleep(1); return 6 * 7 })
 * linkValue(task, (value) => console.log(value)) // 42
 * yield* joinAll([task])
 * ```
 */
export function linkValue<T>(task: Task<T>, listener: (value: T) => void): () => void {
  return link(task, () => {
    if (task.state !== 'done') return
    const outcome = endingOf(task)
    if (outcome.state === 'done') listener(outcome.value)
  })
}

/**
 * Calls back with the error of a task that fails; not if it is done or cancelled. The failure counts as
 * observed.
 *
 * @returns how to take the link back
 * @example
 * ```ts
 * const task = spawn(function* () { yield* sleep(1); throw new Error('no bread') })
 * linkError(task, (error) => console.log((error as Error).message)) // no bread
 * yield* joinAll([task])
 * ```
 */
export function linkError(task: Task, listener: (error: unknown) => void): () => void {
  return link(task, () => {
    if (task.state !== 'failed') return
    const outcome = endingOf(task)
    if (outcome.state === 'failed') listener(outcome.error)
  })
}

/** A task as one of several things that are waited for. */
export function waitableOf(object: Waitable | Task): Waitable {
  if (!(object instanceof Task)) return object
  return {
    get ready() {
      return object.ended
    },
    whenReady: (listener) => link(object, listener),
  }
}
