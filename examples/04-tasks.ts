/*
 * Tasks without any HTTP: children that live in a nursery, a time limit that unwinds what it stops, and
 * a `finally` that may itself wait.
 */
import { nursery, run, sleep, withTimeout } from 'gyre'

function* worker(name: string, pause: number) {
  try {
    for (let step = 1; ; step++) {
      yield* sleep(pause)
      console.log(`${name} step ${step}`)
    }
  } finally {
    yield* sleep(5) // cleaning up takes time, and is given it
    console.log(`${name} has cleaned up`)
  }
}

await run(function* () {
  try {
    yield* withTimeout(100, function* () {
      yield* nursery(function* (children) {
        children.spawn(worker('ada', 20))
        children.spawn(worker('bob', 30))
      })
    })
  } catch (error) {
    console.log(error instanceof Error ? error.message : error)
  }
})
