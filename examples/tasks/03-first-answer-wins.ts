/*
 * Ask two servers, take the first answer, and stop the other for real: its cleanup runs.
 */
import { race, run, sleep } from 'gyre'

function* ask(server: string, time: number) {
  try {
    yield* sleep(time)
    return `answer of ${server}`
  } finally {
    console.log(`${server}: connection closed`)
  }
}

await run(function* () {
  const { name, value } = yield* race({ near: ask('near', 10), far: ask('far', 500) })
  console.log(`${name} won with the ${value}`)
})

/* Prints:
 * near: connection closed
 * far: connection closed
 * near won with the answer of near
 */
