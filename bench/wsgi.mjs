/*
 * `npm run bench:wsgi`: what a request to a WSGI hello costs in processor time, our ways beside the containers of
 * Python that Debian packages (gunicorn, python3-waitress, python3-gevent, python3-tornado, uwsgi-plugin-python3).
 *
 * The server has one core, with all its threads and processes, and the load (wrk, 64 keep-alive connections) the
 * other. Every round takes the servers in a new random order. The figure is what the operating system has charged to
 * the server's processes, divided by the requests that wrk has counted; medians, with their spread. Read the ratios.
 *
 *   node bench/wsgi.mjs [--rounds 3] [--seconds 2] [--only inline,threads]
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { cpus, release } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
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

const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'
const node = (way) => (port) => [process.execPath, here('wsgi/gyre.mjs'), way, port]
const servers = new Map(['native', 'inline', 'generator', 'threads'].map((way) => [way, node(way)]))
const missing = []
function python(name, package_, module, command) {
  if (spawnSync(PYTHON, ['-c', `import ${module}`]).status === 0) servers.set(name, command)
  else missing.push(`${name} (${package_})`)
}
const script = (name) => (port) => [PYTHON, here('wsgi/hello.py'), name, port]
python('gunicorn gthread', 'gunicorn', 'gunicorn', (port) => [
  PYTHON,
  '-m',
  'gunicorn',
  '--chdir',
  here('wsgi'),
  '-b',
  `127.0.0.1:${port}`,
  '-k',
  'gthread',
  '--threads',
  '4',
  '--log-level',
  'critical',
  'hello:app',
])
python('waitress', 'python3-waitress', 'waitress', script('waitress'))
python('gevent pywsgi', 'python3-gevent', 'gevent', script('gevent'))
python('tornado', 'python3-tornado', 'tornado', script('tornado'))
if (has('uwsgi_python3'))
  servers.set('uwsgi', (port) => [
    'uwsgi_python3',
    '--http-socket',
    `127.0.0.1:${port}`,
    '--chdir',
    here('wsgi'),
    '--module',
    'hello:app',
    '--threads',
    '4',
    '--disable-logging',
    '--die-on-term',
  ])
else missing.push('uwsgi (uwsgi-core, uwsgi-plugin-python3)')
const names = [...servers.keys()].filter((name) => values.only === undefined || values.only.split(',').includes(name))

const TICK_US = 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** Processor time of a process and all below it, in microseconds. */
function cpuMicros(pid) {
  const processes = new Map()
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ').at(-1).split(' ')
      processes.set(Number(entry), { parent: Number(fields[1]), time: Number(fields[11]) + Number(fields[12]) })
    } catch {
      // It has ended meanwhile.
    }
  }
  const sum = (of) =>
    (processes.get(of)?.time ?? 0) +
    [...processes].filter(([, { parent }]) => parent === of).reduce((total, [child]) => total + sum(child), 0)
  return sum(pid) * TICK_US
}

async function reachable(port) {
  for (let tries = 0; tries < 400; tries++) {
    const open = await new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.once('connect', () => resolve(true) || socket.destroy())
      socket.once('error', () => resolve(false))
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
      if (!(requests > 0) || /Non-2xx/.test(output)) reject(new Error(output))
      else resolve({ requests, p99: /99%\s+(\S+)/.exec(output)?.[1] })
    })
  })
}

let port = 21_000 + (process.pid % 5000)
async function measure(name) {
  const own = ++port
  const child = spawn('taskset', ['-c', '0', ...servers.get(name)(String(own))], { stdio: 'ignore', detached: true })
  try {
    await reachable(own)
    await wrk(own, 1)
    const before = cpuMicros(child.pid)
    const { requests, p99 } = await wrk(own, values.seconds)
    return { cpu: (cpuMicros(child.pid) - before) / requests, rate: requests / Number(values.seconds), p99 }
  } finally {
    // Its whole group: gunicorn and uWSGI have children.
    process.kill(-child.pid, 'SIGKILL')
  }
}

const median = (list) => [...list].sort((one, other) => one - other)[Math.floor(list.length / 2)]
const results = new Map(names.map((name) => [name, []]))
const rounds = Number(values.rounds)
for (let round = 1; round <= rounds; round++)
  for (const name of [...names].sort(() => Math.random() - 0.5)) results.get(name).push(await measure(name))

console.log(`${cpus()[0].model}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`)
console.log(`wrk, 64 keep-alive connections, ${rounds} rounds of ${values.seconds} s, medians (spread)\n`)
if (missing.length > 0) console.log(`not installed, left out: ${missing.join(', ')}\n`)
console.log('| server | CPU µs per request | against inline | requests per second | p99 |')
console.log('| --- | --- | --- | --- | --- |')
const cost = (name) => (results.has(name) ? median(results.get(name).map(({ cpu }) => cpu)) : NaN)
const rate = (name) => (results.has(name) ? median(results.get(name).map((run) => run.rate)) : NaN)
for (const [name, runs] of results) {
  const costs = runs.map(({ cpu }) => cpu)
  const spread = `${Math.min(...costs).toFixed(1)}-${Math.max(...costs).toFixed(1)}`
  console.log(
    `| ${name} | ${cost(name).toFixed(1)} (${spread}) | ${(cost(name) / cost('inline')).toFixed(2)} | ${Math.round(rate(name))} | ${runs[0].p99} |`,
  )
}
const aim = (what, value, limit, good) => {
  if (!Number.isNaN(value))
    console.log(`${what}: ${value.toFixed(2)} (aim: ${limit}; ${good ? 'reached' : 'NOT reached'})`)
}
console.log('')
const overNative = cost('inline') / cost('native')
aim('inline / native, CPU', overNative, 'at most 1.15', overNative <= 1.15)
const overInline = cost('threads') / cost('inline')
aim('threads / inline, CPU', overInline, 'at most 5', overInline <= 5)
const overGunicorn = rate('threads') / rate('gunicorn gthread')
aim('threads / gunicorn gthread, throughput', overGunicorn, 'at least 3', overGunicorn >= 3)
