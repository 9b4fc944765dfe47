/*
 * Applications of node:http as handlers of Gyre's, and handlers of Gyre's within servers of node:http.
 */
import { once } from 'node:events'
import { Server as NodeServer, createServer as createNodeServer } from 'node:http'
import type { IncomingMessage, RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { HttpError, sleep } from 'gyre'
import type { AccessRecord, Handler, Request } from 'gyre'
import { fromNode, mount, toNodeListener } from 'gyre/handlers'
import { inject } from 'gyre/testing'
import { eventually, serve } from '../support/serve.ts'
import { ask } from './support.ts'

describe('fromNode', () => {
  test('beside a native handler, with the path that follows its mount', async () => {
    const app: RequestListener = (req, res) => {
      const { url, originalUrl, baseUrl } = req as IncomingMessage & { originalUrl?: string; baseUrl?: string }
      res.end(JSON.stringify([url, originalUrl, baseUrl]))
    }
    const { port } = await serve(mount({ '/': (_, response) => response.text('native'), '/app': fromNode(app) }))
    expect((await ask(port, { path: '/' })).text).toBe('native')
    expect((await ask(port, { path: '/app/a?b' })).text).toBe('["/a?b","/app/a?b","/app"]')
    expect((await ask(port, { path: '/app?b' })).text).toBe('["/?b","/app?b","/app"]')
  })

  test.each([
    ['http://app/app/x', '/x'],
    ['http://appadmin/app/x', '/x'],
    ['http://app.example:81/app?app', '/?app'],
  ])('behind %s sees %s: the mount is not looked for in the host', async (target, url) => {
    const app = fromNode((req, res) => res.end(req.url))
    const { exchange } = await serve(mount({ '/': app, '/app': app }))
    const host = new URL(target).host
    expect(await exchange(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).toMatchObject([
      { status: 200, body: url },
    ])
  })

  test('that throws behind a whole answer spoils neither that nor those before it', async () => {
    const { exchange, events } = await serve(
      fromNode((req, res) => {
        res.end(`answer ${req.url}`)
        if (req.url === '/2') throw new Error('too late')
      }),
    )
    const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
    expect(await exchange(ask('/1') + ask('/2') + ask('/3'))).toMatchObject([
      { body: 'answer /1' },
      { body: 'answer /2' },
    ])
    expect(events).toMatchObject([{ code: 'GYRE_HANDLER_FAILED' }])
  })

  test('whose listener of upgrade throws leaves no connection behind', async () => {
    const listeners = process.listeners('uncaughtException')
    const uncaught: string[] = []
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => void uncaught.push(error.message))
    try {
      const app = new NodeServer().on('upgrade', () => {
        throw new Error('in upgrade')
      })
      const { connect, server } = await serve(fromNode(app))
      const client = await connect({ allowHalfOpen: true })
      client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')
      await client.end()
      await eventually(() => server.statistics().connections === 0)
      expect(uncaught).toEqual(['in upgrade'])
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
  })

  test('two of them share a connection', async () => {
    const { connect } = await serve(
      mount({
        '/a': fromNode((_, res) => res.end('from a')),
        '/b': fromNode((_, res) => setImmediate(() => res.end('from b'))),
      }),
    )
    const client = await connect()
    for (const name of ['a', 'b', 'a']) {
      client.send(`GET /${name} HTTP/1.1\r\nHost: x\r\n\r\n`)
      await eventually(() => client.received.includes(`from ${name}`))
      client.received = Buffer.alloc(0)
    }
  })

  test('what the listener throws at once is answered with 500, and recorded', async () => {
    const records: AccessRecord[] = []
    const app: RequestListener = () => {
      throw new Error('of the app')
    }
    const { port, events } = await serve(fromNode(app), { access: (record) => records.push(record) })
    expect(await ask(port)).toMatchObject({ status: 500, text: '500 Internal Server Error\n' })
    expect(records).toMatchObject([{ status: 500, outcome: 'failed' }])
    expect(events).toMatchObject([{ code: 'GYRE_HANDLER_FAILED' }])
  })

  test('records tell of status and bytes, and of clients that go', async () => {
    const records: AccessRecord[] = []
    let closed = false
    const app: RequestListener = (req, res) => {
      if (req.url === '/wait') return void res.on('close', () => (closed = true))
      res.writeHead(404, { 'Content-Length': 4 })
      res.end('gone')
    }
    const { port, connect } = await serve(fromNode(app), { access: (record) => records.push(record) })
    await ask(port)
    expect(records).toMatchObject([{ status: 404, bytesOut: 4, outcome: 'ok' }])
    const client = await connect()
    client.send('GET /wait HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => client.socket.bytesWritten > 0)
    await new Promise((resolve) => setTimeout(resolve, 20))
    client.socket.destroy()
    await eventually(() => records.length === 2 && closed)
    expect(records[1]).toMatchObject({ status: 0, outcome: 'gone' })
  })

  test('an http.Server that listens nowhere is asked for its listeners, upgrades too', async () => {
    const app = new NodeServer((_, res) => res.end('app'))
    app.on('upgrade', (_req, socket) => {
      socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nswitched')
    })
    const { port, connect } = await serve(mount({ '/app': fromNode(app) }))
    expect((await ask(port, { path: '/app' })).text).toBe('app')
    const client = await connect()
    client.send('GET /app HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    await eventually(() => client.received.includes('switched'))
  })

  test('a drain tells clients that the connection ends, and waits for the answer', async () => {
    let answer: () => void = () => undefined
    const { server, connect } = await serve(fromNode((_, res) => (answer = () => res.end('late'))))
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => server.running().length === 1)
    const closing = server.close()
    answer()
    const { cut } = await closing
    expect(cut).toEqual([])
    expect(client.received.toString()).toContain('late')
  })

  test('can be injected into, without any socket', async () => {
    const answer = await inject(
      fromNode((req, res) => {
        let text = ''
        req.setEncoding('utf8').on('data', (piece: string) => (text += piece))
        req.on('end', () => res.end(text.toUpperCase()))
      }),
      { method: 'POST', body: 'shout' },
    )
    expect(answer.text()).toBe('SHOUT')
  })
})

describe('toNodeListener', () => {
  const open: NodeServer[] = []
  afterEach(() => {
    for (const server of open.splice(0)) server.close().closeAllConnections()
  })

  async function within(handler: Handler): Promise<number> {
    const server = createNodeServer(toNodeListener(handler))
    open.push(server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return (server.address() as AddressInfo).port
  }

  test('answers in one piece, and in many', async () => {
    const port = await within(function* (request, response) {
      yield* sleep(1)
      if (request.path === '/text') return response.text(`${request.method} ${request.query}`, 201)
      response.headers.append('Set-Cookie', 'a=1')
      response.headers.append('Set-Cookie', 'b=2')
      for (let index = 0; index < 3; index++) yield* response.write(`${index}`)
    })
    const one = await ask(port, { path: '/text?q' })
    expect(one).toMatchObject({ status: 201, text: 'GET q', headers: { 'content-length': '5' } })
    expect(one.headers['content-type']).toBe('text/plain; charset=utf-8')
    const many = await ask(port)
    expect(many).toMatchObject({
      text: '012',
      headers: { 'set-cookie': ['a=1', 'b=2'], 'transfer-encoding': 'chunked' },
    })
  })

  test('every line of a name is kept behind a middleware that has set fields', async () => {
    const inner = toNodeListener((_, response) => {
      response.headers.append('Set-Cookie', 'a=1')
      response.headers.append('Set-Cookie', 'b=2')
      response.headers.set('X-Mine', 'inner')
      response.text('x')
    })
    const server = createNodeServer((req, res) => {
      res.setHeader('X-Mine', 'outer').setHeader('X-Outer', 'y')
      inner(req, res)
    })
    open.push(server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    expect(await ask((server.address() as AddressInfo).port)).toMatchObject({
      headers: { 'set-cookie': ['a=1', 'b=2'], 'x-mine': 'inner', 'x-outer': 'y', 'content-length': '1' },
    })
  })

  test.each([204, 304])('%i goes out without a length', async (status) => {
    const port = await within((_, response) => {
      response.status = status
    })
    const { headers, ...answer } = await ask(port)
    expect(answer).toMatchObject({ status, text: '' })
    expect(headers).not.toHaveProperty('content-length')
  })

  test('reads bodies, whole and by pieces, and keeps the limit', async () => {
    const port = await within(function* (request, response) {
      request.bodyLimit = 1_000_000
      if (request.path === '/text') return response.text(yield* request.text())
      let size = 0
      for (let piece; (piece = yield* request.read()) !== null;) size += piece.length
      response.text(`${size}`)
    })
    expect((await ask(port, { path: '/text', method: 'POST', body: 'hello' })).text).toBe('hello')
    expect((await ask(port, { method: 'POST', body: Buffer.alloc(900_000) })).text).toBe('900000')
    expect((await ask(port, { method: 'POST', body: 'x', headers: { 'Content-Length': 1 } })).text).toBe('1')
    expect((await ask(port)).text).toBe('0')
    expect((await ask(port, { path: '/text', method: 'POST', body: Buffer.alloc(1_000_001) })).status).toBe(413)
  })

  test('an error becomes an answer, and its message is shown below 500', async () => {
    const port = await within(() => {
      throw new HttpError(404, 'no such page')
    })
    expect(await ask(port)).toMatchObject({ status: 404, text: '404 Not Found: no such page\n' })
  })

  test('a client that goes cancels the handler, and aborts its signal', async () => {
    let cancelled = false
    let seen: Request | null = null
    const port = await within(function* (request) {
      seen = request
      try {
        yield* sleep(10_000)
      } finally {
        cancelled = true
      }
    })
    const asking = ask(port, { signal: AbortSignal.timeout(50) })
    await expect(asking).rejects.toThrow()
    await eventually(() => cancelled)
    expect((seen as unknown as Request).signal.aborted).toBe(true)
  })

  test('work goes on behind the answer', async () => {
    let done = false
    const port = await within(function* (request, response) {
      request.afterwards(
        (function* () {
          yield* sleep(10)
          done = true
        })(),
      )
      response.text('answered')
    })
    expect((await ask(port)).text).toBe('answered')
    await eventually(() => done)
  })

  test('leaving HTTP is refused', async () => {
    const port = await within(function* (_, response) {
      yield* response.upgrade('x')
    })
    expect((await ask(port)).status).toBe(426)
  })
})
