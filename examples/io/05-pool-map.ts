/*
 * A pool: work for each of many items, three at a time. `map` gives all results in the order of the items,
 * `imapUnordered` each as soon as it is there.
 */
import { Pool, each, run, sleep } from 'gyre'

let running = 0
let most = 0

function* square(number: number) {
  most = Math.max(most, ++running)
  yield* sleep(30 - number * 5)
  running--
  return number * number
}

await run(function* () {
  const pool = new Pool(3)
  console.log(`in order: ${(yield* pool.map([1, 2, 3, 4, 5], square)).join(' ')}`)
  const found: number[] = []
  yield* each(pool.imapUnordered([1, 2, 3, 4, 5], square), function* (result) {
    found.push(result)
  })
  console.log(`${found.length} as they came, the first was ${found[0] === 9 ? 'the quickest of three' : 'another'}`)
  console.log(`never more than ${most} at a time`)
})
