/*
 * The table of small works. Each makes a function that tinybench calls; it does `count` pieces in one call, because a
 * piece of some nanoseconds is less than what a clock can tell. What measures by itself has `measure` instead.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as effection from 'effection'
import { createServer, run } from 'gyre'
import { Deadline, Kernel, giveWay, sleep, waitPromise } from 'gyre/kernel'
import { ResponseFields, dateLine, input, parseHead, plainOpening, responseHead } from 'gyre/protocol'
import { createRepeater, inject } from 'gyre/testing'
import { wsgi } from 'gyre/wsgi'
import { ReadyRing } from '../../dist/kernel/ring.js'
import app from '../servers/hello-app.mjs'
import { HELLO } from '../servers/site.mjs'
import { BareHost } from './bare-host.mjs'

const MILLION = 1_000_000
const PIECES = 100_000
const SIDE_BY_SIDE = 100
const LAPS = PIECES / SIDE_BY_SIDE
/** Of what takes some hundred times as long. */
const FEW = 10_000
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** Runs tasks side by side on a kernel of their own. */
function runAll(task) {
  const host = new BareHost()
  const kernel = new Kernel(host)
  for (let index = 0; index < SIDE_BY_SIDE; index++) kernel.spawn(task(index))
  host.settle()
}

function* nothing() {}
async function asyncNothing() {}
function* switching() {
  for (let left = LAPS; left > 0; left--) yield* giveWay()
}
async function awaiting() {
  for (let left = LAPS; left > 0; left--) await null
}
/** Gives way from eight calls down. */
function* deep(calls) {
  if (calls === 0) yield* giveWay()
  else yield* deep(calls - 1)
}

const SMALL = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
const BROWSER = `GET /json HTTP/1.1\r\nHost: localhost\r\n${readFileSync(here('../load/browser.txt'), 'utf8').replaceAll('\n', '\r\n')}\r\n`
const LIMITS = { headBytes: 16_384, targetBytes: 8_192, fieldCount: 100, fieldBytes: 8_192 }
const parsed = (head) => parseHead(0, input.bytes.write(head, 'latin1'), LIMITS)

function tokenizing(head) {
  const size = input.bytes.write(head, 'latin1')
  return () => {
    for (let left = FEW; left > 0; left--) parseHead(0, size, LIMITS)
  }
}

function lookingUp(name) {
  const { fields } = parsed(BROWSER)
  return () => {
    let length = 0
    for (let left = FEW; left > 0; left--) length += fields.get(name)?.length ?? 1
    return length
  }
}

const DATE = dateLine(784_111_777_000)
function planning() {
  const fields = new ResponseFields()
  for (const name of ['Cache-Control', 'ETag', 'Last-Modified', 'Vary']) fields.set(name, `value of ${name}`)
  const plan = {
    method: 'GET',
    minor: 1,
    status: 200,
    fields,
    contentType: 'text/html',
    length: 1_000,
    keepAlive: true,
  }
  return () => {
    for (let left = FEW; left > 0; left--) responseHead({ ...plan, date: DATE })
  }
}

const LAPS_OF_REQUESTS = 1_000
const server = (handler) => createServer({ limits: { requestsPerConnection: Infinity } }, handler)
function* native(_request, response) {
  response.text(HELLO)
}
function asking(handler) {
  const repeater = createRepeater(server(handler))
  return () =>
    run(function* () {
      for (let left = LAPS_OF_REQUESTS; left > 0; left--) yield* repeater.ask()
    })
}

const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'
/** The same in a library of Python. */
const python = (library, kind) => ({
  missing: () => spawnSync(PYTHON, ['-c', `import ${library}`]).status !== 0 && `apt-get install python3-${library}`,
  measure: () => Number(spawnSync(PYTHON, [here('peers.py'), library, kind], { encoding: 'utf8' }).stdout),
})

async function sleepers() {
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
}

