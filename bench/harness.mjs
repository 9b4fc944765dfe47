/*
 * How servers are measured: in one run, and in turn.
 *
 * The server has one core and the load (wrk) the other. Every round takes the scenarios, and the servers of each, in a
 * new random order. The cost is the time that the operating system has charged to the server's processes, user and
 * system, divided by the requests that wrk has counted. Before that each server must give the right answer.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SCENARIOS, stepsOf } from './scenarios.mjs'
import { SERVERS } from './servers.mjs'
import { BROWSER_FILE, browserFields } from './load/browser.mjs'
import { HELLO, STREAM_SIZE } from './servers/site.mjs'

const SERVER_CORE = '0'
const LOAD_CORE = '1'
const TICK_US = 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** Programs that are running, each with all its children in a group: they end with us however we end. */
const running = new Set()
const endAll = () => {
  for (const child of running) end(child)
}
process.once('exit', endAll)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

function start(command, options) {
  const child = spawn(command[0], command.slice(1), { ...options, detached: true })
  running.add(child)
  child.once('error', () => running.delete(child))
  return child
}

function end(child) {
  running.delete(child)
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** What the operating system knows of a process and all below it: time in microseconds, memory in bytes. */
function usageOf(pid) {
  const processes = new Map()
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ').at(-1).split(' ')
      processes.set(Number(entry), { parent: Number(fields[1]), time: Number(fields[11]) + Number(fields[12]) })
    } catch {
      // It has ended meanwhile.
    }
  }
  const family = [pid]
  for (const member of family)
    for (const [child, { parent }] of processes) if (parent === member && !family.includes(child)) family.push(child)
  const usage = { cpu: 0, resident: 0, peak: 0 }
  for (const member of family) {
    usage.cpu += (processes.get(member)?.time ?? 0) * TICK_US
    const status = readFileSync(`/proc/${member}/status`, 'utf8')
    usage.resident += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
    usage.peak += Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
  }
  return usage
}

/** Waits until somebody listens. @throws Error with what the server has said, where it has ended before */
async function listening(child, port) {
  let said = ''
  child.stderr.on('data', (bytes) => (said += bytes))
  for (let tries = 0; tries < 800 && child.exitCode === null; tries++) {
    const isOpen = await new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => resolve(true))
      socket.once('connect', () => socket.destroy())
      socket.once('error', () => resolve(false))
    })
    if (isOpen) return
    await pause(25)
  }
  throw new Error(`it does not listen: ${said}`)
}

/** @throws Error where the server does not give the answer that is measured */
async function checkAnswer(url, { page, body, browser, close }) {
  const headers = browser ? browserFields() : new Headers()
  const sent = body === undefined ? {} : { method: 'POST', body: Buffer.alloc(body, 'x') }
  const answer = await fetch(url, { headers, ...sent })
  const bytes = Buffer.from(await answer.arrayBuffer())
  const isRight = {
    '/': () => bytes.toString() === HELLO,
    '/last': () => bytes.toString() === HELLO,
    '/json': () => JSON.parse(bytes).agent === headers.get('User-Agent'),
    '/upload': () => Number(bytes.toString()) === body,
    '/stream': () => bytes.length === STREAM_SIZE,
  }
  if (answer.status !== 200 || !isRight[page]())
    throw new Error(`a wrong answer: ${answer.status} ${bytes.subarray(0, 200)}`)
  if (close && !(await closes(new URL(url)))) throw new Error('it keeps a connection that is to be closed')
}

async function closes({ hostname, port, pathname, host }) {
  const socket = connect({ port: Number(port), host: hostname })
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  socket.resume()
  const ended = once(socket, 'end').then(() => true)
  const isClosed = await Promise.race([ended, pause(2_000, false)])
  socket.destroy()
  return isClosed
}

/** @returns what wrk has counted and timed, in microseconds */
async function load(url, { connections, body, browser, close, pipeline }, seconds, { anyCore, endsConnections }) {
  const wishes = { body, close: close && 1, pipeline, headers: browser && BROWSER_FILE }
  const args = Object.entries(wishes).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
  const wrk = [
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--timeout',
    '10s',
    '-s',
    here('load/wrk.lua'),
    url,
    '--',
    ...args,
  ]
  const child = start(anyCore ? wrk : ['taskset', '-c', LOAD_CORE, ...wrk], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (bytes) => (output += bytes))
  await once(child, 'close')
  running.delete(child)
  const found = /^figures (.*)$/m.exec(output)?.[1].split(' ').map(Number)
  if (found === undefined || !(found[0] > 0)) throw new Error(`wrk has counted nothing: ${output}`)
  const [requests, duration, errors, ends, ...times] = found
  if (errors > 0 || (ends > 0 && !endsConnections)) throw new Error(`${errors + ends} errors in ${requests} requests`)
  // Of requests in one piece wrk does not know all percentiles, and says 0.
  const [p50, p99, p999] = times.map((time) => (time > 0 ? time : undefined))
  return { requests, rate: requests / (duration / 1e6), p50, p99, p999 }
}

