/*
 * `npm run bench:micro`: what tasks cost by themselves, against what the language has. Bars: a switch between tasks
 * 0.8 of one between async functions, a task that is spawned and ends 4 bare async calls that are awaited, a million
 * sleeping tasks 600 MB. A bar that is not met is said, and is no failure: such figures are of the machine they
 * are taken on.
 *
 * Beside them in the same run: effection, which has structured concurrency in generators too, and gevent and asyncio
 * where Python has them (Debian: python3-gevent).
 *
 * Each kind of work runs in a process of its own, because what one has run makes the next one slower or quicker.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Kernel, Deadline, giveWay, sleep } from 'gyre/kernel'
import * as effection from 'effection'
import { Bench } from 'tinybench'

const MILLION = 1_000_000
const SWITCHES = 100_000
const SIDE_BY_SIDE = 100
/** Of effection, which takes some hundred times as long. */
const FEW = 10_000
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'

/** A host that ticks while there is something to do; its clock jumps. So only the kernel is measured. */
class BareHost {
  time = 1
  wanted = false
  wake = Infinity
  now() {
    return this.time
  }
  wallTime() {
    return 0
  }
  start(tick) {
    this.tick = tick
  }
  requestTick() {
    this.wanted = true
  }
  wakeAt(time) {
    this.wake = time
  }
  unobserved(error) {
    throw error
  }
  /** Runs what is ready, and what becomes ready by that. */
  run() {
    while (this.wanted) {
      this.wanted = false
      this.tick()
    }
  }
  settle() {
    for (this.run(); this.wake !== Infinity; this.run()) {
      this.time = this.wake
      this.wake = Infinity
      this.tick()
    }
  }
}

function* nothing() {}
function* switching() {
  for (let left = SWITCHES / SIDE_BY_SIDE; left > 0; left--) yield* giveWay()
}
async function awaiting() {
  for (let left = SWITCHES / SIDE_BY_SIDE; left > 0; left--) await null
}
async function asyncNothing() {}

/** Nanoseconds for one of `count` pieces in each run. */
async function nanoseconds(work, count) {
  const bench = new Bench({ time: 1000, iterations: 4, warmupTime: 300, warmupIterations: 1 })
  bench.add('work', work)
  await bench.run()
  const { result } = bench.tasks[0]
  if (result.state !== 'completed') throw result.error ?? new Error(result.state)
  return (result.latency.p50 * 1e6) / count
}

/** The same in a library of Python; nothing where it is missing. */
function python(library) {
  if (spawnSync(PYTHON, ['-c', `import ${library}`]).status !== 0) return {}
  const script = fileURLToPath(new URL('peers.py', import.meta.url))
  const measure = (kind) => () => Number(spawnSync(PYTHON, [script, library, kind], { encoding: 'utf8' }).stdout)
  return { [`${library} switch`]: measure('switch'), [`${library} spawn`]: measure('spawn') }
}

