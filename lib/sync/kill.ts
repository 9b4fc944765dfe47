/*
 * Kill: cancel, and wait for the end. A cancel alone only asks; who needs the task gone waits for it.
 */
import { GyreError } from '../base/index.ts'
import { currentTask } from '../kernel/index.ts'
import type { Coroutine, Task } from '../kernel/index.ts'
import { endingOf } from './endings.ts'
import type { TaskEnding } from './endings.ts'
import { joinAll } from './wait.ts'

/** How a task is killed. */
export interface KillOptions {
  /** In words, for reports. */
  readonly reason?: string
  /** How long the cleanup of the task may wait, in milliseconds; the limit cancelGrace without it. */
  readonly grace?: number
}

/**
 * Cancels a task and waits until it has ended. That takes no longer than its grace: a task that goes on
 * waiting after it is dropped.
 *
 * @returns how it ended, which may be by itself
 * @throws GyreError `GYRE_TASK_MISUSE` if a task kills itself
 * @example
 * ```ts
 * const task = spawn(function* () {
 *   try { yield* sleep(1000) } finally { console.log('tidied up') }
 * })
 * yield* giveWay()
 * console.log((yield* kill(task)).state)
 * // tidied up
 * // cancelled
 * ```
 */
export function* kill<T>(task: Task<T>, options: KillOptions = {}): Coroutine<TaskEnding<T>> {
  const [outcome] = yield* killAll([task], options)
  return outcome as TaskEnding<T>
}

/**
 * Cancels tasks and waits until all of them have ended.
 *
 * @returns how each of them ended
 * @example
 * ```ts
 * const tasks = [spawn(sleep(1000)), spawn(sleep(2000))]
 * const outcomes = yield* killAll(tasks)
 * console.log(outcomes.map(({ state }) => state).join(' ')) // cancelled cancelled
 * ```
 */
export function* killAll<T>(tasks: Iterable<Task<T>>, options: KillOptions = {}): Coroutine<TaskEnding<T>[]> {
  const all = [...tasks]
  if (all.some((task) => (task as Task) === currentTask()))
    throw new GyreError('GYRE_TASK_MISUSE', 'a task cannot kill itself: it would wait for its own end')
  for (const task of all) {
    if (options.grace !== undefined) task.grace = options.grace
    task.cancel(options.reason ?? 'killed')
  }
  yield* joinAll(all)
  return all.map(endingOf)
}
