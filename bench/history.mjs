/*
 * The runs that were made here: one small file of JSON for each in bench/history, which git ignores, because figures of
 * another machine tell nothing about this one.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ratio, summary } from './figures.mjs'
import { SCENARIOS, stepsOf } from './scenarios.mjs'
import { SERVERS } from './servers.mjs'

const FOLDER = fileURLToPath(new URL('history', import.meta.url))

/** @returns the file that it was written to */
export function keep(report) {
  mkdirSync(FOLDER, { recursive: true })
  const file = join(FOLDER, `${report.when.replaceAll(':', '-')}-${report.commit}.json`)
  writeFileSync(file, JSON.stringify(report))
  return file
}

/**
 * @param wanted - `last`, the beginning of a commit, or a file
 * @param now - the run that it is to be compared with
 * @returns the newest run of those on the same machine that has something in common with this one; undefined without one
 */
export function earlier(wanted, now) {
  const read = (file) => JSON.parse(readFileSync(file, 'utf8'))
  if (existsSync(wanted)) return read(wanted)
  const files = existsSync(FOLDER) ? readdirSync(FOLDER).sort().reverse() : []
  return files
    .map((file) => read(join(FOLDER, file)))
    .filter(({ when, commit }) => when < now.when && (wanted === 'last' || commit.startsWith(wanted)))
    .filter(({ machine }) => JSON.stringify(machine) === JSON.stringify(now.machine))
    .find((report) => compare(report, now).length > 0)
}

const rowOf = (report, wanted) =>
  report.rows.find((row) => ['scenario', 'server', 'step'].every((key) => row[key] === wanted[key]))

/** A server that we have not changed; the machine is measured by it. */
function referenceOf(scenario) {
  const others = SCENARIOS[scenario]?.servers.filter((server) => SERVERS[server].ours !== true) ?? []
  return others.includes('node:http') ? 'node:http' : others[0]
}

/**
 * How our costs have changed: each as a ratio to a server of others in the same scenario and run, so that a machine
 * that is slower today does not count. Where a scenario has no other server, the cost itself is compared.
 *
 * @returns rows of what was and what is, and whether the rounds of both lie apart
 */
export function compare(then, now) {
  const changes = []
  for (const row of now.rows.filter(({ server }) => SERVERS[server].ours)) {
    const before = rowOf(then, row)
    if (before === undefined) continue
    const against = { ...row, server: referenceOf(row.scenario) }
    const step = stepsOf(row.scenario).some(([name]) => name === row.step) ? against : undefined
    const [one, other] = [then, now].map((report) => step && rowOf(report, step))
    const isRelative = one !== undefined && other !== undefined
    const was = isRelative ? ratio(before.runs, one.runs, 'cpu') : summary(before.runs.map(({ cpu }) => cpu))
    const is = isRelative ? ratio(row.runs, other.runs, 'cpu') : summary(row.runs.map(({ cpu }) => cpu))
    changes.push({
      what: `${row.scenario}, ${row.server}${row.step === 'all' ? '' : `, ${row.step}`}`,
      against: isRelative ? against.server : 'itself',
      was,
      is,
      verdict: is.least > was.most ? 'costs more' : is.most < was.least ? 'costs less' : 'no change beyond the spread',
    })
  }
  for (const row of now.micro ?? []) {
    const before = then.micro?.find(({ name }) => name === row.name)
    if (before === undefined || row.runs.length === 0 || before.runs.length === 0) continue
    const [was, is] = [before, row].map(({ runs }) => summary(runs.map(({ cost }) => cost)))
    const told = is.least > was.most ? 'costs more' : is.most < was.least ? 'costs less' : 'no change beyond the spread'
    changes.push({ what: row.name, against: 'itself', was, is, verdict: told })
  }
  return changes
}
