/*
 * Work at regular times beside other work, and one round that fails without ending the rest.
 */
import { every, run, sleep, withScope } from 'gyre'

let beats = 0

await run(function* () {
  yield* withScope(function* (scope) {
    const heart = every(20, function* () {
      beats++
    })
    heart.start(scope)
    while (beats < 3) yield* sleep(5)
    console.log(`beats while we work: ${heart.running}`)
    heart.stop()
  })
  const before = beats
  yield* sleep(50)
  console.log(`beats after that: ${beats - before}`)
})

/* Prints:
 * beats while we work: true
 * beats after that: 0
 */
