/*
 * What a run has found, as Markdown: the machine, a table for each scenario, the small works, the bars.
 */
import { BARS, MICRO_BARS } from './bars.mjs'
import { ratio, summary, verdict } from './figures.mjs'
import { ONLY_STEP, SCENARIOS, stepsOf } from './scenarios.mjs'
import { SERVERS } from './servers.mjs'

const digits = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2))
const spread = ({ least, most }) => `${digits(least)}-${digits(most)}`
const shown = (figures) => (figures === undefined ? '' : `${digits(figures.median)} (${spread(figures)})`)
const time = (micros) =>
  micros === undefined ? '' : micros < 1000 ? `${digits(micros)} µs` : `${digits(micros / 1000)} ms`
const megabytes = (bytes) => (bytes === undefined ? '' : `${digits(bytes / 1e6)} MB`)

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const of = (runs, figure) => summary(runs.map((run) => run[figure]))

/** A ratio as it may be told. */
const told = (found) => (found === undefined ? '' : found.isTold ? shown(found) : `not told: ${spread(found)}`)

/** The row that others of a scenario are compared with: of the base, and of its first step where it has several. */
function baseRow(rows, { scenario, server, step }) {
  const [first] = stepsOf(scenario)[0]
  const wanted = step === ONLY_STEP ? SCENARIOS[scenario].base : server
  return rows.find((row) => row.scenario === scenario && row.server === wanted && row.step === first)
}

/** @returns a figure's ratio to what it is compared with, by rounds; undefined for that itself */
export function toBase(rows, row, figure) {
  const base = baseRow(rows, row)
  return base === undefined || base === row ? undefined : ratio(row.runs, base.runs, figure)
}

function scenarioTable(rows, scenario) {
  const own = rows.filter((row) => row.scenario === scenario)
  const hasSteps = own.some(({ step }) => step !== ONLY_STEP)
  const hasIdle = own.some(({ runs }) => of(runs, 'perConnection') !== undefined)
  const against = hasSteps ? `against ${stepsOf(scenario)[0][0]}` : `against ${SCENARIOS[scenario].base}`
  const head = ['server', 'CPU µs per request', against, 'requests per second', 'p50', 'p99', 'p99.9', 'peak memory']
  const body = own.map((row) => {
    const { server, step, runs } = row
    const times = ['p50', 'p99', 'p999'].map((figure) => time(of(runs, figure)?.median))
    const isBase = baseRow(rows, row) === row
    return [
      hasSteps ? `${server}, ${step}` : server,
      shown(of(runs, 'cpu')),
      isBase ? '1' : told(toBase(rows, row, 'cpu')),
      String(Math.round(of(runs, 'rate').median)),
      ...times,
      megabytes(of(runs, 'peak').median),
      ...(hasIdle ? [shown(of(runs, 'perConnection'))] : []),
    ]
  })
  return `### ${scenario}: ${SCENARIOS[scenario].title}\n\n${table(hasIdle ? [...head, 'bytes per idle connection'] : head, body)}\n`
}

/** The same in ratios alone, which is what other machines may be compared by. */
function ratioTable(rows, scenario) {
  const own = rows.filter((row) => row.scenario === scenario)
  const hasSteps = own.some(({ step }) => step !== ONLY_STEP)
  const base = hasSteps ? stepsOf(scenario)[0][0] : SCENARIOS[scenario].base
  const body = own.map((row) => {
    const name = hasSteps ? `${row.server}, ${row.step}` : row.server
    if (baseRow(rows, row) === row) return [name, '1', '1', '1']
    return [name, ...['cpu', 'rate', 'p99'].map((figure) => told(toBase(rows, row, figure)))]
  })
  const head = ['server', 'CPU per request', 'requests per second', 'p99']
  const { title } = SCENARIOS[scenario]
  const picture = `![${title}](plots/${scenario}-${hasSteps ? 'steps' : 'cost'}.svg)`
  return `### ${scenario}: ${title}\n\nAgainst ${base} (spread of the rounds).\n\n${table(head, body)}\n\n${picture}\n`
}

const FIGURES = {
  cpu: 'CPU per request',
  rate: 'requests per second',
  p50: 'p50',
  p99: 'p99',
  perConnection: 'memory per connection',
}
const UNITS = {
  p99: (value) => time(value),
  perConnection: (value) => `${value.toFixed(0)} bytes`,
}
const named = ({ server, step }) => (step === ONLY_STEP ? server : `${server} (${step})`)
const direction = ({ most }) => (most === undefined ? 'at least' : 'at most')

