/*
 * The recipes of examples/embedding as programs, each on Gyre and on node:http: the same requests must get the same
 * answers, field by field in their order.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { io } from 'socket.io-client'
import type { Socket } from 'socket.io-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { eventually } from '../support/serve.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const built = join(root, '.build/examples/embedding')
// Beside the others, so that the same packages are found.
const onNode = join(root, `.build/embedding-on-node-${process.pid}`)
const names = readdirSync(join(root, 'examples/embedding'))
  .filter((file) => !file.endsWith('.d.ts'))
  .map((file) => file.replace(/\.ts$/, ''))
const vite = mkdtempSync(join(tmpdir(), 'gyre-vite-'))
const running = new Set<ChildProcess>()

beforeAll(() => {
  mkdirSync(onNode, { recursive: true })
  for (const name of names) {
    const from = join(built, `${name}.js`)
    const to = join(onNode, `${name}.js`)
    // As long, and as old: what is sent of files shows both.
    const text = readFileSync(from, 'utf8').replace("'gyre/node-http'", "'node:http'     ")
    writeFileSync(to, text)
    const { atime, mtime } = statSync(from)
    utimesSync(to, atime, mtime)
  }
  writeFileSync(join(vite, 'index.html'), '<!doctype html><script type=module src=/main.ts></script>\n')
  writeFileSync(join(vite, 'main.ts'), 'const title: string = "typed"\ndocument.title = title\n')
})

afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(onNode, { recursive: true, force: true })
  rmSync(vite, { recursive: true, force: true })
})

interface Program {
  child: ChildProcess
  port: number
  output: () => string
  /** Asks it to end. @returns its exit code */
  stop: () => Promise<number | null>
}

async function start(folder: string, name: string): Promise<Program> {
  const child = spawn(process.execPath, [join(folder, `${name}.js`)], {
    env: { ...process.env, PORT: '0', VITE_ROOT: vite, NODE_ENV: 'production' },
  })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (output += String(bytes)))
  await eventually(() => /:\d+\/\n/.test(output) || child.exitCode !== null, `the start of ${name}`)
  const port = Number(/:(\d+)\/\n/.exec(output)?.[1])
  if (Number.isNaN(port)) throw new Error(`${name} did not listen: ${output}`)
  return {
    child,
    port,
    output: () => output,
    async stop() {
      const exited = once(child, 'exit') as Promise<[number | null]>
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
      const [code] = await exited
      clearTimeout(late)
      return code
    },
  }
}

interface Question {
  path: string
  method?: string
  headers?: Record<string, string>
  body?: string
}

interface Answer {
  status: number | undefined
  fields: string[]
  body: string
}

function ask(port: number, { path, method = 'GET', headers = {}, body }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ port, host: '127.0.0.1', method, path, headers: { Host: 'localhost', ...headers } })
    call.on('error', reject)
    call.on('response', (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => {
        const fields: string[] = []
        for (let at = 0; at < response.rawHeaders.length; at += 2)
          fields.push(settled(String(response.rawHeaders[at]), String(response.rawHeaders[at + 1])))
        resolve({ status: response.statusCode, fields, body: Buffer.concat(pieces).toString('latin1') })
      })
    })
    call.end(body)
  })
}

/** A field without what differs from one answer to the next. */
function settled(name: string, value: string): string {
  if (name === 'Date') return `${name}: now`
  if (/^(set-cookie|x-response-time)$/i.test(name)) return `${name}: ${value.replace(/(=s%3A)[^;]*|\d+/, '$1')}`
  return `${name}: ${value}`
}