const kinds = {
  switch: () =>
    nanoseconds(() => {
      const host = new BareHost()
      const kernel = new Kernel(host)
      for (let task = 0; task < SIDE_BY_SIDE; task++) kernel.spawn(switching())
      host.run()
    }, SWITCHES),
  'await switch': () => nanoseconds(() => Promise.all(Array.from({ length: SIDE_BY_SIDE }, awaiting)), SWITCHES),
  spawn: () =>
    nanoseconds(() => {
      const host = new BareHost()
      const kernel = new Kernel(host)
      for (let round = SWITCHES / SIDE_BY_SIDE; round > 0; round--) {
        for (let task = 0; task < SIDE_BY_SIDE; task++) kernel.spawn(nothing)
        host.run()
      }
    }, SWITCHES),
  'async call': () =>
    nanoseconds(async () => {
      for (let left = SWITCHES; left > 0; left--) await asyncNothing()
    }, SWITCHES),
  'effection switch': () =>
    nanoseconds(
      () =>
        effection.run(function* () {
          const tasks = []
          for (let task = 0; task < SIDE_BY_SIDE; task++)
            tasks.push(
              yield* effection.spawn(function* () {
                for (let left = FEW / SIDE_BY_SIDE; left > 0; left--) yield* effection.until(Promise.resolve())
              }),
            )
          for (const task of tasks) yield* task
        }),
      FEW,
    ),
  'effection spawn': () =>
    nanoseconds(
      () =>
        effection.run(function* () {
          for (let round = FEW / SIDE_BY_SIDE; round > 0; round--) {
            const tasks = []
            for (let task = 0; task < SIDE_BY_SIDE; task++) tasks.push(yield* effection.spawn(nothing))
            for (const task of tasks) yield* task
          }
        }),
      FEW,
    ),
  ...python('gevent'),
  ...python('asyncio'),
  sleep: () =>
    nanoseconds(() => {
      const host = new BareHost()
      const kernel = new Kernel(host)
      for (let task = 0; task < SIDE_BY_SIDE; task++)
        kernel.spawn(function* () {
          for (let lap = 0; lap < SWITCHES / SIDE_BY_SIDE; lap++) yield* sleep(1 + ((lap * 7 + task) % 50))
        })
      host.settle()
    }, SWITCHES),
  timers: () => {
    const { deadlines } = new Kernel(new BareHost())
    const all = Array.from({ length: MILLION }, () => new Deadline({ expired() {} }))
    const round = () => {
      for (let index = 0; index < MILLION; index++) deadlines.set(all[index], 1000 + ((index * 7919) % MILLION))
      for (const deadline of all) deadlines.cancel(deadline)
    }
    return nanoseconds(round, MILLION)
  },
  sleepers: async () => {
    const host = new BareHost()
    const kernel = new Kernel(host)
    const sleeper = function* (time) {
      yield* sleep(time)
    }
    for (let task = 0; task < MILLION; task++) kernel.spawn(sleeper(1_000_000 + (task % 1000)))
    host.run()
    // Node gives memory back to the system a little after it was collected.
    for (let round = 0; round < 5; round++) {
      globalThis.gc()
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    if (kernel.statistics().tasks !== MILLION) throw new Error('not all are asleep')
    return process.memoryUsage().rss / 1e6
  },
}

const [, , asked] = process.argv
if (asked !== undefined) {
  console.log(await kinds[asked]())
  process.exit()
}

const ROUNDS = 3
const results = new Map(Object.keys(kinds).map((kind) => [kind, []]))
for (let round = 1; round <= ROUNDS; round++) {
  for (const kind of results.keys()) {
    if (process.stderr.isTTY) process.stderr.write(`\rround ${round} of ${ROUNDS}: ${kind.padEnd(16)}`)
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--expose-gc', fileURLToPath(import.meta.url), kind],
      { encoding: 'utf8' },
    )
    if (status !== 0) throw new Error(`${kind}: ${stderr}`)
    results.get(kind).push(Number(stdout))
  }
}
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')

const median = (kind) => [...results.get(kind)].sort((one, other) => one - other)[Math.floor(ROUNDS / 2)]
const figure = (kind) =>
  `${median(kind).toFixed(0)} (${Math.min(...results.get(kind)).toFixed(0)}-${Math.max(...results.get(kind)).toFixed(0)})`
const bar = (value, most, digits) => `${value.toFixed(digits)}; bar ${most}: ${value <= most ? 'met' : 'not met'}`
console.log(`${cpus()[0].model}, Node ${process.version}; medians of ${ROUNDS} processes (spread)\n`)
console.log('| work | cost | against |')
console.log('| --- | --- | --- |')
console.log(`| switch between ${SIDE_BY_SIDE} async functions | ${figure('await switch')} ns | |`)
console.log(
  `| switch between ${SIDE_BY_SIDE} tasks | ${figure('switch')} ns | ${bar(median('switch') / median('await switch'), 0.8, 2)} |`,
)
console.log(`| bare async call, awaited | ${figure('async call')} ns | |`)
console.log(`| task spawned and ended | ${figure('spawn')} ns | ${bar(median('spawn') / median('async call'), 4, 2)} |`)
for (const library of ['effection', 'gevent', 'asyncio']) {
  for (const kind of ['switch', 'spawn']) {
    if (results.has(`${library} ${kind}`))
      console.log(
        `| ${library}: ${kind} | ${figure(`${library} ${kind}`)} ns | ${(median(`${library} ${kind}`) / median(kind)).toFixed(1)} of ours |`,
      )
  }
}
console.log(`| sleep, ${SIDE_BY_SIDE} tasks side by side | ${figure('sleep')} ns | |`)
console.log(`| timer set and cancelled, a million at once | ${figure('timers')} ns | |`)
console.log(`| a million sleeping tasks | ${figure('sleepers')} MB resident | ${bar(median('sleepers'), 600, 0)} |`)
