/*
 * `npm run conformance:wsgi`: tries W1 to W33 on our ways, or on any container that serves app.mjs or app.py:
 *
 *   npm run conformance:wsgi
 *   npm run conformance:wsgi -- --url http://127.0.0.1:8000/
 *
 * Prints every number with pass or fail. Ends with 1 where one of ours has failed, or the one at the URL.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { RULES, tryRule } from './rules.mjs'

const { values } = parseArgs({ options: { url: { type: 'string' }, only: { type: 'string' } } })
const folder = mkdtempSync(join(tmpdir(), 'wsgi-conformance-'))

async function start(way) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./serve.mjs', import.meta.url)), way], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, WSGI_CONFORMANCE_LOG: folder },
  })
  const port = await new Promise((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(String(data).trim()))
    child.once('exit', (code) => reject(new Error(`the server has ended with ${code}`)))
  })
  return { url: `http://127.0.0.1:${port}/`, stop: () => child.kill() }
}

const targets = []
if (values.url !== undefined) targets.push({ name: values.url, url: values.url, stop: () => undefined })
else
  for (const name of (values.only ?? 'inline,generator,threads,one-thread').split(','))
    targets.push({ name, ...(await start(name)) })

let failures = 0
console.log(`     ${targets.map(({ name }) => name.padEnd(12)).join(' ')}`)
for (const rule of Object.keys(RULES)) {
  const found = []
  for (const { url } of targets) found.push(await tryRule(rule, url))
  console.log(`${rule.padEnd(4)} ${found.map((what) => (what === undefined ? 'pass' : 'FAIL').padEnd(12)).join(' ')}`)
  for (const [at, what] of found.entries()) {
    if (what === undefined) continue
    failures++
    console.log(`       ${targets[at].name}: ${what}`)
  }
}
console.log(`${Object.keys(RULES).length * targets.length - failures} passed, ${failures} failed`)
for (const { stop } of targets) stop()
rmSync(folder, { recursive: true, force: true })
process.exit(failures === 0 ? 0 : 1)
