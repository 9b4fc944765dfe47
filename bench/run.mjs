/*
 * `npm run bench`: measures Gyre beside others, in scenarios (bench/scenarios.mjs) and in small works without a socket
 * (bench/micro). How: bench/harness.mjs. What it finds goes to the terminal and to .build/bench: results.json,
 * results.md, ratios.md, plots.
 *
 *   npm run bench -- [scenario…] [--server Gyre,node:http] [--rounds 5] [--seconds 2] [--with bun]
 *                    [--compare last] [--out folder] [--smoke] [--list]
 *
 *   scenario         names of the table, and `micro`; all without any
 *   --with bun       fetches Bun for this run
 *   --compare last   tells how our costs have changed since the last run on this machine, or since a commit, or a file
 *   --smoke          each thing once and briefly: whether it runs, not how fast
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measureInTurn } from './harness.mjs'
import { compare, earlier, keep } from './history.mjs'
import { commit, loadOfMachine, machineFacts, versions } from './machine.mjs'
import { measureWorks } from './micro/harness.mjs'
import { writePlots } from './plots.mjs'
import { changesTable, gaps, markdown } from './report.mjs'
import { SCENARIOS, stepsOf } from './scenarios.mjs'
import { SERVERS, has, prepare } from './servers.mjs'

const MICRO = 'micro'
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    server: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    with: { type: 'string', default: '' },
    compare: { type: 'string' },
    out: { type: 'string', default: fileURLToPath(new URL('../.build/bench', import.meta.url)) },
    smoke: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
})

function wrong(words) {
  console.error(words)
  process.exit(2)
}

const wanted = positionals.length > 0 ? positionals : [...Object.keys(SCENARIOS), MICRO]
const wantedServers = values.server?.split(',')
for (const name of wanted) if (name !== MICRO && !(name in SCENARIOS)) wrong(`no scenario ${name}: see --list`)
for (const name of wantedServers ?? []) if (!(name in SERVERS)) wrong(`no server ${name}: see --list`)

if (values.list) {
  for (const [name, { title, servers }] of Object.entries(SCENARIOS))
    console.log(`${name}: ${title}: ${servers.join(', ')}`)
  console.log(`${MICRO}: small works without a socket`)
  process.exit()
}

/** What is done how often: a smoke run only shows that it can be done. */
const settings = values.smoke
  ? { rounds: 1, seconds: 1, warmUp: 0, microTime: 1, isBrief: true }
  : { rounds: Number(values.rounds ?? 5), seconds: Number(values.seconds ?? 2), warmUp: 1, microTime: 1_000 }
for (const number of [settings.rounds, settings.seconds])
  if (!(Number.isInteger(number) && number > 0)) wrong('--rounds and --seconds are whole numbers from 1')

const leftOut = []
const usable = new Map()
function isUsable(name) {
  if (!usable.has(name)) {
    const why = prepare(name, values.with.split(','))
    if (why !== undefined) leftOut.push([name, why])
    usable.set(name, why === undefined)
  }
  return usable.get(name)
}

/** A smoke run has each server once: the first scenario has all of its own, the others those that were in none. */
function brief(servers, seen) {
  const fresh = servers.filter((name) => !seen.has(name))
  for (const name of fresh) seen.add(name)
  return [...new Set([servers.find((name) => SERVERS[name].ours), ...fresh])]
}

/** The connections of a scenario, and some for everything else. */
const descriptorsOf = (name) => 200 + Math.max(...stepsOf(name).map(([, step]) => step.connections + (step.idle ?? 0)))
const mostDescriptors = Number(
  /Max open files\s+\d+\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity,
)

const selection = {}
const missing = ['wrk', 'taskset'].filter((program) => !has(program))
for (const program of missing)
  leftOut.push(['all scenarios with sockets', `apt-get install ${program === 'wrk' ? 'wrk' : 'util-linux'}`])
if (missing.length === 0) {
  const seen = new Set()
  for (const name of wanted.filter((scenario) => scenario !== MICRO)) {
    if (descriptorsOf(name) > mostDescriptors) {
      leftOut.push([`scenario ${name}`, `ulimit -n ${descriptorsOf(name)}`])
      continue
    }
    const asked = SCENARIOS[name].servers.filter((server) => wantedServers?.includes(server) ?? true)
    const servers = asked.filter(isUsable)
    if (servers.length > 0) selection[name] = values.smoke ? brief(servers, seen) : servers
  }
}

const began = Date.now()
const BAR = 30
/** A bar where there is a terminal to draw it in. */
function onProgress(done, all, what) {
  if (!process.stderr.isTTY) return
  const spent = (Date.now() - began) / 1000
  const left = done === 0 ? '' : `, ${Math.ceil(((spent / done) * (all - done)) / 60)} min left`
  const full = Math.round((done / all) * BAR)
  const line = `[${'#'.repeat(full)}${'-'.repeat(BAR - full)}] ${done}/${all}${left}  ${what}`
  process.stderr.write(`\r\x1b[K${done === all ? '' : line.slice(0, (process.stderr.columns ?? 100) - 1)}`)
}

const load = loadOfMachine()
const measured = await measureInTurn(selection, { ...settings, onProgress })
const micro = wanted.includes(MICRO) ? await measureWorks({ ...settings, onProgress }) : { leftOut: [], failures: [] }
const report = {
  format: 1,
  when: new Date().toISOString(),
  commit: commit(),
  machine: machineFacts(),
  versions: versions([...usable].filter(([, is]) => is).map(([name]) => name)),
  settings,
  load,
  rows: measured.rows,
  micro: micro.rows,
  leftOut: [...leftOut, ...micro.leftOut],
  failures: [...measured.failures, ...micro.failures],
}

if (values.smoke) {
  const count = report.rows.length + (report.micro?.length ?? 0)
  const seconds = Math.round((Date.now() - began) / 1000)
  for (const line of gaps(report)) console.log(line)
  console.log(
    `bench: ${count} measurements made, ${usable.size - leftOut.length} servers have answered, in ${seconds} s`,
  )
} else {
  console.log(markdown(report))
  mkdirSync(values.out, { recursive: true })
  writeFileSync(join(values.out, 'results.json'), `${JSON.stringify(report, null, 1)}\n`)
  writeFileSync(join(values.out, 'results.md'), markdown(report))
  writeFileSync(join(values.out, 'ratios.md'), markdown(report, true))
  writePlots(report, join(values.out, 'plots'))
  console.log(`Written to ${values.out}; kept as ${keep(report)}`)
}
if (values.compare !== undefined) {
  const then = earlier(values.compare, report)
  if (then === undefined) console.log(`Nothing to compare with: no such run on this machine (${values.compare})`)
  else console.log(`\nSince ${then.commit}, ${then.when}:\n\n${changesTable(compare(then, report))}`)
}
if (report.failures.length > 0) process.exitCode = 1
