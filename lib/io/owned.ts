/*
 * A promise of something that must be closed. A wait that is cancelled leaves its promise alone, so what
 * that brings afterwards would stay open for ever: here it is let go as soon as it comes.
 */
import { waitPromise } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'

/**
 * Waits for a promise of something to be closed.
 *
 * @param release - closes what comes when the wait has been cancelled; its own promise must not reject
 * @returns what the promise is fulfilled with; it is the caller's from here on
 * @throws what the promise is rejected with
 */
export function* waitOwned<T>(promise: Promise<T>, release: (value: T) => unknown): Coroutine<T> {
  try {
    return yield* waitPromise(promise)
  } catch (error) {
    promise.then(release, () => undefined)
    throw error
  }
}
