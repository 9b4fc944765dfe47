/*
 * The server of gyre/node-http, as a program sees it that was written for node:http.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import { Agent, IncomingMessage, Server as NodeServer, ServerResponse } from 'node:http'
import { Server as NetServer, Socket } from 'node:net'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, test } from 'vitest'
import type { FinishMessage } from 'gyre'
import { Server, createServer } from 'gyre/node-http'
import { eventually } from '../support/serve.ts'
import { ask, serve } from './support.ts'

describe('the server', () => {
  test('is one of Node’s by its classes, and can be called without new', () => {
    const server = (Server as unknown as () => Server)()
    expect(server).toBeInstanceOf(Server)
    expect(server).toBeInstanceOf(NodeServer)
    expect(server).toBeInstanceOf(NetServer)
    expect(server).toBeInstanceOf(EventEmitter)
  })

  test('can be inherited from in the old manner', async () => {
    function Mine(this: Server): void {
      ;(Server as unknown as { call: (self: object, listener: unknown) => void }).call(
        this,
        (_: unknown, res: ServerResponse) => res.end('mine'),
      )
    }
    Object.setPrototypeOf(Mine.prototype, Server.prototype)
    const server = new (Mine as unknown as new () => Server)()
    await once(server.listen(0), 'listening')
    expect((await ask((server.address() as AddressInfo).port)).text).toBe('mine')
    server.close()
  })

  test('knows its address as soon as listen has returned, tells that it listens, and can listen again', async () => {
    const server = createServer((_, res) => res.end('x'))
    for (let round = 0; round < 2; round++) {
      server.listen(0)
      const { port } = server.address() as AddressInfo
      expect(port).toBeGreaterThan(0)
      await once(server, 'listening')
      expect(server.listening).toBe(true)
      expect(server.address()).toMatchObject({ port })
      expect((await ask(port)).status).toBe(200)
      server.close()
      await once(server, 'close')
      expect(server.listening).toBe(false)
    }
  })

  test('says what Node says where an address is taken, and where an option is wrong', async () => {
    const { port } = await serve()
    const other = createServer().listen(port, '127.0.0.1')
    const [error] = (await once(other, 'error')) as [NodeJS.ErrnoException]
    expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', port })
    expect(() => createServer({ maxHeaderSize: 'many' as never })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    )
  })

  test('serves on the io that Gyre has chosen, and counts', async () => {
    const { server, port } = await serve((_, res) => res.end('x'))
    await ask(port)
    const { io, requests, outcomes } = server.statistics()
    expect({ requests, ok: outcomes.ok }).toEqual({ requests: 1, ok: 1 })
    expect(io.kind).toBe(process.env['GYRE_IO'] ?? 'epoll')
  })

  test.each(['a port', 'a path'])(
    'tells of each connection once, as the socket that requests show, on %s',
    async (where) => {
      const folder = await mkdtemp(join(tmpdir(), 'gyre-node-http-'))
      const seen: unknown[] = []
      const server = createServer((req, res) => {
        seen.push('request', seen.includes(req.socket))
        res.end('x')
      })
      server.on('connection', (socket) => seen.push(socket))
      const path = join(folder, 'socket')
      await once(where === 'a path' ? server.listen(path) : server.listen(0, '127.0.0.1'), 'listening')
      const { port = 0 } = server.address() as Partial<AddressInfo>
      await ask(port, where === 'a path' ? { socketPath: path } : {})
      expect(seen.slice(1)).toEqual(['request', true])
      const closed = once(server, 'close')
      server.close()
      await closed
      await rm(folder, { recursive: true })
    },
  )

  test('writes access records and keeps limits of Gyre’s, as the option gyre says', async () => {
    const records: unknown[] = []
    const { port } = await serve((_, res) => res.end('hello'), {
      gyre: { access: (record) => records.push(record), limits: { writeStallTime: 1000 } },
    })
    await ask(port, { path: '/a' })
    expect(records).toMatchObject([{ method: 'GET', target: '/a', status: 200, bytesOut: 5, outcome: 'ok' }])
  })
})

describe('request and response', () => {
  test('are Node’s own, with what frameworks read of them', async () => {
    const seen: unknown[] = []
    const { server, port } = await serve((req, res) => {
      seen.push(req instanceof IncomingMessage, res instanceof ServerResponse, req.socket instanceof Socket)
      const { method, url, httpVersion, rawHeaders, headers } = req
      seen.push({ method, url, httpVersion, host: headers.host, raw: rawHeaders.slice(0, 2) })
      seen.push(req.socket === res.socket, res.req === req, (req.socket as { server?: unknown }).server === server)
      seen.push(req.socket.remoteAddress, req.socket.localPort, typeof req.socket.remotePort)
      res.end()
    })
    await ask(port, { path: '/p?q=1', headers: { 'X-One': '1', Host: 'here' } })
    expect(seen).toEqual([
      true,
      true,
      true,
      { method: 'GET', url: '/p?q=1', httpVersion: '1.1', host: 'here', raw: ['X-One', '1'] },
      true,
      true,
      true,
      '127.0.0.1',
      port,
      'number',
    ])
  })

  test('a body streams in with back-pressure, and trailers come behind it', async () => {
    const { port } = await serve((req, res) => {
      let size = 0
      let longest = 0
      void (async () => {
        for await (const piece of req as AsyncIterable<Buffer>) {
          size += piece.length
          longest = Math.max(longest, req.readableLength)
          await new Promise((resolve) => setImmediate(resolve))
        }
        res.end(JSON.stringify({ size, longest, complete: req.complete, trailers: req.trailers }))
      })()
    })
    const told = JSON.parse((await ask(port, { method: 'POST', body: Buffer.alloc(2_000_000) })).text) as {
      size: number
      longest: number
      complete: boolean
    }
    expect(told).toMatchObject({ size: 2_000_000, complete: true })
    expect(told.longest).toBeLessThan(300_000)
  })

  test('trailers of a request are in req.trailers', async () => {
    const { connect } = await serve((req, res) => {
      req.resume().on('end', () => res.end(JSON.stringify(req.trailers)))
    })
    const client = await connect()
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n',
    )
    await eventually(() => client.ended)
    expect(client.received.toString()).toContain('{"x-sum":"9"}')
  })

  test('an answer that the client takes slowly stops at its back-pressure, and drains', async () => {
    const whole = 20_000_000
    let stopped = 0
    const { connect } = await serve((_, res) => {
      let left = whole
      const more = (): void => {
        while (left > 0) {
          const size = Math.min(65_536, left)
          left -= size
          if (!res.write(Buffer.alloc(size)) && left > 0) {
            stopped++
            res.once('drain', more)
            return
          }
        }
        res.end()
      }
      res.setHeader('Content-Length', whole)
      more()
    })
    const client = (await connect()).socket
    client.removeAllListeners('data').pause()
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await eventually(() => stopped > 0)
    const before = stopped
    let received = 0
    client.on('data', (piece: Buffer) => (received += piece.length)).resume()
    await once(client, 'end')
    expect(received).toBeGreaterThan(whole)
    expect(stopped).toBeGreaterThan(before)
  })

  test('a stream can be piped into it, large and without a length', async () => {
    const { port } = await serve((_, res) => {
      void pipeline(Readable.from(Array.from({ length: 300 }, (_one, index) => Buffer.alloc(10_000, index))), res)
    })
    const answer = await ask(port)
    expect(answer.headers['transfer-encoding']).toBe('chunked')
    expect(answer.text.length).toBeGreaterThanOrEqual(3_000_000 / 2)
  })

  test('write and end may be replaced, and prototypes changed, as middleware does', async () => {
    const marked = Object.create(ServerResponse.prototype) as { mark: () => string }
    marked.mark = () => 'marked'
    const { port } = await serve((_, res) => {
      Object.setPrototypeOf(res, marked)
      const end = res.end.bind(res)
      res.end = ((chunk: string) =>
        end(`${chunk} ${(res as unknown as { mark: () => string }).mark()}`)) as typeof res.end
      res.end('body')
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    // More than it takes until responses are born with that prototype.
    for (let round = 0; round < 20; round++) expect((await ask(port, { agent })).text).toBe('body marked')
    agent.destroy()
  })

  test('finish and close come in Node’s order, when the listener has returned', async () => {
    const order: string[] = []
    const { port } = await serve((req, res) => {
      res.on('finish', () => order.push('finish')).on('close', () => order.push('close'))
      req.on('end', () => order.push('req end')).on('close', () => order.push('req close'))
      res.end('x', () => order.push('callback'))
      order.push('returned')
    })
    await ask(port)
    await eventually(() => order.includes('req close'))
    expect(order).toEqual(['returned', 'callback', 'finish', 'close', 'req end', 'req close'].toSorted(byOrder(order)))
    expect(order.indexOf('finish')).toBeGreaterThan(order.indexOf('returned'))
    expect(order.indexOf('close')).toBeGreaterThan(order.indexOf('finish'))
    expect(order.indexOf('req close')).toBeGreaterThan(order.indexOf('req end'))
  })

  test('Node’s diagnostics channels tell of them', async () => {
    const told: string[] = []
    const start = (message: unknown): void =>
      void told.push(`start ${(message as { request: IncomingMessage }).request.url}`)
    const done = (message: unknown): void =>
      void told.push(`finish ${(message as { request: IncomingMessage }).request.url}`)
    subscribe('http.server.request.start', start)
    subscribe('http.server.response.finish', done)
    try {
      const { port } = await serve((_, res) => res.end())
      await ask(port, { path: '/told' })
      await eventually(() => told.length === 2)
      expect(told).toEqual(['start /told', 'finish /told'])
    } finally {
      unsubscribe('http.server.request.start', start)
      unsubscribe('http.server.response.finish', done)
    }
  })

  test('tells Gyre’s channel of requests and responses that have ended, which are made for that alone', async () => {
    const told: unknown[] = []
    let left = false
    const done = (message: unknown): void => {
      const { request, response, outcome } = message as FinishMessage
      told.push([request.path, outcome, response.stage, request.signal.aborted])
    }
    subscribe('gyre.request.finish', done)
    try {
      const { port, connect } = await serve((req, res) => {
        if (req.url === '/answered') res.end()
        else left = true
      })
      await ask(port, { path: '/answered' })
      const client = await connect()
      client.send('GET /left HTTP/1.1\r\nHost: a\r\n\r\n')
      await eventually(() => left)
      client.close()
      await eventually(() => told.length === 2)
      expect(told).toEqual([
        ['/answered', 'ok', 'ended', false],
        ['/left', 'gone', 'ended', true],
      ])
    } finally {
      unsubscribe('gyre.request.finish', done)
    }
  })
})

function byOrder(order: readonly string[]) {
  return (one: string, other: string): number => order.indexOf(one) - order.indexOf(other)
}

describe('a client that goes', () => {
  test('before its answer: aborted and close of the request, close of the response and the socket', async () => {
    const events: string[] = []
    const { connect } = await serve((req, res) => {
      req.on('aborted', () => events.push('aborted')).on('close', () => events.push('req close'))
      req.on('error', (error: NodeJS.ErrnoException) => events.push(`error ${error.code ?? ''}`))
      res.on('close', () => events.push(`res close ${res.writableFinished}`))
      req.socket.on('close', () => events.push('socket close'))
    })
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc')
    await new Promise((resolve) => setTimeout(resolve, 20))
    client.socket.destroy()
    await eventually(() => events.includes('req close'))
    expect(events.toSorted()).toEqual(['aborted', 'error ECONNRESET', 'req close', 'res close false', 'socket close'])
  })
})

describe('what is no request', () => {
  test('is answered as Node answers it', async () => {
    const { connect } = await serve((_, res) => res.end())
    const wrong = await connect()
    wrong.send('NONSENSE\r\n\r\n')
    await eventually(() => wrong.ended)
    expect(wrong.received.toString()).toBe('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    const large = await connect()
    large.send(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
    await eventually(() => large.ended)
    expect(large.received.toString()).toBe('HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n')
  })

  test('is the business of whoever listens for clientError', async () => {
    const { server, connect } = await serve((_, res) => res.end())
    const codes: unknown[] = []
    server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => {
      codes.push([error.code, error.rawPacket?.toString()])
      socket.end('HTTP/1.1 418 Teapot\r\n\r\n')
    })
    const client = await connect()
    client.send('NONSENSE\r\n\r\n')
    await eventually(() => client.ended)
    expect(client.received.toString()).toBe('HTTP/1.1 418 Teapot\r\n\r\n')
    expect(codes).toEqual([['HPE_INVALID_METHOD', 'NONSENSE\r\n\r\n']])
  })

  test('says how many of the bytes it shows were parsed, also of a head that is only too large', async () => {
    const { server, connect } = await serve((_, res) => res.end())
    const seen: { bytesParsed: number; rawPacket: Buffer }[] = []
    server.on('clientError', (error, socket) => {
      seen.push(error as unknown as (typeof seen)[0])
      socket.destroy()
    })
    const client = await connect()
    client.send(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
    await eventually(() => seen.length > 0)
    const [{ bytesParsed, rawPacket }] = seen as [(typeof seen)[0]]
    expect(bytesParsed).toBeGreaterThanOrEqual(0)
    expect(bytesParsed).toBeLessThanOrEqual(rawPacket.length)
  })

  test('lacks Host: 400, unless that is not asked for', async () => {
    const strict = await (await serve((_, res) => res.end('x'))).connect()
    strict.send('GET / HTTP/1.1\r\n\r\n')
    await eventually(() => strict.ended)
    expect(strict.received.toString()).toMatch(/^HTTP\/1.1 400 /)
    const loose = await (await serve((_, res) => res.end('x'), { requireHostHeader: false })).connect()
    loose.send('GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
    await eventually(() => loose.ended)
    expect(loose.received.toString()).toMatch(/^HTTP\/1.1 200 /)
  })
})

describe('times', () => {
  test('headersTimeout and requestTimeout: 408, before the head, in it and in the body', async () => {
    const { server, connect } = await serve((req, res) => req.resume().on('end', () => res.end()))
    server.headersTimeout = 100
    server.requestTimeout = 150
    for (const begun of ['', 'GET / HT', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc']) {
      const client = await connect()
      if (begun !== '') client.send(begun)
      await eventually(() => client.ended)
      expect(client.received.toString()).toBe('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')
    }
  })

  test.each([false, true])('keepAliveTimeout is told, and kept; somebody listens: %s', async (isHeard) => {
    const { connect, server } = await serve((_, res) => res.end(), { keepAliveTimeout: 1000 })
    server.keepAliveTimeout = 1
    let told = false
    if (isHeard)
      server.on('timeout', (socket: Socket) => {
        told = true
        socket.destroy()
      })
    const client = await connect()
    const begun = performance.now()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => client.ended)
    expect(client.received.toString()).toContain('Keep-Alive: timeout=0')
    // A second later than was told, as Node does it, so that no request crosses the end.
    expect(performance.now() - begun).toBeGreaterThan(900)
    expect(told).toBe(isHeard)
  })

  test('a timeout of the response is emitted there, and on the server else', async () => {
    const told: string[] = []
    const { server, connect } = await serve((req, res) => {
      if (req.url === '/own') res.setTimeout(30, () => told.push('response') && res.end('late'))
    })
    server.setTimeout(60, (socket) => told.push('server') && socket.destroy())
    const own = await connect()
    own.send('GET /own HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await eventually(() => own.ended)
    expect(own.received.toString()).toContain('late')
    expect(told[0]).toBe('response')
    const other = await connect()
    other.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => other.ended)
    expect(told.at(-1)).toBe('server')
  })
})

describe('Expect, Upgrade, CONNECT', () => {
  test('100-continue is answered before the listener, or left to checkContinue', async () => {
    const { server, port } = await serve((req, res) => req.resume().on('end', () => res.end('done')))
    const headers = { Expect: '100-continue', 'Content-Length': 3 }
    expect((await ask(port, { method: 'POST', headers, body: 'abc' })).text).toBe('done')
    server.on('checkContinue', (_req: IncomingMessage, res: ServerResponse) => {
      res.writeHead(417)
      res.end('no')
    })
    expect(await ask(port, { method: 'POST', headers, body: 'abc' })).toMatchObject({ status: 417, text: 'no' })
  })

  test('another expectation is 417, or left to checkExpectation', async () => {
    const { server, port } = await serve((_, res) => res.end())
    expect((await ask(port, { headers: { Expect: 'tea' } })).status).toBe(417)
    server.on('checkExpectation', (_req: IncomingMessage, res: ServerResponse) => res.end('tea'))
    expect((await ask(port, { headers: { Expect: 'tea' } })).text).toBe('tea')
  })

  test('upgrade gives a real socket, the same that the request shows, with what came early', async () => {
    const { server, connect } = await serve()
    let same: unknown
    server.on('upgrade', (req, socket, head) => {
      same = [req.socket === socket, socket instanceof Socket, (req as { upgrade?: unknown }).upgrade]
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
      socket.write(head)
      socket.pipe(socket)
    })
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly ')
    await eventually(() => client.received.includes('early '))
    client.send('late')
    await eventually(() => client.received.includes('early late'))
    expect(same).toEqual([true, true, true])
    client.close()
    await eventually(() => server.statistics().connections === 0)
  })

  test('without listeners an upgrade is a request, and CONNECT ends the connection', async () => {
    const { connect } = await serve((_, res) => res.end('plain'))
    const upgrade = await connect()
    upgrade.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: echo\r\n\r\n')
    await eventually(() => upgrade.ended)
    expect(upgrade.received.toString()).toContain('plain')
    const tunnel = await connect()
    tunnel.send('CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n')
    await eventually(() => tunnel.ended)
    expect(tunnel.received.length).toBe(0)
  })
})

describe('the end', () => {
  test('close lets go who idles, waits for who is served, and tells', async () => {
    let answer: () => void = () => undefined
    const { server, connect, port } = await serve((req, res) => {
      if (req.url === '/slow') answer = () => res.end('slow')
      else res.end('quick')
    })
    const agent = new Agent({ keepAlive: true })
    await ask(port, { agent })
    const slow = await connect()
    slow.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => server.statistics().running === 1)
    let closed = false
    server.close(() => (closed = true))
    await eventually(() => server.statistics().connections === 1)
    expect(closed).toBe(false)
    answer()
    await eventually(() => closed)
    expect(slow.received.toString()).toContain('slow')
    agent.destroy()
  })

  test('await using closes', async () => {
    const server = createServer((_, res) => res.end())
    {
      await using using = server.listen(0)
      await once(using, 'listening')
    }
    expect(server.listening).toBe(false)
  })

  test('maxRequestsPerSocket: the last says so, one more is dropped', async () => {
    const { server, connect } = await serve((_, res) => res.end('x'))
    server.maxRequestsPerSocket = 1
    let dropped = 0
    server.on('dropRequest', () => dropped++)
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => client.received.includes('503'))
    expect(dropped).toBe(1)
    expect(client.received.toString()).toContain('Connection: close')
  })

  test('requests that came together are answered in their order, however long each takes', async () => {
    const { connect } = await serve((req, res) => {
      if (req.url === '/1') setTimeout(() => res.end('first'), 30)
      else res.end('second')
    })
    const client = await connect()
    client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await eventually(() => client.ended)
    expect(client.received.toString()).toMatch(/first[\s\S]*second/)
  })

  test('requests that came together end each in its own context', async () => {
    const store = new AsyncLocalStorage<string>()
    const seen: string[] = []
    const { connect } = await serve((req, res) => {
      store.run(req.url as string, () => {
        res.on('finish', () => seen.push(`${req.url as string} in ${String(store.getStore())}`))
        res.end('x')
      })
    })
    const client = await connect()
    client.send(['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''))
    await eventually(() => seen.length === 3)
    expect(seen).toEqual(['/1 in /1', '/2 in /2', '/3 in /3'])
  })
})
