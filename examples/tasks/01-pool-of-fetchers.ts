/*
 * Ten pages, three at a time, printed as they come. What gevent does with Pool.imap_unordered.
 */
import { Pool, each, run, sleep } from 'gyre'

let [now, most] = [0, 0]

function* fetched(page: number) {
  most = Math.max(most, ++now)
  yield* sleep(20 - page) // stands for a request
  now--
  return `page ${page}`
}

await run(function* () {
  const pool = new Pool(3)
  const bodies: string[] = []
  yield* each(pool.imapUnordered(Array(10).keys(), fetched), function* (body) {
    bodies.push(body)
  })
  console.log(`${bodies.length} pages, never more than ${most} at work`)
})

/* Prints:
 * 10 pages, never more than 3 at work
 */
