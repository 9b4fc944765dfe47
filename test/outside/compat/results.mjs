/*
 * Runs a suite once, and gives the result of each of its tests. Every program that is started has a time to end in;
 * a group of processes that is late is ended as a whole.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SUITES, nodeTests } from './suites.mjs'

const preload = fileURLToPath(new URL('preload.cjs', import.meta.url))
const running = new Set()

/** Ends a program with all that it has started. */
function endGroup({ pid }) {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // All of its group have ended by themselves.
  }
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
])
  process.once(signal, () => {
    for (const child of running) endGroup(child)
    process.exit(code)
  })

const MINE = ['GYRE_COMPAT_REGISTER', 'GYRE_COMPAT_COUNT', 'NODE_OPTIONS', 'FORCE_COLOR', 'NO_COLOR']

/** @returns what it printed (its last part), and how it ended */
function runProgram([command, ...args], { cwd, env, seconds }) {
  return new Promise((resolve) => {
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !MINE.includes(name)))
    const child = spawn(command, args, {
      cwd,
      env: { ...clean, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    running.add(child)
    let text = ''
    const take = (bytes) => (text = (text + String(bytes)).slice(-20_000))
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      endGroup(child)
    }, seconds * 1000)
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      endGroup(child)
      running.delete(child)
      resolve({ code, signal, isLate, text })
    })
  })
}

/** What stands behind "// Flags:" in a test of Node. */
function flagsOf(text) {
  return (/^\/\/ Flags: (.*)$/m.exec(text)?.[1] ?? '').split(/\s+/).filter((flag) => flag !== '')
}

/** The lines of a failed test that say most. */
function reasonIn({ text, isLate, code, signal }, seconds) {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const told = lines.filter((line) => /Error|Mismatched|expected|actual|\bat .*test-http|^[+-] /.test(line)).slice(0, 6)
  const end = isLate ? `not done within ${seconds} s` : `ended with ${String(signal ?? code)}`
  return [end, ...(told.length > 0 ? told : lines.slice(-4)).map((line) => line.trim())].join('\n')
}

/** Node's tests are programs: each passes when it ends well. */
async function runNodeTests({ folder, files, register, scratch, concurrency, onProgress }) {
  const seconds = 20
  const all = files.length > 0 ? files : nodeTests(folder)
  const waiting = [...all]
  const results = []
  const work = async (lane) => {
    for (let file; (file = waiting.shift()) !== undefined;) {
      const count = join(scratch, `count-${lane}`)
      rmSync(count, { force: true })
      const env = {
        GYRE_COMPAT_REGISTER: register,
        GYRE_COMPAT_COUNT: count,
        NODE_TEST_KNOWN_GLOBALS: '0',
        TEST_THREAD_ID: String(lane),
      }
      const flags = flagsOf(readFileSync(join(folder, file), 'utf8'))
      const command = [process.execPath, ...flags, '--require', preload, join(folder, file)]
      const end = await runProgram(command, { cwd: folder, env, seconds })
      const isSkipped = end.code === 0 && /^1\.\.0 # Skipped/m.test(end.text)
      const state = isSkipped ? 'skipped' : end.code === 0 ? 'passed' : 'failed'
      results.push({ file, name: '', state, why: state === 'failed' ? reasonIn(end, seconds) : '', ...counted(count) })
      onProgress(`${results.length} of ${all.length}`)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, (_, lane) => work(lane + 1)))
  return results.sort((one, other) => (one.file < other.file ? -1 : 1))
}

async function runWhole({ suite, folder, files, register, scratch }) {
  const output = join(scratch, 'results')
  const count = join(scratch, 'count')
  for (const file of [output, count]) rmSync(file, { force: true })
  const env = {
    GYRE_COMPAT_REGISTER: register,
    GYRE_COMPAT_COUNT: count,
    GYRE_COMPAT_RESULTS: output,
    NODE_OPTIONS: `--require ${preload}`,
  }
  const end = await runProgram(suite.command(folder, files, output), { cwd: folder, env, seconds: suite.seconds })
  const results = existsSync(output) ? suite.read(output, folder) : []
  if (results.length === 0) throw new Error(`${suite.title} told nothing of its tests: ${end.text}`)
  if (end.isLate) process.stderr.write(`gyre: ${suite.title} was not done within ${suite.seconds} s\n`)
  return { results: numbered(results), ...counted(count) }
}

/** Names that occur several times in a file are told apart. */
function numbered(results) {
  const seen = new Map()
  return results.map((result) => {
    const key = keyOf(result)
    const times = (seen.get(key) ?? 0) + 1
    seen.set(key, times)
    return times === 1 ? result : { ...result, name: `${result.name} (${times})` }
  })
}

function counted(path) {
  const sums = { listened: 0, swapped: 0 }
  if (!existsSync(path)) return sums
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [listened, swapped] = line.split(' ').map(Number)
    sums.listened += listened || 0
    sums.swapped += swapped || 0
  }
  return sums
}

/** What a test is called everywhere: its file, and its name where a file has several. */
export function keyOf({ file, name }) {
  return name === '' ? file.replace(/^test\/parallel\//, '') : `${file}: ${name}`
}

/**
 * Runs a suite.
 *
 * @param name - of the suite
 * @param how - `from`: the folder of all suites; `register`: the file that swaps the server, or ''; `files`: of the
 * suite, none for all; `concurrency`: how many of Node's tests run at once; `onProgress`: is told how far it is
 * @returns `results` of single tests, `listened` and `swapped`: the numbers of servers
 */
export async function runSuite(name, { from, register, files, concurrency, onProgress }) {
  const suite = SUITES[name]
  const folder = join(from, name)
  const scratch = join(from, '.compat', `run-${process.pid}`)
  mkdirSync(scratch, { recursive: true })
  try {
    if (suite.each !== true) return await runWhole({ suite, folder, files, register, scratch })
    const results = await runNodeTests({ folder, files, register, scratch, concurrency, onProgress })
    // A test that fails beside many others has a second chance beside few: these tests have times of their own.
    const failed = results.filter(({ state }) => state === 'failed').map(({ file }) => file)
    const again =
      failed.length === 0 || concurrency <= 2
        ? []
        : await runNodeTests({ folder, files: failed, register, scratch, concurrency: 2, onProgress })
    const alone = new Map(again.map((result) => [result.file, result]))
    const final = results.map((result) => alone.get(result.file) ?? result)
    const sum = (member) => final.reduce((total, result) => total + result[member], 0)
    return { results: final, listened: sum('listened'), swapped: sum('swapped') }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** As runSuite on node:http, kept in the folder of the suites for the next time. */
export async function baselineOf(name, how) {
  const kept = join(how.from, '.compat', `baseline-${name}.json`)
  if (existsSync(kept) && !how.isFresh) {
    const baseline = JSON.parse(readFileSync(kept, 'utf8'))
    if (baseline.node === process.version) return baseline
  }
  const baseline = { node: process.version, ...(await runSuite(name, { ...how, files: [], register: '' })) }
  writeFileSync(kept, `${JSON.stringify(baseline, null, 1)}\n`)
  return baseline
}
