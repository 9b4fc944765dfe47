/*
 * Deadlocks: tasks that wait for each other in a circle.
 *
 * Only what is certain is reported. A task can go on if it does not wait, if nobody knows who may end its wait, if
 * a deadline will interrupt it, or if those that it waits for can go on. All others cannot, unless somebody
 * cancels them.
 */
import { knownTasks } from './inspect.ts'
import type { Scope } from './scope.ts'
import type { Task } from './task.ts'

/** One step of a circle: a task, what it waits for, and the task of which that depends. */
export interface WaitFor {
  /** Who waits. */
  readonly task: Task
  /** For what, in words. */
  readonly waitingFor: string
  /** Who must act before the wait can end. */
  readonly holder: Task
}

/** Tasks that wait for each other. */
export interface Deadlock {
  /** The circle: the holder of each step is the task of the next, that of the last the first. */
  readonly cycle: readonly WaitFor[]
  /** The others that wait for tasks of the circle, and so for ever. */
  readonly behind: readonly Task[]
}

/**
 * Looks for tasks that wait for each other, by locks, tokens of limiters, nurseries and joins.
 *
 * @param tasks - where to begin; whom they wait for is found from there. Without it, all that inspection knows
 * @returns undefined where there is no deadlock
 * @example
 * ```ts
 * inspectTasks()
 * const [one, two] = [new Lock(), new Lock()]
 * const take = (first: Lock, second: Lock) => () => holding(first, function* () {
 *   yield* giveWay()
 *   yield* holding(second, sleep(1))
 * })
 * const ada = spawn(take(one, two), { name: 'ada' })
 * const bob = spawn(take(two, one), { name: 'bob' })
 * yield* giveWay()
 * yield* giveWay()
 * console.log(findDeadlock()?.cycle.map(({ task }) => task.name).join(' waits for ')) // ada waits for bob
 * ada.cancel()
 * yield* bob
 * stopInspection()
 * ```
 */
export function findDeadlock(tasks: Iterable<Task> = knownTasks()): Deadlock | undefined {
  const holders = stuckAmong(new Set(tasks))
  const first = holders.keys().next().value
  if (first === undefined) return undefined
  // Who is stuck waits for somebody who is stuck: to follow that leads into a circle.
  const path: Task[] = []
  let task = first
  while (!path.includes(task)) {
    path.push(task)
    task = holders.get(task) as Task
  }
  const circle = path.slice(path.indexOf(task))
  const cycle = circle.map((member) => ({
    task: member,
    waitingFor: member.waitingFor ?? '',
    holder: holders.get(member) as Task,
  }))
  return { cycle, behind: [...holders.keys()].filter((stuck) => !circle.includes(stuck)) }
}

/** @returns the tasks that cannot go on, each with one that cannot either and that it waits for */
function stuckAmong(tasks: Set<Task>): Map<Task, Task> {
  // A set that grows while it is gone through is gone through to its new end.
  for (const task of tasks) for (const holder of task.trap?.holders ?? []) tasks.add(holder)
  const stuck = new Map<Task, Task>()
  for (const task of tasks) if (!canGoOnAlone(task)) stuck.set(task, task)
  let before
  do {
    before = stuck.size
    for (const task of stuck.keys()) {
      const holders = [...(task.trap?.holders ?? [])]
      const held = holders.filter((holder) => stuck.has(holder))
      const free = held.length === 0 || (task.trap?.anyHolder === true && held.length < holders.length)
      if (free) stuck.delete(task)
      else stuck.set(task, held[0] as Task)
    }
  } while (stuck.size < before)
  return stuck
}

function canGoOnAlone(task: Task): boolean {
  if (task.state !== 'waiting' || task.trap?.holders === undefined) return true
  for (let scope: Scope | null = task.scope; scope !== null; scope = scope.shielded ? null : scope.outer)
    if (scope.willExpire) return true
  return false
}

/**
 * A deadlock in words.
 *
 * @param deadlock - what `findDeadlock` has found
 * @returns one line for each task of the circle, below a first one
 * @example
 * ```ts
 * const [one, two] = [new Event(), new Event()]
 * const ada = spawn(one.wait(), { name: 'ada' })
 * const bob = spawn(two.wait(), { name: 'bob' })
 * const cycle = [{ task: ada, waitingFor: 'bread', holder: bob }, { task: bob, waitingFor: 'milk', holder: ada }]
 * console.log(formatDeadlock({ cycle, behind: [] }).trim())
 * yield* killAll([ada, bob])
 * // tasks wait for each other:
 * //   task ada waits for bread, which depends on task bob
 * //   task bob waits for milk, which depends on task ada
 * ```
 */
export function formatDeadlock({ cycle, behind }: Deadlock): string {
  const steps = cycle.map(({ task, waitingFor, holder }) => {
    // Of a join the reason names the task already.
    const by = waitingFor.endsWith(`task ${holder.name}`) ? '' : `, which depends on task ${holder.name}`
    return `  task ${task.name} waits for ${waitingFor}${by}\n`
  })
  const rest = behind.length === 0 ? '' : `  behind them: ${behind.map(({ name }) => name).join(', ')}\n`
  return `tasks wait for each other:\n${steps.join('')}${rest}`
}
