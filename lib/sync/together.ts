/*
 * Several operations side by side, as one: `all` wants every result, `race` the first. Both run them as
 * children of a nursery, so when they return nothing of them runs on.
 *
 * The generators are functions of this file and not closures: V8 makes a new map for each generator
 * closure that is called, which costs more than the task that runs it.
 */
import { GyreError } from '../base/index.ts'
import { nursery, operationOf } from '../kernel/index.ts'
import type { Coroutine, Nursery, Operation, Runnable } from '../kernel/index.ts'

/** Operations in a list, or by name. */
export type Works = readonly Runnable<unknown>[] | Readonly<Record<string, Runnable<unknown>>>

/** What an operation, or the operation that a function makes, returns. */
export type ResultOf<R> = R extends () => Operation<infer T> ? T : R extends Operation<infer T> ? T : never

/** The results of operations, in the same form. */
export type ResultsOf<W> = { -readonly [Key in keyof W]: ResultOf<W[Key]> }

/** Which operation of a record was first, and with what. */
export type Winner<W> = {
  [Key in keyof W]: {
    /** Its name in the record. */
    readonly name: Key
    /** What it returned. */
    readonly value: ResultOf<W[Key]>
  }
}[keyof W]

/**
 * Runs operations side by side and waits for all. The first failure cancels the others.
 *
 * @param works - operations, or functions that make them: an array or a record
 * @returns the results, as an array or a record
 * @throws the error of the one that failed; an AggregateError if others failed while they cleaned up
 * @example
 * ```ts
 * function* price(of: string) { yield* sleep(1); return of.length }
 * const [bread, milk] = yield* all([price('bread'), price('milk')])
 * const { tea } = yield* all({ tea: price('tea') })
 * console.log(bread, milk, tea) // 5 4 3
 * ```
 */
export function all<const W extends readonly Runnable<unknown>[]>(works: W): Coroutine<ResultsOf<W>>
export function all<const W extends Readonly<Record<string, Runnable<unknown>>>>(works: W): Coroutine<ResultsOf<W>>
export function* all(works: Works): Coroutine<unknown> {
  const names = Object.keys(works)
  const values = new Array<unknown>(names.length)
  yield* nursery((children) => spawnAll(children, names, Object.values(works), values))
  return Array.isArray(works) ? values : Object.fromEntries(names.map((name, index) => [name, values[index]]))
}

function* spawnAll(
  children: Nursery,
  names: readonly string[],
  works: readonly Runnable<unknown>[],
  values: unknown[],
): Coroutine<void> {
  for (let index = 0; index < works.length; index++)
    children.spawn(keep(works[index] as Runnable<unknown>, values, index), names[index])
}

function* keep(work: Runnable<unknown>, values: unknown[], index: number): Coroutine<void> {
  values[index] = yield* operationOf(work)
}

/**
 * Runs operations side by side until the first has ended, and cancels the others. It returns when their
 * cleanup is done. What a loser has brought in the same moment is dropped; so do not race to get from a
 * queue: use `moveOnAfter` for a time limit, `waitFor` for several queues.
 *
 * @param works - operations, or functions that make them: an array or a record
 * @returns the result of the first; for a record, its name and its result
 * @throws the error of the first, if it ended by one
 * @example
 * ```ts
 * function* after(time: number, word: string) { yield* sleep(time); return word }
 * console.log(yield* race([after(20, 'slow'), after(1, 'quick')])) // quick
 * const won = yield* race({ slow: after(20, 'tea'), quick: after(1, 'milk') })
 * console.log(won.name, won.value) // quick milk
 * ```
 */
export function race<const W extends readonly Runnable<unknown>[]>(works: W): Coroutine<ResultOf<W[number]>>
export function race<const W extends Readonly<Record<string, Runnable<unknown>>>>(works: W): Coroutine<Winner<W>>
export function* race(works: Works): Coroutine<unknown> {
  const names = Object.keys(works)
  if (names.length === 0) throw new GyreError('GYRE_TASK_MISUSE', 'a race of none would never end')
  const finish: Finish = { winner: undefined }
  yield* nursery((children) => startRace(children, names, Object.values(works), finish))
  return Array.isArray(works) ? finish.winner?.value : finish.winner
}

/** Where a race ends. */
interface Finish {
  winner: { readonly name: string; readonly value: unknown } | undefined
}

function* startRace(
  children: Nursery,
  names: readonly string[],
  works: readonly Runnable<unknown>[],
  finish: Finish,
): Coroutine<void> {
  for (const [index, name] of names.entries())
    children.spawn(runner(children, name, works[index] as Runnable<unknown>, finish), name)
}

function* runner(children: Nursery, name: string, work: Runnable<unknown>, finish: Finish): Coroutine<void> {
  const value = yield* operationOf(work)
  if (finish.winner !== undefined) return
  finish.winner = { name, value }
  children.cancel('another was first')
}
