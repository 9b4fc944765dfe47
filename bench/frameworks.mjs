/*
 * `npm run bench:frameworks`: what a request costs in processor time through Express, Fastify and Koa, on Gyre and on
 * node:http, in one run, and through a fetch-style application beside a native handler. Express and Fastify on Gyre may take at most 0.7 of what they take on node:http.
 *
 *   node bench/frameworks.mjs [--rounds 5] [--seconds 3] [--only express]
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cellsOf, costOf, measureInTurn } from './harness.mjs'

const BARS = { express: 0.7, fastify: 0.7 }

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
})
const program = fileURLToPath(new URL('servers/frameworks.mjs', import.meta.url))
const isWanted = (name) => values.only === undefined || values.only.split(',').includes(name)
const frameworks = ['listener', 'express', 'fastify', 'koa'].filter(isWanted)
const servers = new Map(
  frameworks.flatMap((name) =>
    ['gyre', 'node:http'].map((place) => [`${name} on ${place}`, [process.execPath, program, name, place]]),
  ),
)

if (isWanted('fetch'))
  for (const name of ['native', 'fetch']) servers.set(name, [process.execPath, program, name, 'gyre'])

process.env.NODE_ENV = 'production'
const results = await measureInTurn(servers, { ...values, only: undefined })
console.log('| hello | CPU µs per request | requests per second | p99 | against node:http |')
console.log('| --- | --- | --- | --- | --- |')
let isWithin = true
for (const name of frameworks) {
  const [ours, theirs] = [`${name} on gyre`, `${name} on node:http`]
  const ratio = costOf(results, ours) / costOf(results, theirs)
  if (ratio > (BARS[name] ?? Infinity)) isWithin = false
  const bar = BARS[name] === undefined ? '' : ` (at most ${BARS[name]})`
  console.log(`| ${[ours, ...cellsOf(results, ours), `${ratio.toFixed(2)}${bar}`].join(' | ')} |`)
  console.log(`| ${[theirs, ...cellsOf(results, theirs), '1'].join(' | ')} |`)
}
if (isWanted('fetch')) {
  const ratio = costOf(results, 'fetch') / costOf(results, 'native')
  console.log(`| ${['native on gyre', ...cellsOf(results, 'native'), ''].join(' | ')} |`)
  console.log(`| ${['fetch on gyre', ...cellsOf(results, 'fetch'), ''].join(' | ')} |`)
  console.log(`\nfetch / native: ${ratio.toFixed(2)}`)
}
process.exitCode = isWithin ? 0 : 1
