/*
 * Plots of a run, as SVG and in one page: ratios only. Bars have the median, lines across them the spread; steps of one
 * server are a line, and durations are dots on a logarithmic scale.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import domino from '@mixmark-io/domino'
import * as Plot from '@observablehq/plot'
import { preface, toBase } from './report.mjs'
import { SCENARIOS, stepsOf } from './scenarios.mjs'
import { SERVERS } from './servers.mjs'

const WIDTH = 720
const OURS = '#0b7285'
const OTHERS = '#adb5bd'
const SPREAD = '#212529'
const PLACE_OF_NAMES = 170

const one = { median: 1, least: 1, most: 1, isTold: true }
const whole = (rows, row, figure) => toBase(rows, row, figure) ?? one

function draw(title, options) {
  const document = domino.createDocument('')
  const svg = Plot.plot({ document, width: WIDTH, ...options })
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', title)
  // A reader with a dark page sees the plot on white, as it was made.
  svg.setAttribute('style', 'background: white; color: #212529')
  return svg.outerHTML
}

const columnsOf = (rows, own, figure) =>
  own
    .map((row) => ({ name: row.server, ours: SERVERS[row.server]?.ours === true, ...whole(rows, row, figure) }))
    .filter(({ isTold }) => isTold)

/** What each server takes, against the base. */
function costs(rows, scenario, own) {
  const data = columnsOf(rows, own, 'cpu')
  const label = `CPU per request, ${SCENARIOS[scenario].base} = 1`
  return draw(`${scenario}: ${label}`, {
    marginLeft: PLACE_OF_NAMES,
    marginRight: 60,
    x: { label, grid: true, zero: true },
    y: { label: null, domain: data.map(({ name }) => name) },
    marks: [
      Plot.barX(data, { x: 'median', y: 'name', fill: ({ ours }) => (ours ? OURS : OTHERS) }),
      Plot.ruleY(data, { x1: 'least', x2: 'most', y: 'name', stroke: SPREAD, strokeWidth: 1.5 }),
      Plot.text(data, { x: 'most', y: 'name', text: ({ median }) => median.toFixed(2), dx: 6, textAnchor: 'start' }),
      Plot.ruleX([0]),
    ],
  })
}

const PERCENTILES = { p50: 'p50', p99: 'p99', p999: 'p99.9' }

/** How long requests take, against the same percentile of the base. */
function latencies(rows, scenario, own) {
  const data = Object.entries(PERCENTILES).flatMap(([figure, percentile]) =>
    columnsOf(rows, own, figure).map((column) => ({ ...column, percentile })),
  )
  const label = `duration, ${SCENARIOS[scenario].base} = 1`
  return draw(`${scenario}: ${label}`, {
    marginLeft: PLACE_OF_NAMES,
    marginRight: 50,
    x: { label, type: 'log', grid: true, ticks: 6, tickFormat: (value) => String(value) },
    y: { label: null, domain: own.map(({ server }) => server) },
    fy: { label: null, domain: Object.values(PERCENTILES) },
    marks: [
      Plot.ruleX([1], { stroke: SPREAD, strokeDasharray: '2,3' }),
      Plot.ruleY(data, { fy: 'percentile', x1: 'least', x2: 'most', y: 'name', stroke: SPREAD }),
      Plot.dot(data, { fy: 'percentile', x: 'median', y: 'name', r: 4, fill: ({ ours }) => (ours ? OURS : OTHERS) }),
    ],
  })
}

/** How the cost changes from step to step, against the first. */
function steps(rows, scenario, own) {
  const data = own.map((row) => ({ name: row.server, step: row.step, ...whole(rows, row, 'cpu') }))
  const label = `CPU per request, ${stepsOf(scenario)[0][0]} = 1`
  return draw(`${scenario}: ${label}`, {
    marginRight: 100,
    x: { label: null, type: 'point', domain: stepsOf(scenario).map(([name]) => name) },
    y: { label, grid: true, zero: true },
    color: { domain: [...new Set(data.map(({ name }) => name))] },
    marks: [
      Plot.ruleX(data, { x: 'step', y1: 'least', y2: 'most', stroke: 'name', strokeOpacity: 0.5 }),
      Plot.line(data, { x: 'step', y: 'median', stroke: 'name' }),
      Plot.dot(data, { x: 'step', y: 'median', fill: 'name' }),
      Plot.text(
        data.filter(({ step }) => step === stepsOf(scenario).at(-1)[0]),
        {
          x: 'step',
          y: 'median',
          text: 'name',
          dx: 8,
          textAnchor: 'start',
        },
      ),
    ],
  })
}

/**
 * Writes one file for each plot, and `index.html` with all of them.
 *
 * @returns the names of the files by scenario
 */
export function writePlots(report, folder) {
  mkdirSync(folder, { recursive: true })
  const { rows } = report
  const written = {}
  let page = ''
  for (const scenario of new Set(rows.map((row) => row.scenario))) {
    const own = rows.filter((row) => row.scenario === scenario)
    const kinds = SCENARIOS[scenario].steps === undefined ? { cost: costs, duration: latencies } : { steps }
    page += `<h2>${scenario}: ${SCENARIOS[scenario].title}</h2>\n`
    written[scenario] = Object.entries(kinds).map(([kind, make]) => {
      const picture = make(rows, scenario, own)
      const file = `${scenario}-${kind}.svg`
      writeFileSync(join(folder, file), `${picture}\n`)
      page += `${picture}\n`
      return file
    })
  }
  const facts = preface(report).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('\n', '<br>\n')
  writeFileSync(
    join(folder, 'index.html'),
    `<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Gyre: benchmarks</title>\n` +
      `<style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 45rem; margin: 2rem auto; background: white; color: #212529 }</style>\n` +
      `<h1>Gyre: benchmarks</h1>\n<p>${facts}</p>\n<p>Read the ratios: absolute figures are of one machine.</p>\n${page}</html>\n`,
  )
  return written
}