/** Opens connections that idle; they cost the load's core what they cost. */
async function openIdle(port, count) {
  const command = ['taskset', '-c', LOAD_CORE, process.execPath, here('load/idle.mjs'), port, String(count)]
  const child = start(command, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  if ((await lines.next()).value !== 'open') throw new Error('the idle connections could not be opened')
  return {
    async stillOpen() {
      child.stdin.write('\n')
      return Number((await lines.next()).value)
    },
    close: () => end(child),
  }
}

/** Resident memory when garbage is gone, as far as the server can be told to collect it. */
async function settled(pid, collects) {
  for (let times = 0; collects && times < 3; times++) {
    process.kill(pid, 'SIGUSR2')
    await pause(100)
  }
  return usageOf(pid).resident
}

async function measureStep(child, port, step, server, seconds) {
  const url = `http://127.0.0.1:${port}${step.page}`
  let idle
  let perConnection
  if (step.idle !== undefined) {
    const without = await settled(child.pid, server.collects)
    idle = await openIdle(port, step.idle)
    perConnection = ((await settled(child.pid, server.collects)) - without) / step.idle
  }
  const asked = step.aside === undefined ? undefined : fetch(new URL(step.aside, url))
  const before = usageOf(child.pid).cpu
  const { requests, ...times } = await load(url, step, seconds, server)
  const { cpu, peak } = usageOf(child.pid)
  if (asked !== undefined && (await asked).status !== 200) throw new Error('what was asked aside has failed')
  if (idle !== undefined) {
    const left = await idle.stillOpen()
    idle.close()
    if (left < step.idle) throw new Error(`only ${left} of ${step.idle} idle connections were left`)
  }
  return { cpu: (cpu - before) / requests, ...times, peak, perConnection }
}

let lastPort = 21_000 + (process.pid % 5_000)

/**
 * Measures all steps of a scenario in one process of a server.
 *
 * @param times - where it is to be brief, ours have the last step only, and others only give one answer
 * @returns figures by step
 */
async function measure(scenario, name, { seconds, warmUp, isBrief }) {
  const server = SERVERS[name]
  const port = String(++lastPort)
  const command = server.command(port)
  const child = start(server.anyCore ? command : ['taskset', '-c', SERVER_CORE, ...command], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  try {
    const steps = isBrief ? stepsOf(scenario).slice(-1) : stepsOf(scenario)
    await listening(child, port)
    const [, first] = steps[0]
    const url = `http://127.0.0.1:${port}${first.page}`
    await checkAnswer(url, first)
    if (isBrief && !server.ours) return {}
    if (warmUp > 0) await load(url, first, warmUp, server)
    const found = {}
    for (const [name, step] of steps) found[name] = await measureStep(child, port, step, server, seconds)
    return found
  } finally {
    end(child)
  }
}

const shuffled = (list) =>
  list
    .map((value) => [Math.random(), value])
    .sort(([one], [other]) => one - other)
    .map(([, value]) => value)

/**
 * @param selection - names of servers by scenario
 * @param options - `rounds`, `seconds` of each measurement, `warmUp` in seconds, `isBrief`, `onProgress(done, all, what)`
 * @returns rows of scenario, server and step with what each round has found, and what has failed
 */
export async function measureInTurn(selection, { rounds, onProgress, ...times }) {
  const rows = new Map()
  const failures = []
  const all = rounds * Object.values(selection).reduce((sum, servers) => sum + servers.length, 0)
  let done = 0
  for (let round = 1; round <= rounds; round++) {
    for (const scenario of shuffled(Object.keys(selection))) {
      for (const server of shuffled(selection[scenario])) {
        onProgress(done++, all, `round ${round}: ${scenario}, ${server}`)
        try {
          for (const [step, figures] of Object.entries(await measure(scenario, server, times))) {
            const key = JSON.stringify([scenario, server, step])
            if (!rows.has(key)) rows.set(key, { scenario, server, step, runs: [] })
            rows.get(key).runs.push({ round, ...figures })
          }
        } catch (error) {
          failures.push(`${scenario}, ${server}, round ${round}: ${error.message.trim()}`)
        }
      }
    }
  }
  onProgress(all, all, '')
  const place = ({ scenario, server }) =>
    Object.keys(SCENARIOS).indexOf(scenario) * 1_000 + SCENARIOS[scenario].servers.indexOf(server)
  return { rows: [...rows.values()].sort((one, other) => place(one) - place(other)), failures }
}