/** @returns what a bar's ratio would be with its limit in the place of ours; undefined where that was not measured */
function limitOf({ figure, of: one, against: other, limit }, runsOf) {
  const [runs, others] = [one, other].map((side) =>
    runsOf(SERVERS[side.server].ours ? { ...side, server: limit } : side),
  )
  return runs && others && ratio(runs, others, figure)
}

/** @returns a line for each bar of which both sides were measured */
export function barLines({ rows, micro }) {
  const runsOf = (wanted) =>
    rows.find((row) => ['scenario', 'server', 'step'].every((key) => row[key] === wanted[key]))?.runs
  const lines = []
  for (const bar of BARS) {
    const { figure, of: one, against: other } = bar
    const [runs, others] = [runsOf(one), other && runsOf(other)]
    if (runs === undefined || (other !== undefined && others === undefined)) continue
    const found = other === undefined ? of(runs, figure) : ratio(runs, others, figure)
    if (found === undefined) continue
    const unit = other === undefined ? UNITS[figure] : digits
    const what = `${one.scenario}, ${FIGURES[figure]}: ${named(one)}${other === undefined ? '' : ` / ${named(other)}`}`
    const value =
      found.isTold === false ? `(${spread(found)})` : `${unit(found.median)} (${unit(found.least)}-${unit(found.most)})`
    const least = bar.limit === undefined ? undefined : limitOf(bar, runsOf)
    lines.push(
      `${what}: ${value}; bar: ${direction(bar)} ${unit(bar.most ?? bar.least)}; ${verdict(found, bar)}` +
        (least === undefined ? '' : `; the ${bar.limit} in our place: ${told(least)}`),
    )
  }
  for (const bar of MICRO_BARS) {
    const runs = (name) => micro?.find((row) => row.name === name)?.runs
    if (runs(bar.of) === undefined || (bar.against && runs(bar.against) === undefined)) continue
    const found = bar.against ? ratio(runs(bar.of), runs(bar.against), 'cost') : of(runs(bar.of), 'cost')
    if (found === undefined) continue
    const what = bar.against === undefined ? bar.of : `${bar.of} / ${bar.against}`
    lines.push(`${what}: ${shown(found)}; bar: at most ${digits(bar.most)}; ${verdict(found, bar)}`)
  }
  return lines
}

function microTable(micro) {
  const rows = micro
    .filter(({ runs }) => runs.length > 0)
    .map(({ name, unit, runs }) => [name, `${shown(of(runs, 'cost'))} ${unit}`])
  return `### micro: small works without a socket\n\n${table(['work', 'cost of one'], rows)}\n`
}

/** @returns what can be said of where and how it was measured */
export function preface({ machine, versions, settings, commit, load }) {
  const list = (facts) =>
    Object.entries(facts)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')
  return [
    `${machine.processor}, ${machine.cores} cores, ${machine.memory}, ${machine.system}, Node ${machine.node}, io ${machine.io}.`,
    `${list(versions)}. Commit ${commit}. Load of the machine as it began: ${load.toFixed(1)}.`,
    `${settings.rounds} rounds in random order, ${settings.seconds} s each after ${settings.warmUp} s of warm-up; ` +
      'medians (lowest-highest). Server on one core, wrk on the other.',
  ].join('\n')
}

/** What was not measured, each with what to do about it, and what went wrong. */
export const gaps = ({ leftOut, failures }) => [
  ...leftOut.map(([name, why]) => `left out: ${name}: ${why}`),
  ...failures.map((failure) => `FAILED: ${failure}`),
]

/** @param isInRatios - whether absolute figures are left out; then plots are shown */
export function markdown(report, isInRatios = false) {
  const scenarios = [...new Set(report.rows.map(({ scenario }) => scenario))]
  const make = isInRatios ? ratioTable : scenarioTable
  const parts = [preface(report), ...scenarios.map((scenario) => make(report.rows, scenario))]
  if (report.micro !== undefined && !isInRatios) parts.push(microTable(report.micro))
  const bars = barLines(report)
  if (bars.length > 0) parts.push(`### Bars\n\n${bars.map((line) => `- ${line}`).join('\n')}\n`)
  if (gaps(report).length > 0) parts.push(gaps(report).join('\n'))
  return parts.join('\n\n') + '\n'
}

/** @returns the changes of `compare` as a table */
export const changesTable = (changes) =>
  table(
    ['what', 'CPU against', 'was', 'is', ''],
    changes.map(({ what, against, was, is, verdict: said }) => [what, against, shown(was), shown(is), said]),
  )