const json = { 'Content-Type': 'application/json' }
const RECIPES: Record<string, { questions: Question[]; statuses: number[]; says: RegExp }> = {
  '01-express5': {
    questions: [
      { path: '/' },
      { path: '/sum', method: 'POST', headers: json, body: '[1,2,3]' },
      { path: '/sum', method: 'POST', headers: json, body: '[1,' },
      { path: '/source', headers: { Range: 'bytes=0-10' } },
      { path: '/source', headers: { Range: 'bytes=99999999-' } },
      { path: '/source', method: 'HEAD' },
      { path: '/lines' },
      { path: '/broken' },
      { path: '/nothing' },
    ],
    statuses: [200, 200, 500, 206, 500, 200, 200, 500, 404],
    says: /hello from Express\n.*"sum":6.*one\ntwo\nthree\n.*as it happens/s,
  },
  '02-express4': {
    questions: [
      { path: '/' },
      { path: '/form', method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'a=1' },
      { path: '/long', headers: { 'Accept-Encoding': 'gzip' } },
      { path: '/long', method: 'HEAD' },
      { path: '/nothing' },
    ],
    statuses: [200, 200, 200, 200, 404],
    says: /visit 1\n.*{"a":"1"}/s,
  },
  '03-koa': {
    questions: [
      { path: '/' },
      { path: '/echo', method: 'POST', body: '{"a":[1]}' },
      { path: '/lines' },
      { path: '/away' },
      { path: '/nothing' },
    ],
    statuses: [200, 200, 200, 302, 404],
    says: /hello from Koa\n.*{"a":\[1\]}.*one\ntwo\nthree\n.*no such page/s,
  },
  '04-fastify': {
    questions: [
      { path: '/' },
      { path: '/sum', method: 'POST', headers: json, body: '[1,2,3]' },
      { path: '/sum', method: 'POST', headers: json, body: '["a"]' },
      { path: '/lines' },
      { path: '/broken' },
      { path: '/nothing' },
    ],
    statuses: [200, 200, 400, 200, 500, 404],
    says: /{"hello":"from Fastify"}.*6.*one\ntwo\nthree\n.*as it happens/s,
  },
  '05-hono': {
    questions: [
      { path: '/' },
      { path: '/echo', method: 'POST', headers: json, body: '{"a":[1]}' },
      { path: '/lines' },
      { path: '/header', headers: { 'X-Question': '42' } },
      { path: '/broken' },
      { path: '/nothing' },
    ],
    statuses: [200, 200, 200, 200, 500, 404],
    says: /hello from Hono\n.*{"a":\[1\]}.*one\ntwo\nthree\n.*42.*as it happens/s,
  },
  '06-h3': {
    questions: [
      { path: '/' },
      { path: '/echo', method: 'POST', headers: json, body: '{"a":[1]}' },
      { path: '/who/ada' },
      { path: '/broken' },
      { path: '/nothing' },
    ],
    statuses: [200, 200, 200, 418, 404],
    says: /hello from h3\n.*{[^}]*1[^}]*}.*ada.*a teapot/s,
  },
  '07-connect': {
    questions: [
      { path: '/echo', method: 'POST', headers: json, body: '{"a":[1]}' },
      { path: '/01-express5.js', headers: { Range: 'bytes=0-10' } },
      { path: '/01-express5.js', headers: { 'Accept-Encoding': 'gzip' }, method: 'HEAD' },
      { path: '/nothing' },
      { path: '/../package.json' },
    ],
    statuses: [200, 206, 200, 404, 404],
    says: /{"a":\[1\]}/,
  },
  '08-websocket': {
    questions: [{ path: '/' }, { path: '/echo', headers: { Upgrade: 'websocket', Connection: 'Upgrade' } }],
    statuses: [200, 400],
    says: /wants a WebSocket/,
  },
  '09-socket-io': {
    questions: [{ path: '/' }, { path: '/socket.io/?EIO=4' }, { path: '/socket.io/?EIO=4&transport=x' }],
    statuses: [200, 400, 400],
    says: /hello beside Socket.IO\n.*unknown/s,
  },
  '11-vite': {
    questions: [{ path: '/' }, { path: '/main.ts' }, { path: '/main.ts', headers: { 'If-None-Match': '"x"' } }],
    statuses: [200, 200, 200],
    says: /@vite\/client.*"typed"/s,
  },
}

test('each recipe is short, opens with what it shows, and is tried here', () => {
  expect(names).toEqual([...Object.keys(RECIPES), '10-supertest', '12-fetch'].sort())
  for (const name of names) {
    const text = readFileSync(join(root, `examples/embedding/${name}.ts`), 'utf8')
    expect([name, text.split('\n').length < 60]).toEqual([name, true])
    expect(text).toMatch(/^\/\*\n \* [A-Z]/)
    expect(text).toContain(name === '12-fetch' ? 'fromFetch' : "from 'gyre/node-http'")
  }
})

describe.each(Object.entries(RECIPES))('%s', (name, { questions, statuses, says }) => {
  test('answers as on node:http, and ends when it is asked to', async () => {
    const [ours, theirs] = await Promise.all([start(built, name), start(onNode, name)])
    const answers = async ({ port }: Program): Promise<Answer[]> => {
      const all: Answer[] = []
      for (const question of questions) {
        const { status, fields, body } = await ask(port, question)
        // What a program says of itself holds its own port.
        const portless = (text: string): string => text.replaceAll(String(port), 'PORT')
        all.push({ status, fields: fields.map(portless), body: portless(body) })
      }
      return all
    }
    const [got, expected] = [await answers(ours), await answers(theirs)]
    expect(got).toEqual(expected)
    expect(got.map(({ status }) => status)).toEqual(statuses)
    expect(got.map(({ body }) => body).join('\n')).toMatch(says)
    expect(await Promise.all([ours.stop(), theirs.stop()])).toEqual([0, 0])
  })
})

