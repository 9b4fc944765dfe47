/*
 * The two bridges to AbortSignal: work that stops when somebody else's signal aborts, and a signal for
 * promises that aborts when the work is cancelled.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { abortable, run, spawnLater, waitPromise, withSignal } from 'gyre'

const user = new AbortController()
spawnLater(20, function* () {
  user.abort(new Error('the user closed the page'))
})

try {
  await run(
    withSignal(
      user.signal,
      abortable(function* (signal) {
        signal.addEventListener('abort', () => console.log('the timer of the promise is stopped'))
        yield* waitPromise(delay(60_000, undefined, { signal }))
      }),
    ),
  )
} catch (error) {
  console.log((error as Error).message)
}

/* Prints:
 * the timer of the promise is stopped
 * the user closed the page
 */
