/*
 * How requests, connections and servers end before their time.
 */
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { Cancelled, createServer, giveWay, nursery, sleep, spawn } from '../../lib/index.ts'
import type { Handler } from '../../lib/index.ts'
import { RawClient, answers } from '../support/client.ts'
import { eventually, serve } from '../support/serve.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

describe('the client goes away', () => {
  test.each(['close', 'reset'])(
    'while its handler sleeps (%s): every finally runs, and nothing is left',
    async (how) => {
      const log: string[] = []
      const { connect, server } = await serve(function* () {
        try {
          yield* nursery(function* (children) {
            children.spawn(function* () {
              try {
                yield* sleep(60_000)
              } finally {
                yield* sleep(1)
                log.push('child')
              }
            })
            yield* sleep(60_000)
          })
        } catch (error) {
          log.push(error instanceof Cancelled ? 'cancelled' : String(error))
          throw error
        } finally {
          log.push('finally')
        }
      })
      const before = server.statistics().kernel
      const client = await connect()
      client.send(GET)
      await eventually(() => server.statistics().running === 1)
      if (how === 'close') client.socket.end()
      else client.socket.resetAndDestroy()
      await eventually(() => server.statistics().connections === 0, 'the end of the connection')
      expect(log).toEqual(['child', 'cancelled', 'finally'])
      const after = server.statistics()
      expect(after).toMatchObject({ running: 0, outcomes: { gone: 1 } })
      expect(after.kernel).toMatchObject({ tasks: before.tasks, deadlines: before.deadlines })
    },
  )

  test('not cancelled where the option says so: a half-closed client gets its answer', async () => {
    const slow: Handler = function* (_request, response) {
      yield* sleep(20)
      response.text('late')
    }
    const { connect } = await serve(slow, { cancelOnDisconnect: false })
    const client = await connect({ allowHalfOpen: true })
    client.send(GET)
    client.socket.end()
    expect(answers(await client.end())).toMatchObject([{ body: 'late' }])
  })

  test('a half-closed client gets what needs no waiting in any case', async () => {
    const { connect } = await serve(function* (_request, response) {
      response.text('now')
    })
    const client = await connect({ allowHalfOpen: true })
    client.socket.end(GET)
    expect(answers(await client.end())).toMatchObject([{ body: 'now' }])
  })

  test('while it still sends, though it has asked for the end: the answer is there before the reset', async () => {
    const served = await serve((_request, response) => {
      // It comes in the middle of the step that answers and closes: nobody knows of it.
      client.send('\r\n')
      response.text('whole')
    })
    const client = await served.connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(answers(await client.end())).toMatchObject([{ status: 200, body: 'whole' }])
  })

  test('while it is written to', async () => {
    const { connect, server } = await serve(function* (_request, response) {
      for (;;) yield* response.write(Buffer.alloc(100_000))
    })
    for (let time = 0; time < 5; time++) {
      const client = await connect()
      client.send(GET)
      await client.until((text) => text.length > 100_000)
      client.socket.resetAndDestroy()
    }
    await eventually(() => server.statistics().connections === 0)
  })

  test('at every byte of a request, without a word in the log', async () => {
    const { connect, server, events } = await serve(function* (request, response) {
      response.text(yield* request.text())
    })
    const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc'
    for (let at = 0; at < request.length; at++) {
      const client = await connect()
      client.socket.write(request.slice(0, at))
      if (at % 2 === 0) client.socket.end()
      else setImmediate(() => client.socket.resetAndDestroy())
    }
    await eventually(() => server.statistics().connections === 0)
    expect(events.filter(({ code }) => code !== 'GYRE_BODY_TRUNCATED')).toEqual([])
  })
})