test('10-supertest does what it says', async () => {
  const child = spawn(process.execPath, [join(built, '10-supertest.js')])
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (output += String(bytes)))
  const [code] = (await once(child, 'close')) as [number | null]
  const lines = [
    'a page and its cookie',
    'a body there and back',
    'a page that is not there',
    'and nothing is left open',
  ]
  expect([code, output.trimEnd().split('\n')]).toEqual([0, lines])
})

test('12-fetch: two fetch-style applications and a native handler', async () => {
  const program = await start(built, '12-fetch')
  const texts: string[] = []
  const questions: Question[] = [
    { path: '/native' },
    { path: '/hono' },
    { path: '/hono/echo', method: 'POST', headers: json, body: '{"a":[1]}' },
    { path: '/h3' },
    { path: '/h3/who/ada' },
    { path: '/h3/nothing' },
  ]
  for (const question of questions) {
    const { status, body } = await ask(program.port, question)
    texts.push(status === 200 ? body.replace(/\s+/g, '') : String(status))
  }
  const expected = ['hellofrom/native', 'hellofromHono', '{"a":[1]}', 'hellofromh3', '{"name":"ada"}', '404']
  expect(texts).toEqual(expected)
  expect(await program.stop()).toBe(0)
})

describe('what is upgraded', () => {
  test('08-websocket: text, bytes, long messages, a ping, a close', async () => {
    const program = await start(built, '08-websocket')
    const socket = new WebSocket(`ws://127.0.0.1:${program.port}/echo`)
    await once(socket, 'open')
    for (const message of ['hello', 'x'.repeat(1_000_000), Buffer.alloc(300_000, 7)]) {
      socket.send(message)
      const [data] = (await once(socket, 'message')) as [Buffer]
      expect(data.equals(Buffer.from(message as string))).toBe(true)
    }
    socket.ping('here?')
    expect(String(((await once(socket, 'pong')) as [Buffer])[0])).toBe('here?')
    socket.close(1000, 'enough')
    expect((await once(socket, 'close'))[0]).toBe(1000)
    const other = new WebSocket(`ws://127.0.0.1:${program.port}/elsewhere`)
    expect(String(((await once(other, 'error')) as [Error])[0])).toContain('400')
    expect(await program.stop()).toBe(0)
  })

  test.each([['polling'], ['websocket'], ['polling', 'websocket']])(
    '09-socket-io over %s',
    async (...transports: (string | undefined)[]) => {
      const program = await start(built, '09-socket-io')
      const chosen = transports.filter((transport) => transport !== undefined)
      const open = (): Socket => io(`http://127.0.0.1:${program.port}`, { transports: chosen, forceNew: true })
      const [one, other] = [open(), open()]
      await Promise.all([once(one as never, 'connect'), once(other as never, 'connect')])
      expect(await one.timeout(5000).emitWithAck('sum', [1, 2, 3])).toBe(6)
      const heard = once(other as never, 'said')
      one.emit('all', 'good morning')
      expect(await heard).toEqual(['good morning'])
      if (chosen.length === 2) await eventually(() => one.io.engine.transport.name === 'websocket', 'the upgrade')
      one.close()
      other.close()
      expect(await program.stop()).toBe(0)
    },
  )

  test('11-vite: the browser is told over a WebSocket what has changed', async () => {
    const program = await start(built, '11-vite')
    const { body } = await ask(program.port, { path: '/@vite/client' })
    const token = /wsToken = "([^"]+)"/.exec(body)?.[1] ?? ''
    const socket = new WebSocket(`ws://127.0.0.1:${program.port}/?token=${token}`, 'vite-hmr')
    const [hello] = (await once(socket, 'message')) as [Buffer]
    expect(JSON.parse(String(hello))).toEqual({ type: 'connected' })
    await ask(program.port, { path: '/main.ts' })
    const told = once(socket, 'message') as Promise<[Buffer]>
    writeFileSync(join(vite, 'main.ts'), 'document.title = "changed"\n')
    expect(JSON.parse(String((await told)[0]))).toMatchObject({ type: 'full-reload' })
    socket.close()
    expect(await program.stop()).toBe(0)
  })
})
