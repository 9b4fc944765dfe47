/*
 * How small works are measured: each in a process of its own, because what one has run makes the next one slower or
 * quicker; tinybench times it there. `harness.mjs TIME NAME…` is such a process and prints a number for each.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Bench } from 'tinybench'
import { WORKS } from './works.mjs'

const OWN = fileURLToPath(import.meta.url)

/** @param time - for how long it is repeated, in milliseconds @returns nanoseconds for one piece, or its own unit */
async function measureHere({ make, count, measure }, time) {
  if (measure !== undefined) return measure()
  const bench = new Bench({ time, iterations: 2, warmupTime: time / 3, warmupIterations: 1 })
  const work = make()
  // Told, because tinybench would find out by a call that it does not wait for.
  const first = work()
  const isAsync = typeof first?.then === 'function'
  await first
  bench.add('work', work, { async: isAsync })
  await bench.run()
  const { result } = bench.tasks[0]
  if (result.state !== 'completed') throw result.error ?? new Error(result.state)
  return (result.latency.p50 * 1e6) / count
}

/** @returns numbers by name, in the same process */
function measureApart(names, time) {
  const args = ['--expose-gc', OWN, String(time), ...names]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return stdout.trim().split('\n').map(Number)
}

/**
 * @param options - `rounds`, `microTime` of each measurement in milliseconds, `isBrief` for all in one process,
 *   `onProgress(done, all, what)`
 * @returns rows of name, unit and what each round has found; what was left out and why; what has failed
 */
export async function measureWorks({ rounds, microTime, isBrief, onProgress }) {
  const leftOut = Object.entries(WORKS)
    .map(([name, { missing }]) => [name, missing?.() || undefined])
    .filter(([, why]) => why !== undefined)
  const names = Object.keys(WORKS).filter((name) => !leftOut.some(([left]) => left === name))
  const rows = names.map((name) => ({ name, unit: WORKS[name].unit ?? 'ns', runs: [] }))
  const failures = []
  const groups = isBrief ? [rows] : rows.map((row) => [row])
  let done = 0
  for (let round = 1; round <= rounds; round++) {
    for (const group of groups) {
      const title = group.length === 1 ? group[0].name : 'all'
      onProgress(done++, rounds * groups.length, `round ${round}: ${title}`)
      try {
        const costs = measureApart(
          group.map(({ name }) => name),
          microTime,
        )
        for (const [index, cost] of costs.entries()) group[index].runs.push({ round, cost })
      } catch (error) {
        failures.push(`${title}, round ${round}: ${error.message.trim()}`)
      }
    }
  }
  onProgress(done, done, '')
  return { rows, leftOut, failures }
}

if (process.argv[1] === OWN) {
  const [time, ...names] = process.argv.slice(2)
  for (const name of names) console.log(await measureHere(WORKS[name], Number(time)))
  process.exit()
}
