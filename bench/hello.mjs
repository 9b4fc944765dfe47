/*
 * `npm run bench:hello`: what a request costs in processor time, server by server, in one run.
 *
 * The server has one core and the load (wrk, 64 keep-alive connections) the other. Every round takes
 * the servers in a new random order; the figure is the time that the operating system has charged to
 * the server's process, user and system, divided by the requests that wrk has counted. Medians are
 * compared, and given with their spread: absolute times of such machines mean little, ratios more.
 *
 *   node bench/hello.mjs [--rounds 5] [--seconds 3] [--only gyre,uws]
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
})
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const has = (program) => spawnSync('which', [program]).status === 0
for (const program of ['wrk', 'taskset']) {
  if (has(program)) continue
  console.error(`${program} is needed: apt-get install ${program === 'wrk' ? 'wrk' : 'util-linux'}`)
  process.exit(1)
}

const node = (file) => [process.execPath, here(`servers/${file}`)]
const servers = new Map([
  ['gyre', node('gyre.mjs')],
  ['gyre wsgi', node('gyre-wsgi.mjs')],
  ['uws', node('uws.mjs')],
  ['node:http', node('node-http.mjs')],
])
if (has('gcc')) {
  const program = join(mkdtempSync(join(tmpdir(), 'gyre-bench-')), 'loop')
  execFileSync('gcc', ['-O2', '-o', program, here('servers/loop.c')])
  servers.set('C loop', [program])
}
const names = [...servers.keys()].filter((name) => values.only === undefined || values.only.split(',').includes(name))

const TICK_US = 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
function cpuMicros(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

async function reachable(port) {
  for (let tries = 0; tries < 200; tries++) {
    const open = await new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`nothing listens at port ${port}`)
}

function wrk(port, seconds) {
  const args = ['-c', '1', 'wrk', '-t1', '-c64', `-d${seconds}s`, '--latency', `http://127.0.0.1:${port}/`]
  return new Promise((resolve, reject) => {
    let output = ''
    const child = spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.on('data', (bytes) => (output += bytes))
    child.on('exit', () => {
      const requests = Number(/(\d+) requests in/.exec(output)?.[1])
      const p99 = /99%\s+(\S+)/.exec(output)?.[1]
      if (!(requests > 0) || /Non-2xx|Socket errors/.test(output)) reject(new Error(output))
      else resolve({ requests, p99 })
    })
  })
}

let port = 21_000 + (process.pid % 5000)
async function measure(name) {
  const own = ++port
  const child = spawn('taskset', ['-c', '0', ...servers.get(name), String(own)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  try {
    await reachable(own)
    await wrk(own, 1)
    const before = cpuMicros(child.pid)
    const { requests, p99 } = await wrk(own, values.seconds)
    return { cpu: (cpuMicros(child.pid) - before) / requests, rate: requests / Number(values.seconds), p99 }
  } finally {
    child.kill('SIGKILL')
  }
}

const median = (list) => [...list].sort((one, other) => one - other)[Math.floor(list.length / 2)]
const results = new Map(names.map((name) => [name, []]))
const rounds = Number(values.rounds)
for (let round = 1; round <= rounds; round++) {
  for (const name of [...names].sort(() => Math.random() - 0.5)) {
    if (process.stderr.isTTY) process.stderr.write(`\rround ${round} of ${rounds}: ${name.padEnd(12)}`)
    results.get(name).push(await measure(name))
  }
}
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')

console.log(`${cpus()[0].model}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`)
console.log(`wrk, 64 keep-alive connections, ${rounds} rounds of ${values.seconds} s, medians (spread)\n`)
console.log('| server | CPU µs per request | requests per second | p99 | against gyre |')
console.log('| --- | --- | --- | --- | --- |')
const base = results.has('gyre') ? median(results.get('gyre').map(({ cpu }) => cpu)) : NaN
for (const [name, runs] of results) {
  const costs = runs.map(({ cpu }) => cpu)
  const cost = median(costs)
  const spread = `${Math.min(...costs).toFixed(2)}-${Math.max(...costs).toFixed(2)}`
  const rate = Math.round(median(runs.map((run) => run.rate)))
  console.log(`| ${name} | ${cost.toFixed(2)} (${spread}) | ${rate} | ${runs[0].p99} | ${(cost / base).toFixed(2)} |`)
}
const ratio = (one, other) => {
  if (!results.has(one) || !results.has(other)) return
  const value = median(results.get(one).map(({ cpu }) => cpu)) / median(results.get(other).map(({ cpu }) => cpu))
  console.log(`${one} / ${other}: ${value.toFixed(2)}`)
}
console.log('')
for (const other of ['uws', 'node:http', 'C loop']) ratio('gyre', other)
ratio('gyre wsgi', 'gyre')
