/*
 * Writes docs/errors.md and docs/limits.md from the tables of lib/base, and the states of a task into docs/cancellation.md.
 * With --print it prints them, for the test that compares.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { ERRORS, LIMITS, WSGI_LIMITS } from '../dist/base/index.js'
import { TASK_STATES } from '../dist/kernel/index.js'

const WHO = {
  client: 'the client',
  app: 'the application',
  operator: 'whoever set the server up',
  server: 'Gyre or the system',
}

let errors = `# Errors

Every error that Gyre raises has a \`code\`, a \`status\` (what a client is answered, where there is one to answer) and
a \`blame\`. Made from [lib/base/errors.ts](../lib/base/errors.ts) by \`.ci/make-tables.mjs\`.

A task that is cancelled is thrown \`Cancelled\` (code \`GYRE_CANCELLED\`), which is no GyreError: let it pass.

| code | status | whose fault | what it means |
| --- | --- | --- | --- |
`
for (const [code, { status, blame, text }] of Object.entries(ERRORS))
  errors += `| \`${code}\` | ${status === 0 ? 'none' : status} | ${WHO[blame]} | ${text} |\n`

const HEADINGS = `| limit | default | highest | why | what others chose |
| --- | --- | --- | --- | --- |
`
const rows = (table) =>
  Object.entries(table)
    .map(([name, { value, unit, why, precedent, most }]) => {
      const shown = `${value.toLocaleString('en')} ${unit === 'count' ? '' : unit}`
      return `| \`${name}\` | ${shown} | ${most === Infinity ? 'none' : most.toLocaleString('en')} | ${why} | ${precedent} |\n`
    })
    .join('')

const limits = `# Limits

All are on by default. Set them by name, \`createServer({ limits: { bodyBytes: 10_000_000 } }, handler)\`; \`Infinity\`
lifts one that has no highest value. Made from [lib/base/limits.ts](../lib/base/limits.ts) by \`.ci/make-tables.mjs\`.

${HEADINGS}${rows(LIMITS)}
## Of a WSGI mount

Set where the application is mounted, \`wsgiThreads(module, { limits: { threads: 8 } })\`
([wsgi-three-ways.md](wsgi-three-ways.md)).

${HEADINGS}${rows(WSGI_LIMITS)}`

let states = '```mermaid\nstateDiagram-v2\n  [*] --> ready: spawn\n'
for (const [state, events] of Object.entries(TASK_STATES)) {
  const ways = Object.entries(events)
  for (const [event, next] of ways) states += `  ${state} --> ${next}: ${event}\n`
  if (ways.length === 0) states += `  ${state} --> [*]\n`
}
const cancellation = readFileSync(new URL('../docs/cancellation.md', import.meta.url), 'utf8').replace(
  /(<!-- states: .*-->\n)[^]*(<!-- end of states -->)/,
  (_whole, begin, end) => `${begin}\n${states}\`\`\`\n\n${end}`,
)

const pages = { 'docs/errors.md': errors, 'docs/limits.md': limits, 'docs/cancellation.md': cancellation }
if (process.argv.includes('--print')) process.stdout.write(JSON.stringify(pages))
else for (const [path, text] of Object.entries(pages)) writeFileSync(new URL(`../${path}`, import.meta.url), text)
