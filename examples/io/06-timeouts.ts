/*
 * Time limits nest: each ends its own work and no more, and the tighter one wins, whichever is outside.
 */
import { GyreError, moveOnAfter, run, sleep, withTimeout } from 'gyre'
import type { Operation } from 'gyre'

function* told(name: string, work: Operation<unknown>) {
  try {
    yield* work
    console.log(`${name}: done`)
  } catch (error) {
    if (!(error instanceof GyreError)) throw error
    console.log(`${name}: ${error.code}`)
  }
}

await run(function* () {
  // The inner limit is over: its work ends, and the outer work goes on.
  yield* withTimeout(500, function* () {
    yield* told('inner', withTimeout(20, sleep(1000)))
    yield* sleep(5)
    console.log('the outer work goes on')
  })
  // The outer limit is over: the inner one, which had time left, does not see it as its own.
  yield* told('outer', withTimeout(20, withTimeout(500, sleep(1000))))
  // Silent, with another value, and cleanup that may itself wait.
  const answer = yield* moveOnAfter(
    20,
    function* () {
      try {
        yield* sleep(1000)
        return 'an answer'
      } finally {
        yield* sleep(5)
        console.log('cleaned up')
      }
    },
    'no answer',
  )
  console.log(answer)
})
