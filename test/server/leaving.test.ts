/*
 * Before, behind and beyond the answer: interim answers, trailers, other protocols, tunnels.
 */
import { describe, expect, test } from 'vitest'
import { END, GyreError, HttpError, readSome, writeAll } from '../../lib/index.ts'
import type { Handler } from '../../lib/index.ts'
import { eventually, serve } from '../support/serve.ts'

/** Speaks back what it hears, in capitals, until the client ends its side. */
const echo: Handler = function* (request, response) {
  const stream = yield* response.upgrade(request.method === 'CONNECT' ? '' : 'echo')
  const buffer = Buffer.alloc(100)
  for (let count; (count = yield* readSome(stream, buffer)) !== END;) {
    const text = buffer.toString('latin1', 0, count).toUpperCase()
    if (text.includes('FAIL')) throw new Error('on purpose')
    yield* writeAll(stream, Buffer.from(text))
  }
}
const UPGRADE = 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: other, Echo\r\n\r\n'

describe('upgrade', () => {
  test('101, and the bytes that came with the request first', async () => {
    const { connect, server } = await serve(echo)
    const client = await connect({ allowHalfOpen: true })
    client.send(`${UPGRADE}early `)
    await client.until((text) => text.endsWith('EARLY '))
    expect(client.text).toMatch(
      /^HTTP\/1\.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nEARLY $/,
    )
    client.send('late')
    await client.until((text) => text.endsWith('LATE'))
    expect(server.running()).toMatchObject([{ method: 'GET', target: '/chat', phase: 'upgraded' }])
    client.socket.end()
    await client.end()
    expect(client.reset).toBe(false)
    await eventually(() => server.statistics().outcomes.ok === 1)
    expect(server.statistics()).toMatchObject({ connections: 0, running: 0 })
  })

  test('none of the times of HTTP runs any more', async () => {
    const { connect } = await serve(echo, { limits: { headTime: 30, keepAliveTime: 30, bodyIdleTime: 30 } })
    const client = await connect()
    client.send(UPGRADE)
    await client.until((text) => text.includes('101'))
    await new Promise((resolve) => setTimeout(resolve, 120))
    client.send('still there')
    await client.until((text) => text.endsWith('STILL THERE'))
  })

  test('a handler that fails then cuts the connection, and is reported', async () => {
    const { connect, events } = await serve(echo)
    const client = await connect()
    client.send(UPGRADE)
    await client.until((text) => text.includes('101'))
    client.send('fail')
    await client.end()
    expect(client.reset).toBe(true)
    expect(events).toMatchObject([{ code: 'GYRE_HANDLER_FAILED' }])
  })

  test('answering as usual declines it (RFC 9110 7.8)', async () => {
    const { exchange } = await serve((request, response) => {
      response.json(request.upgrade)
    })
    const got = await exchange(`${UPGRADE}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    expect(got.map(({ status, body }) => [status, body])).toEqual([
      [200, '["other","echo"]'],
      [200, '[]'],
    ])
  })

  test.each([
    ['was not asked for', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
    ['HTTP/1.0 cannot ask for', 'GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n'],
    [
      'is named without the token in Connection',
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: echo\r\n\r\n',
    ],
  ])('to what %s is refused with 426, which names the protocol (RFC 9110 15.5.22)', async (_why, request) => {
    const { exchange, events } = await serve(echo)
    const [answer] = await exchange(request)
    expect(answer).toMatchObject({ status: 426, headers: { upgrade: 'echo' } })
    expect(answer?.head).toContain('\r\nConnection: upgrade\r\n')
    expect(events).toMatchObject([{ code: 'GYRE_NO_UPGRADE', blame: 'client' }])
  })

  test('by await in an async handler', async () => {
    const { connect } = await serve(async (_request, response) => {
      const stream = await response.upgrade('echo')
      stream.tryWrite(Buffer.from('hello'), 0, 5)
    })
    const client = await connect()
    expect(await client.send(UPGRADE).end()).toMatch(/\r\n\r\nhello$/)
  })

  test('the server closing is told, and cuts what does not end', async () => {
    let told = false
    const { connect, server } = await serve(
      (request, response) => {
        server.closing.addEventListener('abort', () => (told = true))
        return echo(request, response)
      },
      { limits: { closeTime: 50 } },
    )
    const client = await connect()
    client.send(UPGRADE)
    await client.until((text) => text.includes('101'))
    expect(server.ready).toBe(true)
    const closing = server.close()
    await eventually(() => !server.ready)
    const report = await closing
    expect(told).toBe(true)
    expect(report).toMatchObject({ running: 1, cut: [{ target: '/chat', phase: 'upgraded' }], outcomes: { cut: 1 } })
    await client.end()
  })
})

describe('CONNECT', () => {
  const CONNECT = 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n'
  test('is refused with 405 and Allow where nobody takes it', async () => {
    const { exchange } = await serve(echo)
    expect(await exchange(`${CONNECT}GET / HTTP/1.1\r\nHost: a\r\n\r\n`)).toMatchObject([
      { status: 405, headers: { allow: '', connection: 'close' } },
    ])
  })
  test('becomes a tunnel where somebody does; what follows it is no request', async () => {
    const { connect } = await serve(() => undefined, { connect: echo })
    const client = await connect({ allowHalfOpen: true })
    client.send(`${CONNECT}get / http/1.1\r\n\r\n`)
    await client.until((text) => text.endsWith('GET / HTTP/1.1\r\n\r\n'))
    expect(client.text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(client.text).not.toMatch(/content-length|transfer-encoding/i)
    client.socket.end()
    await client.end()
  })
  test('or is declined by it', async () => {
    const { exchange } = await serve(() => undefined, {
      connect: () => {
        throw new HttpError(403, 'not from here')
      },
    })
    expect(await exchange(CONNECT.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))).toMatchObject([
      { status: 403 },
    ])
  })
})

describe('interim answers', () => {
  test('103 before the answer, as often as one likes; 102 too', async () => {
    const { exchange } = await serve(function* (_request, response) {
      yield* response.interim(103, { Link: ['</a.css>; rel=preload', '</b.js>; rel=preload'] })
      yield* response.interim(102)
      response.text('page')
    })
    const got = await exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(got.map(({ status }) => status)).toEqual([103, 102, 200])
    expect(got[0]?.head).toBe('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload')
  })
  test('none to HTTP/1.0 (RFC 9110 15.2)', async () => {
    const { exchange } = await serve(function* (_request, response) {
      yield* response.interim(103, { Link: '</a.css>' })
      response.text('page')
    })
    expect(await exchange('GET / HTTP/1.0\r\n\r\n')).toMatchObject([{ status: 200, body: 'page' }])
  })
  test('none after the head, and no broken lines (O1)', async () => {
    const codes: string[] = []
    const { exchange } = await serve(function* (_request, response) {
      try {
        yield* response.interim(103, { Link: 'a\r\nb: c' })
      } catch (error) {
        codes.push((error as GyreError).code)
      }
      yield* response.write('x')
      try {
        yield* response.interim(103)
      } catch (error) {
        codes.push((error as GyreError).code)
      }
    })
    expect(await exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatchObject([{ body: 'x' }])
    expect(codes).toEqual(['GYRE_BAD_HEADER', 'GYRE_RESPONSE_STARTED'])
  })
})

describe('trailers', () => {
  test('of a request are there after the body, and are no header fields (F11)', async () => {
    const { exchange } = await serve(function* (request, response) {
      const before = request.trailers
      const body = yield* request.text()
      response.json([before, body, request.trailers?.toRaw(), request.headers.has('x-sum')])
    })
    const got = await exchange(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n' +
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nho' +
        'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    )
    expect(got.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      [null, 'hi', ['X-Sum', '1', 'x-sum', '2'], false],
      [null, 'ho', [], false],
      [{}, '', [], false],
    ])
  })
  const summed: Handler = function* (request, response) {
    response.trailers.set('X-Sum', '42')
    if (request.path === '/stream') yield* response.write('streamed')
    else response.text('whole')
    if (request.path === '/bad') response.trailers.set('Content-Length', '1')
  }
  test('of an answer follow its last chunk, of a stream and of one piece', async () => {
    const { connect } = await serve(summed)
    for (const [path, body] of [
      ['/stream', '8\r\nstreamed\r\n'],
      ['/whole', '5\r\nwhole\r\n'],
    ] as const) {
      const client = await connect()
      client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
      expect(await client.end()).toMatch(
        new RegExp(`Transfer-Encoding: chunked\r\n[^]*\r\n\r\n${body}0\r\nX-Sum: 42\r\n\r\n$`),
      )
    }
  })
  test('are left out for HTTP/1.0', async () => {
    const { exchange } = await serve(summed)
    const [answer] = await exchange('GET /whole HTTP/1.0\r\n\r\n')
    expect(answer).toMatchObject({ status: 200, body: 'whole' })
    expect(answer?.headers['x-sum']).toBeUndefined()
  })
  test('with a name that must not stand there are a fault of the handler (RFC 9110 6.5.1)', async () => {
    const { exchange, events } = await serve(summed)
    expect(await exchange('GET /bad HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatchObject([{ status: 500 }])
    expect(events).toMatchObject([{ code: 'GYRE_BAD_HEADER' }])
  })
})
