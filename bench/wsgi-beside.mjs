/*
 * Part of `npm run bench:wsgi`: how long native requests take while a thread of the same process computes for two
 * seconds, beside how long they take without. The machine's other work shows in both: read them together.
 *
 *   node bench/wsgi-beside.mjs [--rounds 5]
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const port = 26_000 + (process.pid % 1000)
const url = `http://127.0.0.1:${port}`
const server = spawn(process.execPath, [fileURLToPath(new URL('wsgi/beside.mjs', import.meta.url)), String(port)], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
server.once('exit', (code) => code !== null && process.exit(code))
for (let tries = 0; (await fetch(`${url}/`).catch(() => null)) === null; tries++) {
  if (tries > 200) throw new Error('the server does not start')
  await new Promise((resolve) => setTimeout(resolve, 50))
}

const UNITS = { us: 0.001, ms: 1, s: 1000 }

/** @returns the 99th percentile, in milliseconds */
function load() {
  return new Promise((resolve, reject) => {
    let output = ''
    const wrk = spawn('wrk', ['-t1', '-c4', '-d2s', '--latency', `${url}/`], { stdio: ['ignore', 'pipe', 'inherit'] })
    wrk.once('error', () => reject(new Error('wrk is needed: apt-get install wrk')))
    wrk.stdout.on('data', (bytes) => (output += bytes))
    wrk.once('close', () => {
      const [, number, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(output) ?? []
      if (number === undefined) reject(new Error(output))
      else resolve(Number(number) * UNITS[unit])
    })
  })
}

const alone = []
const beside = []
for (let round = 0; round < Number(values.rounds); round++) {
  alone.push(await load())
  const computed = fetch(`${url}/compute`)
  beside.push(await load())
  if ((await computed).status !== 200) throw new Error('the thread has not computed')
}
const median = (list) => [...list].sort((one, other) => one - other)[Math.floor(list.length / 2)]
const shown = (list) => `${median(list).toFixed(1)} ms (${list.map((value) => value.toFixed(1)).join(', ')})`
console.log(`p99 of native requests, alone: ${shown(alone)}`)
console.log(`p99 of native requests, beside a thread that computes: ${shown(beside)}`)
console.log(`(aim: under 20 ms; ${median(beside) < 20 ? 'reached' : 'NOT reached'})`)
server.removeAllListeners('exit')
server.kill()
