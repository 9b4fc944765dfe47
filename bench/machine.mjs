/*
 * What was measured where: facts of the machine, versions of everything that took part, and the commit.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { versionOf } from './servers.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

const git = (...args) => spawnSync('git', ['-C', root, ...args], { encoding: 'utf8' }).stdout?.trim() ?? ''

/** What makes figures of two runs comparable, if anything does. */
export function machineFacts() {
  return {
    processor: cpus()[0].model,
    cores: availableParallelism(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    system: `Linux ${release()}`,
    node: process.version,
    io: process.env.GYRE_IO ?? 'auto',
  }
}

/** What else was going on as the run began: the load of the last minute. */
export const loadOfMachine = () => loadavg()[0]

/** @returns the commit, with `+` where something is changed that is not committed */
export function commit() {
  const short = git('rev-parse', '--short', 'HEAD')
  return short === '' ? 'no commit' : short + (git('status', '--porcelain') === '' ? '' : '+')
}

/** @returns versions by name of the servers that are not part of Node or of Gyre, and of the load */
export function versions(servers) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const known = servers.map((name) => [name, versionOf(name)]).filter(([, found]) => found !== undefined)
  return { Gyre: version, ...Object.fromEntries(known), ...wrkVersion() }
}

function wrkVersion() {
  // It tells its version and fails, both on purpose.
  const { stdout, stderr } = spawnSync('wrk', ['-v'], { encoding: 'utf8' })
  const found = /^wrk (\S+(?: \[\w+\])?)/m.exec(`${stdout}${stderr}`)?.[1]
  return found === undefined ? {} : { wrk: found }
}
