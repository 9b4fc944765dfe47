/*
 * A periodic job: a beat every 20 ms that does not drift, whose rounds never overlap. A round that fails
 * does not end it.
 */
import { Event, every, run, sleep } from 'gyre'

let round = 0
const finished = new Event()
const heart = every(20, function* () {
  round++
  console.log(`round ${round} begins`)
  yield* sleep(round === 2 ? 30 : 1) // the second takes longer than the interval
  console.log(`round ${round} ends`)
  if (round === 4) finished.set()
})

await run(function* () {
  heart.start()
  yield* finished.wait()
  heart.stop()
  console.log('stopped')
})
