/*
 * A lock around a read and a write with a wait between them. Without it one of the two would be lost.
 */
import { Lock, all, holding, run, sleep } from 'gyre'

let balance = 100
const lock = new Lock()

function* withdraw(amount: number) {
  const before = balance
  yield* sleep(5) // the database takes its time
  balance = before - amount
}

await run(function* () {
  yield* all([holding(lock, withdraw(30)), holding(lock, withdraw(20))])
  console.log(`${balance} are left`)
})

/* Prints:
 * 50 are left
 */
