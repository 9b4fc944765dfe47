/*
 * Failures that nobody was waiting for: where they are told.
 */
import { stackOf } from '../base/index.ts'
import { doingOf, spawnStackOf } from '../kernel/index.ts'
import type { Task } from '../kernel/index.ts'

/** A task has failed, and nothing was waiting for it. */
export interface UnobservedFailure {
  /** What it threw. */
  readonly error: unknown
  /** The task that has failed. */
  readonly task: Task
  /** What the task worked on, such as `GET /path`, where that is known. */
  readonly doing: string | undefined
  /** The calls that led to its spawn, the innermost first; empty unless tasks are inspected. */
  readonly spawnedAt: readonly string[]
}

/** What is told of such failures. */
export type UnobservedListener = (failure: UnobservedFailure) => void

let listener: UnobservedListener = report

/**
 * Has failures that nobody waits for told to a function, instead of being written to standard error and making the
 * exit code of the process 1. For all tasks of this thread; the newest listener counts.
 *
 * @param newer - must not wait. What it throws is written to standard error, as the failure is then
 * @returns puts the listener before it back: call `[Symbol.dispose]()`
 * @example
 * ```ts
 * const hook = onUnobserved(({ task, error }) => console.log(task.name, (error as Error).message))
 * spawn(function* () { throw new Error('no bread') }, { name: 'baker' })
 * yield* sleep(1)
 * // baker no bread
 * hook[Symbol.dispose]()
 * ```
 */
export function onUnobserved(newer: UnobservedListener): Disposable {
  const before = listener
  listener = newer
  return {
    [Symbol.dispose]: () => {
      if (listener === newer) listener = before
    },
  }
}

/** For the host alone: a task has failed. */
export function tellUnobserved(error: unknown, task: Task): void {
  const failure = { error, task, doing: doingOf(task), spawnedAt: spawnStackOf(task) }
  try {
    listener(failure)
  } catch (mistake) {
    process.stderr.write(`gyre: the listener of onUnobserved() failed: ${stackOf(mistake)}\n`)
    report(failure)
  }
}

function report({ error, task, doing, spawnedAt }: UnobservedFailure): void {
  const during = doing === undefined ? '' : ` (${doing})`
  const spawned =
    spawnedAt.length === 0 ? '' : `  it was spawned\n${spawnedAt.map((call) => `    at ${call}\n`).join('')}`
  process.stderr.write(
    `gyre: task ${task.name}${during} failed, and nothing was waiting for it:\n${stackOf(error)}\n${spawned}`,
  )
  process.exitCode ||= 1
}