describe('close', () => {
  test('lets running requests finish, ends idle ones, and takes no more', async () => {
    const { connect, server, port } = await serve(function* (request, response) {
      if (request.path === '/slow') yield* sleep(50)
      response.text(request.path)
    })
    const idle = await connect()
    idle.send(GET)
    await idle.until((text) => text.endsWith('/'))
    const busy = await connect()
    busy.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => server.statistics().running === 1)
    const closing = server.close()
    expect(answers(await idle.end())).toHaveLength(1)
    expect(answers(await busy.end())).toMatchObject([{ body: '/slow', headers: { connection: 'close' } }])
    await closing
    await expect(RawClient.connect(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(server.statistics()).toMatchObject({ connections: 0, running: 0 })
  })

  test('cancels what is not done in time; finally runs', async () => {
    const log: string[] = []
    const { connect, server } = await serve(
      function* () {
        try {
          yield* sleep(60_000)
        } finally {
          yield* sleep(5)
          log.push('finally')
        }
      },
      { limits: { closeTime: 30 } },
    )
    const client = await connect()
    client.send(GET)
    await eventually(() => server.statistics().running === 1)
    expect(await server.close()).toMatchObject({
      running: 1,
      idle: 0,
      outcomes: { cut: 1, ok: 0 },
      cut: [{ method: 'GET', phase: 'handler' }],
    })
    expect(log).toEqual(['finally'])
    expect(answers(await client.end())).toMatchObject([{ status: 503, headers: { connection: 'close' } }])
  })

  test('twice is once; and a server that never listened closes too', async () => {
    const server = createServer(function* () {})
    await Promise.all([server.close(), server.close()])
  })
})

test('a request head cut at every byte, and a chunked body cut at every byte, give the same answers', async () => {
  const { exchange, connect } = await serve(function* (request, response) {
    response.json([request.method, request.path, request.headers.toRaw(), yield* request.text()])
  })
  const request =
    'POST /cut?x HTTP/1.1\r\nHost: example.org\r\nX-Long: value\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n' +
    '5;a=b\r\nhello\r\nA\r\n, world...\r\n0\r\nX-Trailer: x\r\n\r\n'
  const [whole] = await exchange(request)
  const clients = await Promise.all(
    Array.from({ length: request.length }, async (_, at) => {
      const client = await connect()
      client.send(request.slice(0, at))
      await new Promise((resolve) => setTimeout(resolve, 3))
      return await client.send(request.slice(at)).end()
    }),
  )
  for (const text of clients) expect(answers(text)).toMatchObject([{ status: 200, body: whole?.body }])
  const slow = await connect()
  await slow.dribble(request)
  expect(answers(await slow.end())).toMatchObject([{ status: 200, body: whole?.body }])
})

test('a hundred pipelined requests cut at random places give the same answers as whole', async () => {
  const { connect } = await serve(function* (request, response) {
    if (request.path.endsWith('7')) yield* sleep(0)
    response.text(`${request.path} ${yield* request.text()}`)
  })
  let requests = ''
  const expected: string[] = []
  for (let number = 0; number < 100; number++) {
    const body = number % 3 === 0 ? 'x'.repeat(number) : ''
    const framing = body === '' ? '' : `Content-Length: ${number}\r\n`
    requests += `POST /${number} HTTP/1.1\r\nHost: a\r\n${framing}${number === 99 ? 'Connection: close\r\n' : ''}\r\n${body}`
    expected.push(`/${number} ${body}`)
  }
  for (const seed of [1, 2, 3, 4, 5]) {
    const client = await connect()
    let state = seed
    for (let at = 0; at < requests.length;) {
      state = (state * 48_271) % 2_147_483_647
      const to = at + 1 + (state % 300)
      client.send(requests.slice(at, to))
      at = to
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(answers(await client.end()).map(({ body }) => body)).toEqual(expected)
  }
})

describe('D7, fairness: between two turns of another task, one client gets only so much', () => {
  /** What the client was given since the other task ran last, and the most that it ever was. */
  let streak = 0
  let longest = 0
  let total = 0
  const count = (): void => {
    longest = Math.max(longest, ++streak)
    total++
  }
  const flood: Handler = function* (request, response) {
    if (request.path === '/up') {
      request.bodyLimit = Infinity
      while ((yield* request.read()) !== null) count()
    } else if (request.path === '/down') {
      for (;;) {
        yield* response.write('x'.repeat(16))
        count()
      }
    } else count()
  }
  const cases: [what: string, opening: string, piece: Buffer, most: number][] = [
    ['a download in small writes', 'GET /down HTTP/1.1\r\nHost: a\r\n\r\n', Buffer.alloc(0), 64],
    ['an upload', 'POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000\r\n\r\n', Buffer.alloc(1 << 20), 2],
    ['pipelined requests', '', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(30_000)), 65],
  ]
  test.each(cases)('%s', async (_what, opening, piece, most) => {
    streak = longest = total = 0
    const { port } = await serve(flood)
    const other = spawn(function* () {
      for (;;) {
        streak = 0
        yield* giveWay()
      }
    })
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => undefined)
    socket.resume()
    socket.write(opening)
    for (let sent = 0; sent < 20; sent++) socket.write(piece)
    await eventually(() => total > most * 20)
    other.cancel()
    socket.destroy()
    expect(longest).toBeLessThanOrEqual(most)
  })
})

test('two servers share the loop; a unix socket serves like a port and leaves no file', async () => {
  const { existsSync, mkdtempSync } = await import('node:fs')
  const path = `${mkdtempSync('/tmp/gyre-')}/socket`
  const one = await serve(function* (_request, response) {
    response.text('one')
  })
  const two = createServer(function* (request, response) {
    response.text(`two ${request.remote.family}`)
  })
  const { url } = await two.listen({ path })
  expect(url).toBe(`unix:${path}`)
  const close = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  const client = await RawClient.connect(path)
  expect(answers(await client.send(close).end())).toMatchObject([{ body: 'two unix' }])
  expect(await one.exchange(close)).toMatchObject([{ body: 'one' }])
  await two.close()
  expect(existsSync(path)).toBe(false)
})

test('IPv6 and IPv4 on one listener of all addresses', async () => {
  const server = createServer(function* (request, response) {
    response.text(request.remote.address)
  })
  const { port } = await server.listen({ port: 0 })
  const v4 = await (await fetch(`http://127.0.0.1:${port}/`)).text()
  const v6 = await (await fetch(`http://[::1]:${port}/`)).text()
  expect([v4, v6]).toEqual(['::ffff:127.0.0.1', '::1'])
  await server.close()
})

test('a task beside the server goes on while requests are served', async () => {
  let laps = 0
  const ticker = spawn(function* () {
    for (;;) {
      yield* sleep(1)
      laps++
    }
  })
  const { exchange } = await serve(function* (_request, response) {
    // As long as the other task needs, on a busy machine too.
    const before = laps
    while (laps < before + 5) yield* sleep(5)
    response.text('x')
  })
  expect(await exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatchObject([{ body: 'x' }])
  ticker.cancel()
})
