/*
 * Programs in a pipe, as a shell has them (`node … | sort | uniq -c`), each read at the pace of the next; and
 * one that takes too long, which is ended.
 */
import { BufferedStream, all, copy, nursery, run, spawnProcess, withTimeout } from 'gyre'
import type { Process } from 'gyre'

function* pipe(from: Process, to: Process) {
  yield* copy(from.stdout, to.stdin)
  to.stdin.shutdown()
}

await run(function* () {
  const words = 'for (let i = 0; i < 3000; i++) console.log(["tea", "milk", "bread"][i % 3])'
  const source = yield* spawnProcess(process.execPath, ['-e', words])
  const sort = yield* spawnProcess('sort')
  const count = yield* spawnProcess('uniq', ['-c'])
  yield* all([
    pipe(source, sort),
    pipe(sort, count),
    function* () {
      const output = new BufferedStream(count.stdout)
      for (let line = yield* output.readLine(); line !== null; line = yield* output.readLine()) console.log(line.trim())
    },
  ])
  console.log(
    `codes: ${[yield* source.wait(), yield* sort.wait(), yield* count.wait()].map(({ code }) => code).join(' ')}`,
  )
  try {
    // The nursery does not end before the program has.
    yield* withTimeout(50, () => nursery(function* () { yield* (yield* spawnProcess('sleep', ['60'])).wait() })) // prettier-ignore
  } catch (error) {
    console.log((error as Error).message)
  }
})