export const WORKS = {
  'ready ring: in and out': {
    count: PIECES,
    make() {
      const ring = new ReadyRing()
      const task = {}
      return () => {
        for (let lap = LAPS; lap > 0; lap--) {
          for (let left = SIDE_BY_SIDE; left > 0; left--) ring.push(task)
          while (ring.length > 0) ring.shift()
        }
      }
    },
  },
  'deadline: set and cancelled, a million at once': {
    count: MILLION,
    make() {
      const { deadlines } = new Kernel(new BareHost())
      const all = Array.from({ length: MILLION }, () => new Deadline({ expired() {} }))
      return () => {
        for (let index = 0; index < MILLION; index++) deadlines.set(all[index], 1000 + ((index * 7919) % MILLION))
        for (const deadline of all) deadlines.cancel(deadline)
      }
    },
  },
  'deadline: put off': {
    count: PIECES,
    make() {
      const { deadlines } = new Kernel(new BareHost())
      const deadline = new Deadline({ expired() {} })
      let time = 1
      return () => {
        for (let left = PIECES; left > 0; left--) deadlines.set(deadline, ++time)
      }
    },
  },
  'switch between async functions': {
    count: PIECES,
    make: () => () => Promise.all(Array.from({ length: SIDE_BY_SIDE }, awaiting)),
  },
  'switch between tasks': { count: PIECES, make: () => () => runAll(switching) },
  'switch from eight calls down (yield*)': {
    count: PIECES,
    make: () => () =>
      runAll(function* () {
        for (let left = LAPS; left > 0; left--) yield* deep(8)
      }),
  },
  'switch: effection': {
    count: FEW,
    make: () => () =>
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
  },
  'switch: gevent': python('gevent', 'switch'),
  'switch: asyncio': python('asyncio', 'switch'),
  'bare async call, awaited': {
    count: PIECES,
    make: () => async () => {
      for (let left = PIECES; left > 0; left--) await asyncNothing()
    },
  },
  'task spawned and ended': {
    count: PIECES,
    make: () => () => {
      const host = new BareHost()
      const kernel = new Kernel(host)
      for (let lap = LAPS; lap > 0; lap--) {
        for (let task = 0; task < SIDE_BY_SIDE; task++) kernel.spawn(nothing)
        host.run()
      }
    },
  },
  'spawn: effection': {
    count: FEW,
    make: () => () =>
      effection.run(function* () {
        for (let lap = FEW / SIDE_BY_SIDE; lap > 0; lap--) {
          const tasks = []
          for (let task = 0; task < SIDE_BY_SIDE; task++) tasks.push(yield* effection.spawn(nothing))
          for (const task of tasks) yield* task
        }
      }),
  },
  'spawn: gevent': python('gevent', 'spawn'),
  'spawn: asyncio': python('asyncio', 'spawn'),
  'promise waited for by a task': {
    count: FEW,
    make: () => () =>
      run(function* () {
        for (let left = FEW; left > 0; left--) yield* waitPromise(Promise.resolve())
      }),
  },
  'sleep, tasks side by side': {
    count: PIECES,
    make: () => () =>
      runAll(function* (index) {
        for (let lap = 0; lap < LAPS; lap++) yield* sleep(1 + ((lap * 7 + index) % 50))
      }),
  },
  'a million sleeping tasks': { unit: 'MB resident', measure: sleepers },
  'tokenizer: small head': { count: FEW, make: () => tokenizing(SMALL) },
  'tokenizer: head of a browser': { count: FEW, make: () => tokenizing(BROWSER) },
  'header look-up: there': { count: FEW, make: () => lookingUp('user-agent') },
  'header look-up: not there': { count: FEW, make: () => lookingUp('x-request-id') },
  'writer: opening of a plain head': {
    count: FEW,
    make: () => () => {
      for (let left = FEW; left > 0; left--) plainOpening(200, 'text/plain', DATE)
    },
  },
  'writer: head with four fields': { count: FEW, make: planning },
  'inject: one request': {
    count: 1,
    make() {
      const target = server(native)
      return () => inject(target)
    },
  },
  'request in memory, native': { count: LAPS_OF_REQUESTS, make: () => asking(native) },
  'request in memory, WSGI call': { count: LAPS_OF_REQUESTS, make: () => asking(wsgi(app)) },
}
