/*
 * From a queue or a channel to `for await`: the room's bridge to promises. A promise stands in the line of
 * takers like a task does, so async functions and tasks have their turns in the order in which they
 * came, and no task is needed to loop.
 */
import { Place } from './line.ts'
import type { Line } from './line.ts'
import { CLOSED, DONE } from './source.ts'

/** What an async iterator takes its items from. */
export interface Taking<T> {
  /** Where it waits: it is brought an item, or CLOSED. */
  readonly takers: Line
  /** The next item if that takes no waiting. */
  readonly takeNow: () => IteratorResult<T, undefined> | undefined
}

/** @returns an async iterator that takes its turn in the line of takers like any task */
export function asyncIteratorOf<T>({ takers, takeNow }: Taking<T>): AsyncIterableIterator<T, undefined> {
  const waiting = new Map<Place<undefined>, (result: IteratorResult<T, undefined>) => void>()
  return {
    next() {
      const now = takeNow()
      if (now !== undefined) return Promise.resolve(now)
      return new Promise((resolve) => {
        const place = new Place(takers, undefined)
        const settle = (result: unknown): void => {
          waiting.delete(place)
          resolve(result === CLOSED ? DONE : { done: false, value: result as T })
        }
        waiting.set(place, resolve)
        place.enter({ wake: settle, wakeThrow: settle })
      })
    },
    return() {
      for (const [place, resolve] of waiting) {
        place.undo()
        resolve(DONE)
      }
      waiting.clear()
      return Promise.resolve(DONE)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
