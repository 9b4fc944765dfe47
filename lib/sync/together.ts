/*
 * Several operations side by side, as one: `all` wants every result, `race` the first. Both run them as
 * children of a nursery, so when they return nothing of them runs on.
 */
import { GyreError } from '../base/index.ts'
import { nursery, operationOf } from '../kernel/index.ts'
import type { Coroutine, Operation, Runnable } from '../kernel/index.ts'

/** Operations in a list, or by name. */
export type Works = readonly Runnable<unknown>[] | Readonly<Record<string, Runnable<unknown>>>

/** What an operation, or the operation that a function makes, returns. */
export type ResultOf<R> = R extends () => Operation<infer T> ? T : R extends Operation<infer T> ? T : never

/** The results of operations, in the same form. */
export type ResultsOf<W> = { -readonly [Key in keyof W]: ResultOf<W[Key]> }

/** Which operation of a record was first, and with what. */
export type Winner<W> = { [Key in keyof W]: { readonly name: Key; readonly value: ResultOf<W[Key]> } }[keyof W]

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
  const results: Record<string, unknown> | unknown[] = Array.isArray(works) ? [] : {}
  const names = Object.keys(works)
  // Every name has its place beforehand, so that a record keeps its order.
  for (const name of names) (results as Record<string, unknown>)[name] = undefined
  yield* nursery(function* (children) {
    for (const name of names) {
      const work = (works as Record<string, Runnable<unknown>>)[name] as Runnable<unknown>
      children.spawn(function* () {
        ;(results as Record<string, unknown>)[name] = yield* operationOf(work)
      }, name)
    }
  })
  return results
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
  let winner: { name: string; value: unknown } | undefined
  yield* nursery(function* (children) {
    for (const name of names) {
      const work = (works as Record<string, Runnable<unknown>>)[name] as Runnable<unknown>
      children.spawn(function* () {
        const value = yield* operationOf(work)
        if (winner !== undefined) return
        winner = { name, value }
        children.cancel('another was first')
      }, name)
    }
  })
  return Array.isArray(works) ? winner?.value : winner
}
