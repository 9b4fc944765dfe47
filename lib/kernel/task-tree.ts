/*
 * The tasks that there are, as trees and as text.
 */
import { doingOf, knownTasks, recordOf, spawnStackOf } from './inspect.ts'
import type { TaskRecord } from './inspect.ts'
import type { Kernel } from './kernel.ts'
import { callsOf, linesOf } from './sites.ts'
import type { Task, TaskState } from './task.ts'

/** One task, as inspection knows it. */
export interface TaskInfo {
  /** Counts tasks from 1, as inspection comes to know them. */
  readonly id: number
  /** The name it was spawned with, else `task`. */
  readonly name: string
  /** Where it is in its life. */
  readonly state: TaskState
  /** What it works on, such as `GET /path`; of a task that a handler has spawned, what that worked on. */
  readonly doing: string | undefined
  /** What it waits for, in words. */
  readonly waitingFor: string | undefined
  /** Milliseconds since it was spawned, or first seen. */
  readonly age: number
  /**
   * Where it waits: one line for each generator of the `yield*` chain, the innermost first. Empty for a wait that is older
   * than inspection.
   */
  readonly stack: readonly string[]
  /** Where it was spawned, the innermost call first. Empty for a task that is older than inspection. */
  readonly spawnedAt: readonly string[]
  /** Those that lie in its scopes; and those that it has spawned into none. */
  readonly children: readonly TaskInfo[]
}

/**
 * The tasks that have not ended, as trees. A task stands below the one in whose scope it lies; else below the one
 * that has spawned it, as long as that lives.
 *
 * @param kernel - only the tasks of this one
 * @returns those that stand below no other; empty while inspection is off
 * @example
 * ```ts
 * inspectTasks()
 * const nap = spawn(sleep(5), { name: 'nap' })
 * yield* giveWay()
 * const [own] = taskTree()
 * console.log(own?.children.map(({ name, waitingFor }) => `${name}: ${waitingFor}`).join()) // nap: sleep(5)
 * nap.cancel()
 * stopInspection()
 * ```
 */
export function taskTree(kernel?: Kernel): TaskInfo[] {
  const roots: TaskInfo[] = []
  const infos = new Map<number, { info: TaskInfo; children: TaskInfo[]; parent: number | undefined }>()
  for (const task of knownTasks()) {
    const record = recordOf(task)
    if (record === undefined || (kernel !== undefined && task.kernel !== kernel)) continue
    const owner = ownerOf(task)
    const parent = owner === null ? record.spawner : recordOf(owner)?.id
    const children: TaskInfo[] = []
    infos.set(record.id, { info: infoOf(task, record, children), children, parent })
  }
  for (const { info, parent } of infos.values()) {
    const siblings = parent === undefined ? undefined : infos.get(parent)?.children
    ;(siblings ?? roots).push(info)
  }
  return roots
}

/** @returns the task in whose scope a task lies */
function ownerOf(task: Task): Task | null {
  for (let scope = task.outer; scope !== null; scope = scope.outer) if (scope.runner !== null) return scope.runner
  return null
}

function infoOf(task: Task, record: TaskRecord, children: TaskInfo[]): TaskInfo {
  return {
    id: record.id,
    name: task.name,
    state: task.state,
    doing: doingOf(task),
    waitingFor: task.waitingFor,
    age: task.kernel.host.now() - record.born,
    stack: task.state === 'waiting' ? callsOf(record.waits) : [],
    spawnedAt: spawnStackOf(task),
    children,
  }
}

/**
 * What `taskTree` tells, as text, for people.
 *
 * @param tree - without it, all tasks there are
 * @returns a few lines for each task, those below it indented
 * @example
 * ```ts
 * const nap = { id: 7, name: 'nap', state: 'waiting', doing: undefined, waitingFor: 'sleep(5)', age: 3 } as const
 * console.log(formatTaskTree([{ ...nap, stack: [], spawnedAt: [], children: [] }]).trim())
 * // #7 nap: waits for sleep(5), 3 ms old
 * ```
 */
export function formatTaskTree(tree: readonly TaskInfo[] = taskTree()): string {
  return tree.map((info) => formatTask(info, '')).join('')
}

function formatTask(info: TaskInfo, indent: string): string {
  const doing = info.doing === undefined ? '' : ` (${info.doing})`
  const state = info.waitingFor === undefined ? info.state : `waits for ${info.waitingFor}`
  const head = `${indent}#${info.id} ${info.name}${doing}: ${state}, ${Math.round(info.age)} ms old\n`
  const spawned = info.spawnedAt[0] === undefined ? '' : `${indent}    spawned at ${info.spawnedAt[0]}\n`
  const below = info.children.map((child) => formatTask(child, `${indent}  `)).join('')
  return head + linesOf(info.stack, `${indent}    at `) + spawned + below
}
