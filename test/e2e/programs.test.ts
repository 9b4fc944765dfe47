/*
 * The examples, a worker thread, and real clients.
 */
import { execFile, spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { chooseIo } from '../../lib/io/index.ts'
import { serve } from '../support/serve.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

/** Starts an example and gives the first URL that it prints. */
async function start(name: string): Promise<{ url: string; stop: () => Promise<number | null> }> {
  const child = spawn(process.execPath, [`${root}.build/examples/${name}.js`], { env: { ...process.env, PORT: '0' } })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const stop = (): Promise<number | null> => {
    child.kill('SIGTERM')
    return exited
  }
  stops.push(stop)
  let output = ''
  for await (const bytes of child.stdout) {
    output += String(bytes)
    const url = /http:\S+/.exec(output)?.[0]
    if (url !== undefined) return { url, stop }
  }
  throw new Error(`${name} printed no URL: ${output}`)
}

describe('examples', () => {
  const files = readdirSync(`${root}examples`).filter((file) => file.endsWith('.ts'))
  test.each(files)('%s is short, and opens with what it shows', (file) => {
    const text = readFileSync(`${root}examples/${file}`, 'utf8')
    expect(text.split('\n').length).toBeLessThan(62)
    expect(text).toMatch(/^\/\*\n \* [A-Z]/)
  })

  test('01-hello', async () => {
    const { url, stop } = await start('01-hello')
    expect(await (await fetch(`${url}you`)).text()).toBe('hello /you\n')
    expect(await stop()).toBe(0)
  })

  test('02-stream-body', async () => {
    const { url } = await start('02-stream-body')
    const sent = Buffer.alloc(3_000_000, 'x')
    const { size, sha256 } = (await (await fetch(`${url}hash`, { method: 'POST', body: sent })).json()) as Record<
      string,
      unknown
    >
    expect([size, sha256]).toEqual([
      3_000_000,
      (await import('node:crypto')).createHash('sha256').update(sent).digest('hex'),
    ])
    expect((await (await fetch(`${url}count`)).text()).trimEnd().split('\n')).toHaveLength(100_000)
  })

  test('07-fetch', async () => {
    const { url, stop } = await start('07-fetch')
    expect(await (await fetch(`${url}api`)).text()).toBe('hello 127.0.0.1\n')
    const echo = await fetch(`${url}api/echo`, { method: 'POST', body: '{"a":1}' })
    expect(await echo.json()).toEqual({ a: 1 })
    expect((await fetch(`${url}api/nothing`)).status).toBe(404)
    expect(await (await fetch(`${url}quick/x`)).text()).toBe('you asked for /x\n')
    expect((await fetch(`${url}order`)).status).toBe(202)
    expect(await stop()).toBe(0)
  })

  test('03-wsgi-beside-native', async () => {
    const { url, stop } = await start('03-wsgi-beside-native')
    const native = await fetch(url)
    expect([native.status, await native.text()]).toEqual([200, expect.stringContaining('A native handler')])
    const hosted = await fetch(`${url}wsgi/a%20b?c=<d>`)
    const text = await hosted.text()
    expect(hosted.status).toBe(200)
    expect(text).toContain('<th>SCRIPT_NAME<td>/wsgi')
    expect(text).toContain('<th>PATH_INFO<td>/a b')
    expect((await fetch(`${url}nothing`)).status).toBe(404)
    expect(await stop()).toBe(0)
  })

  test('04-tasks', async () => {
    const { stdout } = await run(process.execPath, [`${root}.build/examples/04-tasks.js`])
    expect(stdout).toMatch(/ada step 1[^]*bob step 2[^]*cleaned up\n[^]*cleaned up\nnot done within 100 ms\n$/)
  })

  test('05-test-your-handler', async () => {
    const { stdout } = await run(process.execPath, [`${root}.build/examples/05-test-your-handler.js`])
    expect(stdout).toMatch(
      /^requests: .*\ntime limit: kept after 2000 ms .*\n0 of \d{3} attacks found a fault \(seed 7\)\n$/,
    )
  })
})

test('a worker thread serves through the node io, and says why', async () => {
  const program = `
    const { parentPort } = require('node:worker_threads')
    import('${new URL('../../dist/index.js', import.meta.url).href}').then(async ({ createServer }) => {
      const server = createServer({ io: 'auto' }, function* (request, response) { response.json(server.statistics().io) })
      const { url } = await server.listen({ port: 0, host: '127.0.0.1' })
      parentPort.once('message', () => server.close())
      parentPort.postMessage(url)
    })`
  const worker = new Worker(program, { eval: true })
  const url = await new Promise<string>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  expect(await (await fetch(url)).json()).toEqual({
    kind: 'node',
    why: 'a worker thread has no loop that epoll could be a guest of',
  })
  worker.postMessage('stop')
  expect(await new Promise((resolve) => worker.once('exit', resolve))).toBe(0)
})

test('statistics say which io serves', async () => {
  const { server } = await serve(function* () {})
  expect(server.statistics().io).toEqual({ kind: chooseIo().kind, why: 'GYRE_IO asks for it' })
})

const curl = existsSync('/usr/bin/curl')
test.skipIf(!curl)(
  'curl: uploads, Expect, HTTP/1.0, HEAD, ranges of keep-alive (skipped where curl, package curl, is missing)',
  async () => {
    const { url } = await serve(function* (request, response) {
      response.text(`${request.method} ${request.httpVersion} ${(yield* request.bytes()).length}`)
    })
    const ask = async (...args: string[]) => (await run('curl', ['-sS', '--max-time', '10', ...args])).stdout
    expect(await ask(url, url)).toBe('GET 1.1 0GET 1.1 0')
    expect(await ask('-0', url)).toBe('GET 1.0 0')
    expect(await ask('-I', url)).toContain('Content-Length: 10')
    expect(await ask('--data-binary', `@${root}package-lock.json`, '-H', 'Expect: 100-continue', url)).toMatch(
      /^POST 1.1 \d{5,}$/,
    )
    expect(await ask('--data-binary', `@${root}package.json`, '-H', 'Transfer-Encoding: chunked', url)).toMatch(
      /^POST 1.1 \d{4}$/,
    )
  },
)
