/*
 * The preload: unchanged programs, in processes of their own, by both ways to load it.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const register = new URL('../../dist/node-http/register.js', import.meta.url).href
const SERVE = `
  const server = createServer((req, res) => res.end('served by ' + (typeof server.statistics)))
  server.listen(0, async () => {
    const answer = await fetch('http://127.0.0.1:' + server.address().port)
    console.log(await answer.text())
    server.close()
  })`

async function run(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 })
  return stdout.trim()
}

test('an ES module gets our server, by name and as a member, and ends by itself', async () => {
  const program = `import http, { Server, createServer } from 'node:http'
    if (http.createServer !== createServer || http.Server !== Server) throw new Error('not the same')
    ${SERVE}`
  expect(await run('--import', register, '--input-type=module', '-e', program)).toBe('served by function')
})

test('so does CommonJS', async () => {
  const program = `const { createServer } = require('http');${SERVE}`
  expect(await run('-r', new URL(register).pathname, '-e', program)).toBe('served by function')
})

test('what a listener throws is an uncaught exception, and the server goes on', async () => {
  const program = `import { createServer } from 'node:http'
    process.on('uncaughtException', (error) => console.log('uncaught ' + error.message))
    const server = createServer((req, res) => { res.end('answered'); throw new Error('mistake') })
    server.listen(0, async () => {
      for (let round = 0; round < 2; round++)
        console.log(await (await fetch('http://127.0.0.1:' + server.address().port)).text())
      server.close()
    })`
  expect(await run('--import', register, '--input-type=module', '-e', program)).toBe(
    ['uncaught mistake', 'answered', 'uncaught mistake', 'answered'].join('\n'),
  )
})

test('a server that is unref’d keeps no process', async () => {
  const program = `import { createServer } from 'node:http'
    createServer().listen(0, () => console.log('listens')).unref()
    setTimeout(() => undefined, 50)`
  expect(await run('--import', register, '--input-type=module', '-e', program)).toBe('listens')
})

test.each(['SCHED_RR', 'SCHED_NONE'])(
  'workers of a cluster share a port and end by disconnect, with %s',
  async (policy) => {
    const folder = await mkdtemp(join(tmpdir(), 'gyre-cluster-'))
    const program = `import cluster from 'node:cluster'
    import { once } from 'node:events'
    import { createServer } from 'node:http'
    if (cluster.isPrimary) {
      cluster.schedulingPolicy = cluster.${policy}
      const workers = [cluster.fork(), cluster.fork()]
      const ports = await Promise.all(workers.map(async (worker) => (await once(worker, 'listening'))[0].port))
      for (const worker of workers) {
        console.log(await (await fetch('http://127.0.0.1:' + ports[0], { headers: { connection: 'close' } })).text())
        worker.disconnect()
        console.log((await once(worker, 'exit'))[0])
      }
      console.log(ports[0] === ports[1])
    } else createServer((req, res) => res.end('served')).listen(0, '127.0.0.1')`
    try {
      const file = join(folder, 'program.mjs')
      await writeFile(file, program)
      expect(await run('--import', register, file)).toBe(['served', '0', 'served', '0', 'true'].join('\n'))
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)
