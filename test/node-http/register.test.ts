/*
 * The preload: unchanged programs, in processes of their own, by both ways to load it.
 */
import { execFile } from 'node:child_process'
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
