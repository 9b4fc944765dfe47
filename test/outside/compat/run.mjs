/*
 * `npm run outside:compat -- --from <folder>`: the tests of Node's own HTTP server and of the frameworks that stand on
 * it, with our server in its place. Each suite is run on node:http first (kept in the folder for the next time), then
 * with the preload. Every test that passes there and fails here must have its reason in deviations.json: one without is
 * printed as UNNAMED and fails the run, and so does a reason that no test needs.
 *
 *   --from <folder>      holds the suites; `npm run outside:compat:fetch -- <folder>` fetches them
 *   --register <file>    what puts the server in place; `identity` leaves node:http's there, to see the suite run;
 *                        without it: node-http/register of dist
 *   --suite <name>       one suite, or several with commas; --file <path> one file of it, or several
 *   --concurrency <n>    how many of Node's tests run at once (4); who fails so is tried again by twos
 *   --fresh              runs the suites on node:http again
 *   --page               writes the table into docs/compatibility.md
 *   --why                prints what each failed test said
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compare } from './compare.mjs'
import { writePage } from './page.mjs'
import { baselineOf, runSuite } from './results.mjs'
import { SUITES } from './suites.mjs'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    register: { type: 'string' },
    suite: { type: 'string' },
    file: { type: 'string' },
    concurrency: { type: 'string', default: '4' },
    fresh: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
    why: { type: 'boolean', default: false },
  },
})

function stop(message) {
  process.stderr.write(`gyre: ${message}\n`)
  process.exit(2)
}

if (values.from === undefined)
  stop('--from <folder> is missing: the folder of `npm run outside:compat:fetch -- <folder>`')
const from = resolve(values.from)
const names = values.suite?.split(',') ?? Object.keys(SUITES)
for (const name of names) {
  if (SUITES[name] === undefined) stop(`there is no suite ${name}, only ${Object.keys(SUITES).join(', ')}`)
  if (!existsSync(join(from, name, SUITES[name].holds))) stop(`${from} does not hold ${name}/${SUITES[name].holds}`)
}
if (values.file !== undefined && names.length !== 1) stop('--file wants one --suite')

const isIdentity = values.register === 'identity'
const register = isIdentity ? '' : resolve(values.register ?? join(root, 'dist/node-http/register.js'))
if (!isIdentity && !existsSync(register)) stop(`there is no ${register}; has it been built?`)

const deviations = JSON.parse(readFileSync(new URL('deviations.json', import.meta.url), 'utf8'))
const files = values.file?.split(',') ?? []
const isTerminal = process.stderr.isTTY
const rows = []
for (const name of names) {
  const tell = (what) => {
    if (isTerminal) process.stderr.write(`\r\x1b[K${name}: ${what}`)
  }
  const how = { from, files, concurrency: Number(values.concurrency), isFresh: values.fresh }
  const on = (place) => ({ ...how, onProgress: (progress) => tell(`${progress} on ${place}`) })
  tell('on node:http')
  // Single files are run there anew, so that trying one needs no run of all.
  const baseline =
    files.length > 0
      ? await runSuite(name, { ...on('node:http'), register: '' })
      : await baselineOf(name, on('node:http'))
  tell('with the preload')
  const run = isIdentity && files.length === 0 ? baseline : await runSuite(name, { ...on('Gyre'), register })
  if (isTerminal) process.stderr.write('\r\x1b[K')
  const row = compare(name, baseline, run, deviations, files)
  rows.push(row)
  print(row)
}
if (values.page) writePage(join(root, 'docs/compatibility.md'), rows, deviations)
process.exit(rows.some(({ unnamed, stale }) => unnamed.length > 0 || stale.length > 0) ? 1 : 0)

function print({ title, tests, onNode, onGyre, listened, swapped, failures, unnamed, stale }) {
  console.log(
    `${title}: ${tests} tests, ${onNode} pass on node:http, ${onGyre} here; ` +
      `${swapped} of ${listened} servers that listened were swapped`,
  )
  for (const { key, why, reason, isOnNode } of failures) {
    const verdict = isOnNode ? 'fails on node:http too' : (reason ?? 'UNNAMED')
    console.log(`  ${key}: ${verdict}`)
    if (values.why || (reason === undefined && !isOnNode)) console.log(why.replace(/^/gm, '      '))
  }
  if (unnamed.length > 0) console.log(`  ${unnamed.length} failures have no reason in deviations.json`)
  for (const key of stale) console.log(`  STALE: ${key} has a reason in deviations.json, and passes`)
}
