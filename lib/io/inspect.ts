/*
 * The switches of inspection (kernel/inspect.ts) for programs: what it finds goes to standard error.
 */
import { createRequire } from 'node:module'
import type { Session } from 'node:inspector'
import { Task, adoptTask, findDeadlock, formatDeadlock, formatTaskTree, startInspection } from '../kernel/index.ts'
import * as sync from '../sync/index.ts'
import { watchMethods } from './forgotten.ts'
import * as io from './index.ts'

/** What is done once, and told only while somebody inspects. */
let prepared = false

/**
 * Switches inspection on, for all tasks of this thread, until `stopInspection()`: from then on `taskTree` and
 * `findDeadlock` know the tasks, failures that nobody waits for are told with the stack of the spawn, operations that
 * were made and never run are written to standard error, and so is a deadlock in which the process ends. For debugging:
 * each wait costs the catching of a stack.
 *
 * Tasks that are older are known as well, without the stack of the wait that they are in. To find them the memory
 * is searched once, which takes as long as a full collection.
 *
 * @example
 * ```ts
 * inspectTasks()
 * console.log(taskTree().map(({ name }) => name).join()) // task
 * stopInspection()
 * ```
 */
export function inspectTasks(): void {
  if (!startInspection((message) => process.stderr.write(`gyre: ${message}`))) return
  for (const task of findTasks()) adoptTask(task)
  if (prepared) return
  prepared = true
  watchMethods([sync, io])
  process.on('beforeExit', () => {
    if (findDeadlock() !== undefined) process.stderr.write(`gyre: the process ends, and ${describeTasks()}`)
  })
}

/**
 * Has all tasks written to standard error whenever a signal comes, with where each waits, and a deadlock if there is
 * one. Switches inspection on.
 *
 * @param signal - such as `SIGUSR2`; what it does by default is off until it is disposed of
 * @returns ends the listening: call `[Symbol.dispose]()`. Inspection stays on
 * @example
 * ```ts
 * const dump = dumpTasksOn('SIGUSR2') // kill -USR2 shows where every task is
 * dump[Symbol.dispose]()
 * stopInspection()
 * ```
 */
export function dumpTasksOn(signal: NodeJS.Signals): Disposable {
  inspectTasks()
  const dump = (): void => {
    process.stderr.write(describeTasks())
  }
  process.on(signal, dump)
  return { [Symbol.dispose]: () => process.off(signal, dump) }
}

/** @returns all tasks and a deadlock, if there is one, for people */
export function describeTasks(): string {
  const deadlock = findDeadlock()
  return (deadlock === undefined ? '' : formatDeadlock(deadlock)) + formatTaskTree()
}

/** By this name the engine finds what it is to take the prototype from, and to bring the objects to. */
const EXCHANGE = Symbol.for('gyre.inspection')

/**
 * Nobody keeps a list of all tasks, so that none has to be kept up: the engine is asked for the objects in memory that
 * were made by the class.
 *
 * @returns the tasks of this thread that are in memory; none where the engine cannot be asked
 */
function findTasks(): Task[] {
  const found: Task[] = []
  const exchange = { prototype: Task.prototype, take: (tasks: Task[]) => void found.push(...tasks) }
  const place = globalThis as { [EXCHANGE]?: typeof exchange | undefined }
  try {
    const { Session } = createRequire(import.meta.url)('node:inspector') as typeof import('node:inspector')
    const session = new Session()
    session.connect()
    place[EXCHANGE] = exchange
    try {
      const here = "globalThis[Symbol.for('gyre.inspection')]"
      const { result } = ask(session, 'evaluate', { expression: `${here}.prototype` })
      const { objects } = ask(session, 'queryObjects', { prototypeObjectId: result?.objectId })
      const functionDeclaration = `function () { ${here}.take(this) }`
      ask(session, 'callFunctionOn', { objectId: objects?.objectId, functionDeclaration })
    } finally {
      place[EXCHANGE] = undefined
      // It lets go of all that was found.
      session.disconnect()
    }
  } catch {
    // A Node that was built without it, or refuses: older tasks will be known by their next waits.
  }
  return found
}

/** What the engine answers. */
interface Answer {
  readonly result?: { readonly objectId: string }
  readonly objects?: { readonly objectId: string }
}

/** Asks the engine for something. A session has answered its own thread when the call returns. */
function ask(session: Session, method: string, parameters: object): Answer {
  let answer: Answer | Error | undefined
  session.post(`Runtime.${method}`, parameters, (error: Error | null, result?: object) => {
    answer = error ?? result
  })
  if (answer === undefined || answer instanceof Error) throw new Error(`the engine does not know ${method}`)
  return answer
}
