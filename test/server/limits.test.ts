/*
 * What a client may not do, and what it is told.
 */
import { describe, expect, test } from 'vitest'
import { LIMITS, createServer, sleep } from '../../lib/index.ts'
import type { Handler, ServerOptions } from '../../lib/index.ts'
import { memoryPair } from '../../lib/testing/index.ts'
import { answers } from '../support/client.ts'
import { eventually, serve } from '../support/serve.ts'

const hello: Handler = function* (_request, response) {
  response.text('hello')
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

describe('refusals name their status, their code and a reason', () => {
  const cases: [request: string, status: number, code: string][] = [
    ['nonsense\r\n\r\n', 400, 'GYRE_MALFORMED_HEAD'],
    ['GET / HTTP/1.1\r\n\r\n', 400, 'GYRE_BAD_HOST'],
    ['GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'GYRE_BAD_TARGET'],
    ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400, 'GYRE_BAD_FRAMING'],
    ['POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 501, 'GYRE_UNKNOWN_CODING'],
    ['GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505, 'GYRE_UNKNOWN_VERSION'],
    ['PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n', 417, 'GYRE_UNKNOWN_EXPECTATION'],
    [`GET /${'x'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414, 'GYRE_TARGET_TOO_LONG'],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, 431, 'GYRE_HEAD_TOO_LARGE'],
    [`GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(100)}\r\n`, 431, 'GYRE_TOO_MANY_FIELDS'],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(9_000)}\r\n\r\n`, 431, 'GYRE_FIELD_TOO_LARGE'],
    ['CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', 405, 'GYRE_METHOD_REFUSED'],
  ]
  test.each(cases)('%#: %j', async (request, status, code) => {
    const { exchange, events, server } = await serve(hello)
    // What follows a refused head is never run as a request (F12).
    const got = await exchange(`${GET}${request}${GET}`)
    expect(got.map((answer) => answer.status)).toEqual([200, status])
    expect(got[1]?.headers['connection']).toBe('close')
    expect(events).toMatchObject([{ code, status, blame: 'client' }])
    expect(events[0]?.reason).not.toBe('')
    // Of a CONNECT the head was read, and is fine.
    const requests = request.startsWith('CONNECT') ? 2 : 1
    expect(server.statistics()).toMatchObject({ requests, outcomes: { refused: 1 }, running: 0 })
  })
})

describe('bodies', () => {
  const echo: Handler = function* (request, response) {
    response.text(yield* request.text())
  }
  const post = (body: string) => `POST / HTTP/1.1\r\nHost: a\r\n${body}`
  const limits: ServerOptions = { limits: { bodyBytes: 10 } }

  test('one that announces itself as too large is refused before it is asked for', async () => {
    const { connect, events } = await serve(echo, limits)
    const client = await connect()
    const text = await client.send(post('Content-Length: 11\r\nExpect: 100-continue\r\n\r\n')).end()
    expect(answers(text)).toMatchObject([{ status: 413, headers: { connection: 'close' } }])
    expect(events).toMatchObject([{ code: 'GYRE_BODY_TOO_LARGE', status: 413 }])
  })

  test('a chunked one is refused when it has grown too large', async () => {
    const { exchange } = await serve(echo, limits)
    const chunks = '6\r\nabcdef\r\n'.repeat(2)
    expect(await exchange(post(`Transfer-Encoding: chunked\r\n\r\n${chunks}`))).toMatchObject([{ status: 413 }])
  })

  test('a handler may allow more, or less, than the server does', async () => {
    const { exchange } = await serve(function* (request, response) {
      request.bodyLimit = request.path === '/more' ? 20 : 2
      response.text(yield* request.text())
    }, limits)
    const of = (path: string) =>
      `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 12\r\n\r\nabcdefghijkl`
    expect(await exchange(of('/more'))).toMatchObject([{ status: 200, body: 'abcdefghijkl' }])
    expect(await exchange(of('/less'))).toMatchObject([{ status: 413 }])
  })

  const malformed = [
    'x\r\n',
    '5\nhello',
    '3\r\nabcd\r\n',
    '+3\r\nabc\r\n0\r\n\r\n',
    '0x3\r\nabc\r\n',
    'fffffffffffffffff\r\n',
  ]
  test.each(malformed)('a malformed chunked body is a 400: %j (H5, F10)', async (body) => {
    const { exchange, events } = await serve(echo)
    const got = await exchange(post(`Transfer-Encoding: chunked\r\n\r\n${body}`))
    expect(got).toMatchObject([{ status: 400, headers: { connection: 'close' } }])
    expect(events).toMatchObject([{ code: 'GYRE_MALFORMED_BODY' }])
  })

  test('endless chunk extensions are refused, and so are a million chunks of one byte with extensions (D3)', async () => {
    const { connect } = await serve(echo, { limits: { bodyBytes: Infinity } })
    const client = await connect()
    client.send(post('Transfer-Encoding: chunked\r\n\r\n'))
    const text = await client.send(`1;${'x'.repeat(100_000)}\r\na\r\n`).end()
    expect(answers(text)).toMatchObject([{ status: 400 }])
  })

  test('a body that ends before its length is a 400, and its handler is told', async () => {
    const { connect, events } = await serve(echo)
    const client = await connect({ allowHalfOpen: true })
    client.send(post('Content-Length: 10\r\n\r\nabc'))
    client.socket.end()
    expect(answers(await client.end())).toMatchObject([{ status: 400 }])
    expect(events).toMatchObject([{ code: 'GYRE_BODY_TRUNCATED' }])
  })

  test('a body read twice, and one that is no JSON', async () => {
    const { exchange } = await serve(function* (request, response) {
      if (request.path === '/json') return response.json(yield* request.json())
      yield* request.text()
      response.text(yield* request.text())
    })
    const of = (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc`
    expect(await exchange(of('/'))).toMatchObject([{ status: 500 }])
    expect(await exchange(of('/json'))).toMatchObject([
      { status: 400, body: '400 Bad Request: The body is not valid JSON.\n' },
    ])
  })

  test('what a handler leaves of a small body is dropped; of a large one, the connection (H6)', async () => {
    const { exchange, connect } = await serve(hello)
    const small = await exchange(
      `${post('Content-Length: 5\r\n\r\nGET /')}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    )
    expect(small.map(({ status }) => status)).toEqual([200, 200])
    const client = await connect()
    const text = await client
      .send(post(`Content-Length: 100000\r\n\r\n${'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(1000)}`))
      .end()
    expect(answers(text)).toMatchObject([{ status: 200, headers: { connection: 'close' } }])
  })
})

describe('times', () => {
  test('a head that dawdles is answered 408; a connection that sends nothing is closed', async () => {
    const { connect, events } = await serve(hello, { limits: { headTime: 60 } })
    const silent = await connect()
    const slow = await connect()
    slow.send('GET / HT')
    expect(await silent.end()).toBe('')
    expect(answers(await slow.end())).toMatchObject([{ status: 408, headers: { connection: 'close' } }])
    expect(events).toMatchObject([{ code: 'GYRE_HEAD_TIMEOUT', status: 408 }])
  })

  test('a connection that is handed over long after the last tick has its whole time', async () => {
    const { server } = await serve(hello, { limits: { headTime: 500 } })
    await new Promise((resolve) => setTimeout(resolve, 600))
    const [client, serverEnd] = memoryPair()
    server.serve(serverEnd)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(client.peerEnded).toBe(false)
    client.close()
  })

  test('the time of a head counts from its first byte, however it dribbles', async () => {
    const { connect } = await serve(hello, { limits: { headTime: 100 } })
    const client = await connect()
    const timer = setInterval(() => client.send('X'), 20)
    const began = performance.now()
    client.send('GET / HTTP/1.1\r\nX: ')
    await client.end()
    clearInterval(timer)
    expect(performance.now() - began).toBeLessThan(1500)
    expect(client.text).toMatch(/^HTTP\/1.1 408/)
  })

  test('an idle connection is closed after the keep-alive time, and not before', async () => {
    const { connect } = await serve(hello, { limits: { keepAliveTime: 80 } })
    const client = await connect()
    // From before the request: on a busy machine its answer is seen late.
    const began = performance.now()
    client.send(GET)
    expect(answers(await client.end())).toHaveLength(1)
    expect(performance.now() - began).toBeGreaterThan(60)
  })

  test('a body that stops coming is a 408', async () => {
    const { connect, events } = await serve(
      function* (request, response) {
        response.text(yield* request.text())
      },
      { limits: { bodyIdleTime: 50 } },
    )
    const client = await connect()
    const text = await client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab').end()
    expect(answers(text)).toMatchObject([{ status: 408 }])
    expect(events).toMatchObject([{ code: 'GYRE_BODY_TIMEOUT' }])
  })

  test('a client that reads nothing is cut off, and the handler unwound', async () => {
    const unwound: string[] = []
    const { connect, events, server } = await serve(
      function* (_request, response) {
        try {
          for (;;) yield* response.write(Buffer.alloc(1 << 20))
        } finally {
          unwound.push('yes')
        }
      },
      { limits: { writeStallTime: 60 } },
    )
    const client = await connect()
    client.socket.pause()
    client.send(GET)
    await eventually(() => events.length === 1, 'the end of the patience')
    expect(events).toMatchObject([{ code: 'GYRE_WRITE_TIMEOUT' }])
    await eventually(() => server.statistics().connections === 0, 'the end of the connection')
    expect(unwound).toEqual(['yes'])
  })
})

test('connections beyond the limit are told so, and those within go on', async () => {
  const { connect, events, server } = await serve(hello, { limits: { connections: 2 } })
  const [one, two] = [await connect(), await connect()]
  one.send(GET)
  two.send(GET)
  await one.until((text) => text.endsWith('hello'))
  await two.until((text) => text.endsWith('hello'))
  const third = await connect()
  expect(await third.end()).toMatch(/^HTTP\/1.1 503 /)
  expect(events).toMatchObject([{ code: 'GYRE_CONNECTIONS_FULL', status: 503 }])
  expect(server.statistics()).toMatchObject({ accepted: 2, rejected: 1 })
  one.close()
  await eventually(() => server.statistics().connections === 1)
  const fourth = await connect()
  fourth.send(GET)
  expect(await fourth.until((text) => text.endsWith('hello'))).toMatch(/^HTTP\/1.1 200/)
})

describe('wrong options throw at once, and say what to do', () => {
  const make = (options: unknown) => () => createServer(options as ServerOptions, hello)
  test('of createServer', () => {
    expect(make({ prot: 1 })).toThrow(
      'createServer() has no option prot; there are: io, limits, cancelOnDisconnect, connect, access, accounting, log',
    )
    expect(make({ limits: { headBites: 1 } })).toThrow('limits.headBites is not a limit')
    expect(make({ limits: { headBytes: -1 } })).toThrow('limits.headBytes must be a whole number from 1 on or Infinity')
    expect(make({ limits: { headBytes: Infinity } })).toThrow('limits.headBytes cannot be more than 65536')
    expect(make({ io: 'uring' })).toThrow("must be 'auto', 'epoll' or 'node'")
    expect(make({ log: 1 })).toThrow('log must be a function')
    expect(() => createServer(undefined as never)).toThrow('createServer() needs a handler')
  })

  test('of listen', async () => {
    const server = createServer(hello)
    expect(() => server.listen({ port: 65_536 })).toThrow('port must be a whole number from 0 to 65535, not 65536')
    expect(() => server.listen({})).toThrow('needs one of port, path, fd and systemd')
    expect(() => server.listen({ port: 1, path: 'x' })).toThrow('one address a call, not port and path')
    expect(() => server.listen({ prot: 1 } as never)).toThrow('listen() has no option prot')
    await expect(server.listen({ port: 0, host: 'no.such.name.invalid' })).rejects.toMatchObject({
      code: 'GYRE_ADDRESS_UNKNOWN',
    })
    await expect(server.listen({ port: 0, host: '203.0.113.1' })).rejects.toMatchObject({
      code: 'GYRE_ADDRESS_UNKNOWN',
    })
    await expect(server.listen({ path: '/no/such/folder/s' })).rejects.toMatchObject({ code: 'GYRE_ADDRESS_UNKNOWN' })
    const { port } = await server.listen({ port: 0, host: '127.0.0.1' })
    await expect(server.listen({ port, host: '127.0.0.1' })).rejects.toMatchObject({
      code: 'GYRE_ADDRESS_IN_USE',
      message: `127.0.0.1 port ${port} is in use: stop the program that listens there, or choose another port (0 takes a free one)`,
    })
    await server.close()
    expect(() => server.listen({ port: 0 })).toThrow('the server was closed')
  })

  test('each limit says why it is there and what others chose', () => {
    for (const row of Object.values(LIMITS)) {
      expect(row.why).toMatch(/\.$/)
      expect(row.precedent.length).toBeGreaterThan(5)
    }
  })
})

test('a handler that ignores its time does not hold others up', async () => {
  const { exchange } = await serve(function* (request, response) {
    if (request.path === '/slow') yield* sleep(300)
    response.text(request.path)
  })
  const began = performance.now()
  const slow = exchange('GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await exchange('GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  expect(performance.now() - began).toBeLessThan(250)
  await slow
})
