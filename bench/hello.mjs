/*
 * `npm run bench:hello`: what a request costs in processor time, server by server, in one run.
 *
 *   node bench/hello.mjs [--rounds 5] [--seconds 3] [--only gyre,uws]
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cellsOf, costOf, has, measureInTurn } from './harness.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
})
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const node = (file) => [process.execPath, here(`servers/${file}`)]
const servers = new Map([
  ['gyre', node('gyre.mjs')],
  ['gyre wsgi', node('gyre-wsgi.mjs')],
  ['uws', node('uws.mjs')],
  ['node:http', node('node-http.mjs')],
])
if (has('gcc')) {
  const program = join(mkdtempSync(join(tmpdir(), 'gyre-bench-')), 'loop')
  execFileSync('gcc', ['-O2', '-o', program, here('servers/loop.c')])
  servers.set('C loop', [program])
}

const results = await measureInTurn(servers, values)
console.log('| server | CPU µs per request | requests per second | p99 | against gyre |')
console.log('| --- | --- | --- | --- | --- |')
const base = costOf(results, 'gyre') ?? NaN
for (const name of results.keys())
  console.log(`| ${[name, ...cellsOf(results, name), (costOf(results, name) / base).toFixed(2)].join(' | ')} |`)
const ratio = (one, other) => {
  if (!results.has(one) || !results.has(other)) return
  console.log(`${one} / ${other}: ${(costOf(results, one) / costOf(results, other)).toFixed(2)}`)
}
console.log('')
for (const other of ['uws', 'node:http', 'C loop']) ratio('gyre', other)
ratio('gyre wsgi', 'gyre')
