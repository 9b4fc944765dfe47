/*
 * The judgement of the benchmarks: what they compare, what they refuse to say, and that their tables fit together.
 * That they run is seen by `npm run bench -- --smoke`.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

interface Summary {
  median: number
  least: number
  most: number
  isTold?: boolean
}
type Run = Record<string, number>
interface Row {
  scenario: string
  server: string
  step: string
  runs: Run[]
}
type Place = Pick<Row, 'scenario' | 'server' | 'step'>
interface Bar {
  of: Place
  against?: Place
  figure: string
  most?: number
  least?: number
}
interface Report {
  rows: Row[]
  [other: string]: unknown
}

const bench = (file: string): Promise<unknown> =>
  import(new URL(`../../bench/${file}`, import.meta.url).href) as Promise<unknown>
const { ratio, summary, verdict } = (await bench('figures.mjs')) as {
  ratio: (of: Run[], against: Run[], figure: string) => Summary | undefined
  summary: (values: number[]) => Summary | undefined
  verdict: (found: Summary, bar: { most?: number; least?: number }) => string
}
const { SCENARIOS, stepsOf } = (await bench('scenarios.mjs')) as {
  SCENARIOS: Record<string, { servers: string[]; base: string }>
  stepsOf: (name: string) => [string, { connections: number }][]
}
const { BARS } = (await bench('bars.mjs')) as { BARS: Bar[] }
const { SERVERS } = (await bench('servers.mjs')) as { SERVERS: Record<string, unknown> }
const { compare } = (await bench('history.mjs')) as {
  compare: (then: Report, now: Report) => { what: string; against: string; verdict: string }[]
}
const { markdown } = (await bench('report.mjs')) as { markdown: (report: Report, isInRatios?: boolean) => string }
const { writePlots } = (await bench('plots.mjs')) as { writePlots: (report: Report, folder: string) => unknown }

const runsOf = (...costs: number[]): Run[] =>
  costs.map((cpu, index) => ({
    round: index + 1,
    cpu,
    rate: 1e6 / cpu,
    p50: cpu,
    p99: cpu * 2,
    p999: cpu * 3,
    peak: 1e6,
  }))
const row = (server: string, ...costs: number[]): Row => ({
  scenario: 'hello',
  server,
  step: 'all',
  runs: runsOf(...costs),
})
const reportOf = (...rows: Row[]): Report => ({
  rows,
  machine: { processor: 'a processor', cores: 2, memory: '1 GB', system: 'Linux', node: 'v20', io: 'auto' },
  versions: {},
  settings: { rounds: 3, seconds: 1, warmUp: 1 },
  commit: 'abc',
  load: 0,
  leftOut: [['Bun', 'it is fetched only when asked for']],
  failures: [],
})

describe('figures', () => {
  it('are medians with their spread', () => {
    expect(summary([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 })
    expect(summary([4, 1, 2, 3])).toEqual({ median: 2.5, least: 1, most: 4 })
    expect(summary([])).toBeUndefined()
  })

  it('are compared round by round, so that a machine that is slow for a while does not count', () => {
    expect(ratio(runsOf(10, 50, 20), runsOf(20, 100, 40), 'cpu')).toEqual({
      median: 0.5,
      least: 0.5,
      most: 0.5,
      isTold: true,
    })
    expect(ratio(runsOf(10, 10), runsOf(20), 'cpu')).toMatchObject({ least: 0.5, most: 0.5 })
    expect(ratio(runsOf(10), [], 'cpu')).toBeUndefined()
  })

  it('give no ratio whose spread is wider than it', () => {
    expect(ratio(runsOf(10, 10, 10), runsOf(30, 10, 5), 'cpu')).toMatchObject({ median: 1, isTold: false })
    const text = markdown(reportOf(row('Gyre', 10, 10, 10), row('uWebSockets.js', 30, 10, 5)), true)
    expect(text).toContain('| uWebSockets.js | not told: 0.50-3.00 |')
    expect(text).toMatch(/Gyre \/ uWebSockets.js: \(0.33-2.00\); bar: at most 1.00; undecided/)
  })

  it('judge a bar, and say where the rounds do not agree', () => {
    expect(verdict({ median: 0.9, least: 0.8, most: 1 }, { most: 1 })).toBe('met')
    expect(verdict({ median: 0.9, least: 0.8, most: 1.1 }, { most: 1 })).toBe('met, though not in every round')
    expect(verdict({ median: 2, least: 1.9, most: 2.5 }, { least: 3 })).toBe('not met')
    expect(verdict({ median: 2, least: 1.9, most: 3.5 }, { least: 3 })).toBe('not met, though not in every round')
  })
})

describe('the tables of the benchmarks', () => {
  it('name servers that there are', () => {
    for (const { servers, base } of Object.values(SCENARIOS)) {
      expect(servers).toContain(base)
      expect(Object.keys(SERVERS)).toEqual(expect.arrayContaining(servers))
    }
  })

  it.each(BARS.map((bar) => [`${bar.of.scenario}, ${bar.of.server} ${bar.of.step}, ${bar.figure}`, bar] as const))(
    'have what a bar speaks of: %s',
    (_title, { of, against = of, most, least }) => {
      for (const { scenario, server, step } of [of, against]) {
        expect(SCENARIOS[scenario]?.servers).toContain(server)
        expect(stepsOf(scenario).map(([name]) => name)).toContain(step)
      }
      expect([most, least].filter((number) => number !== undefined)).toHaveLength(1)
    },
  )
})

describe('a report', () => {
  it('says what was left out, and has absolute figures only where they are wanted', () => {
    const report = reportOf(row('Gyre', 10, 11, 12), row('node:http', 20, 22, 24))
    expect(markdown(report)).toContain('| node:http | 22.0 (20.0-24.0) | 2.00 (2.00-2.00) |')
    expect(markdown(report)).toContain('left out: Bun: it is fetched only when asked for')
    expect(markdown(report, true)).toContain('| node:http | 2.00 (2.00-2.00) |')
    expect(markdown(report, true)).not.toContain('22.0')
  })

  it('is drawn', () => {
    const folder = mkdtempSync(join(tmpdir(), 'gyre-plots-'))
    try {
      writePlots(reportOf(row('Gyre', 10, 11, 12), row('node:http', 20, 22, 24)), folder)
      expect(readdirSync(folder).sort()).toEqual(['hello-cost.svg', 'hello-duration.svg', 'index.html'])
      expect(readFileSync(join(folder, 'hello-cost.svg'), 'utf8')).toMatch(/^<svg [^]*node:http[^]*2\.00[^]*<\/svg>\n$/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('is compared with an earlier one by a server that we have not changed', () => {
    const then = reportOf(row('Gyre', 10, 10, 10), row('node:http', 20, 20, 20))
    const slowerMachine = reportOf(row('Gyre', 20, 22, 20), row('node:http', 40, 44, 40))
    const slowerCode = reportOf(row('Gyre', 15, 16, 15), row('node:http', 20, 20, 20))
    expect(compare(then, slowerMachine)).toMatchObject([
      { what: 'hello, Gyre', against: 'node:http', verdict: 'no change beyond the spread' },
    ])
    expect(compare(then, slowerCode)).toMatchObject([{ verdict: 'costs more' }])
    expect(compare(slowerCode, then)).toMatchObject([{ verdict: 'costs less' }])
  })
})
