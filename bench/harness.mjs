/*
 * How servers are compared: in one run, and in turn.
 *
 * The server has one core and the load (wrk, 64 keep-alive connections) the other. Every round takes
 * the servers in a new random order; the figure is the time that the operating system has charged to
 * the server's process, user and system, divided by the requests that wrk has counted. Medians are
 * compared, and given with their spread: absolute times of such machines mean little, ratios more.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { cpus, release } from 'node:os'

export const has = (program) => spawnSync('which', [program]).status === 0

/** Ends the process where what is measured with is missing. */
function wantTools() {
  for (const program of ['wrk', 'taskset']) {
    if (has(program)) continue
    console.error(`${program} is needed: apt-get install ${program === 'wrk' ? 'wrk' : 'util-linux'}`)
    process.exit(1)
  }
}

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
async function measure(command, seconds) {
  const own = ++port
  const child = spawn('taskset', ['-c', '0', ...command, String(own)], { stdio: ['ignore', 'ignore', 'inherit'] })
  try {
    await reachable(own)
    await wrk(own, 1)
    const before = cpuMicros(child.pid)
    const { requests, p99 } = await wrk(own, seconds)
    return { cpu: (cpuMicros(child.pid) - before) / requests, rate: requests / Number(seconds), p99 }
  } finally {
    child.kill('SIGKILL')
  }
}

const median = (list) => [...list].sort((one, other) => one - other)[Math.floor(list.length / 2)]

/**
 * @param servers - commands by name; each is given its port as the last argument
 * @param values - `rounds`, `seconds` of each, and names after commas of `only` those that are wanted
 * @returns what each round has found, by name
 */
export async function measureInTurn(servers, { rounds, seconds, only }) {
  wantTools()
  const names = [...servers.keys()].filter((name) => only === undefined || only.split(',').includes(name))
  const results = new Map(names.map((name) => [name, []]))
  for (let round = 1; round <= Number(rounds); round++) {
    for (const name of [...names].sort(() => Math.random() - 0.5)) {
      if (process.stderr.isTTY) process.stderr.write(`\rround ${round} of ${rounds}: ${name.padEnd(20)}`)
      results.get(name).push(await measure(servers.get(name), seconds))
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  console.log(`${cpus()[0].model}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`)
  console.log(`wrk, 64 keep-alive connections, ${rounds} rounds of ${seconds} s, medians (spread)\n`)
  return results
}

/** @returns the median of the processor time per request, in microseconds; undefined where it was not measured */
export const costOf = (results, name) =>
  results.has(name) ? median(results.get(name).map(({ cpu }) => cpu)) : undefined

/** The cells of one row: cost with its spread, rate, slowest hundredth. */
export function cellsOf(results, name) {
  const runs = results.get(name)
  const costs = runs.map(({ cpu }) => cpu)
  const spread = `${Math.min(...costs).toFixed(2)}-${Math.max(...costs).toFixed(2)}`
  const rate = Math.round(median(runs.map((run) => run.rate)))
  return [`${median(costs).toFixed(2)} (${spread})`, String(rate), runs[0].p99]
}
