/*
 * Inspection: which tasks there are, where each waits and was spawned, and which operations were made and never run.
 *
 * Where a task waits is a stack caught in the innermost generator of its `yield*` chain, at the moment when it
 * stops: there all generators of the chain are on it.
 */
import { inspector, setInspector } from './inspection.ts'
import type { Inspector } from './inspection.ts'
import { callsOf, linesOf, siteBelow, usersCalls } from './sites.ts'
import type { Site } from './sites.ts'
import { noteLate } from './stalls.ts'
import { runningTask } from './task.ts'
import type { Task } from './task.ts'

/** What is told of an operation that was made and never run. */
export type ForgottenListener = (message: string) => void

/** What is known of a task. It must not hold the task that spawned it: those may be a chain without end. */
export interface TaskRecord {
  readonly id: number
  /** The number of the task that spawned it. */
  readonly spawner: number | undefined
  /** What that was at, in words. */
  readonly onBehalfOf: string | undefined
  readonly born: number
  readonly site: Site | undefined
  waits: Site | undefined
}

class TaskInspector implements Inspector {
  readonly alive = new Set<Task>()
  private readonly records = new WeakMap<Task, TaskRecord>()
  private readonly onForgotten: ForgottenListener
  private count = 0
  /** What it holds is text: a stack that is not written yet holds the objects whose methods are on it. */
  private readonly forgotten = new FinalizationRegistry<string>((message) => {
    this.onForgotten(message)
  })

  constructor(onForgotten: ForgottenListener) {
    this.onForgotten = onForgotten
  }

  recordOf(task: Task): TaskRecord | undefined {
    return this.records.get(task)
  }

  /** Takes in a task that is older than inspection. */
  adopt(task: Task): void {
    if (!task.ended && !this.records.has(task)) this.add(task, null, undefined)
  }

  private add(task: Task, spawner: Task | null, site: Site | undefined): TaskRecord {
    const parent = spawner === null ? undefined : this.records.get(spawner)
    const record: TaskRecord = {
      id: ++this.count,
      spawner: parent?.id,
      onBehalfOf: spawner?.keeper.doing ?? parent?.onBehalfOf,
      born: task.kernel.host.now(),
      site,
      waits: undefined,
    }
    this.records.set(task, record)
    this.alive.add(task)
    return record
  }

  spawned(task: Task): void {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- it says where the stack begins
    this.add(task, runningTask(), siteBelow(task.kernel.start))
  }

  parking(next: unknown): void {
    const task = runningTask()
    if (task === null) return
    const record = this.records.get(task) ?? this.add(task, null, undefined)
    const site = siteBelow(next)
    record.waits = site
    noteLate(() => site)
  }

  ended(task: Task): void {
    this.alive.delete(task)
    const record = this.records.get(task)
    if (record !== undefined) record.waits = undefined
  }

  made(operation: object, maker: unknown): void {
    const calls = callsOf(siteBelow(maker))
    const users = usersCalls(calls)
    if (users.length === 0) return
    // What was called is the last of ours before the user's code: its maker, or a method that has made it.
    const called = users.length < calls.length ? nameOf(calls[calls.length - users.length - 1]) : nameOfMaker(maker)
    this.forgotten.register(
      operation,
      `the operation of ${called} was made and never run: is a yield* missing?\n${linesOf(users, '    at ')}`,
      operation,
    )
    // One that waits by itself says when it does. All others are run by being iterated, each in its own way.
    if ('waits' in operation || !(Symbol.iterator in operation)) return
    const iterate = operation[Symbol.iterator] as () => unknown
    Object.defineProperty(operation, Symbol.iterator, {
      value: () => {
        this.ran(operation)
        return iterate.call(operation)
      },
    })
  }

  ran(operation: object): void {
    this.forgotten.unregister(operation)
  }
}

/** @returns the function of a call of a stack, as it is written where it is called */
function nameOf(call: string | undefined): string {
  return `${call?.split(' ')[0] ?? ''}()`
}

function nameOfMaker(maker: unknown): string {
  return typeof maker === 'function' ? `${maker.name}()` : 'something'
}

/**
 * Switches inspection on, for all tasks of this thread. It costs a stack for each task and each wait.
 *
 * @param onForgotten - is told of operations that were made and never run, when they are collected as garbage
 * @returns whether it was off
 * @internal
 */
export function startInspection(onForgotten: ForgottenListener): boolean {
  if (inspector instanceof TaskInspector) return false
  setInspector(new TaskInspector(onForgotten))
  return true
}

/** An operation was made, which is to be run. @param maker - what of the stack is of no interest @internal */
export function operationMade(operation: object, maker: unknown): void {
  inspector?.made(operation, maker)
}

/** Takes in a task that is older than inspection, so that it is known before its next wait. @internal */
export function adoptTask(task: Task): void {
  if (inspector instanceof TaskInspector) inspector.adopt(task)
}

/**
 * Switches inspection off, and forgets what it knew.
 *
 * @example
 * ```ts
 * stopInspection()
 * console.log(taskTree().length) // 0
 * ```
 */
export function stopInspection(): void {
  setInspector(null)
}

/** @returns the tasks that have not ended, as far as inspection knows them */
export function knownTasks(): Task[] {
  return inspector instanceof TaskInspector ? [...inspector.alive] : []
}

/** @returns what inspection knows of a task */
export function recordOf(task: Task): TaskRecord | undefined {
  return inspector instanceof TaskInspector ? inspector.recordOf(task) : undefined
}

/** @returns the calls that have led to the spawn of a task, the innermost first; empty where inspection does not know @internal */
export function spawnStackOf(task: Task): readonly string[] {
  return usersCalls(callsOf(recordOf(task)?.site))
}

/** @returns what a task is at, or the one that has spawned it was: such as `GET /path` @internal */
export function doingOf(task: Task): string | undefined {
  return task.keeper.doing ?? recordOf(task)?.onBehalfOf
}
