/*
 * Who owns what: bytes belong to one connection, waits and awaited calls to one exchange, and nothing
 * that goes wrong in one reaches another.
 */
import { describe, expect, test } from 'vitest'
import { nursery, sleep, spawn } from '../../lib/index.ts'
import type { Handler, Response } from '../../lib/index.ts'
import { answers } from '../support/client.ts'
import { eventually, serve } from '../support/serve.ts'

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('a head that was written before its body failed', () => {
  const failing: Record<string, (response: Response) => PromiseLike<void>> = {
    async: (response) => response.write('too long'),
    nursery: (response) =>
      spawn(
        nursery((children) => ({
          *[Symbol.iterator]() {
            children.spawn(response.write('too long'))
          },
        })),
      ),
  }
  test.each(Object.keys(failing))('is sent to nobody else (%s)', async (kind) => {
    const { connect } = await serve(async (request, response) => {
      if (request.path === '/b') return response.text('answer of B')
      response.headers.set('Content-Length', '3')
      response.headers.set('Set-Cookie', 'session=secret-of-A')
      await failing[kind]?.(response)
    })
    for (let round = 0; round < 20; round++) {
      const [one, other] = await Promise.all([connect(), connect()])
      one.send(get('/a'))
      other.send(get('/b'))
      const text = await other.until((got) => got.includes('answer of B'))
      expect(text).not.toContain('secret-of-A')
      expect(answers(text)).toHaveLength(1)
      one.close()
      other.close()
    }
  })
})

test('a chunk or a payload that is neither text nor bytes is a 500, and the connection goes on', async () => {
  const { connect, events } = await serve(function* (request, response) {
    const wrong: unknown = { '/number': 42, '/array': ['a'], '/buffer': new ArrayBuffer(5) }[request.path]
    if (request.query === 'write') yield* response.write(wrong as string)
    else if (request.query === 'end') response.end(wrong as string)
    else response.bytes(wrong as Uint8Array)
  })
  const client = await connect()
  for (const path of ['/number', '/array', '/buffer'])
    for (const how of ['write', 'end', 'bytes']) client.send(get(`${path}?${how}`))
  client.send(get('/x', 'Connection: close\r\n'))
  expect(answers(await client.end()).map(({ status }) => status)).toEqual(new Array<number>(10).fill(500))
  expect(new Set(events.map(({ code }) => code))).toEqual(new Set(['GYRE_BAD_PAYLOAD']))
})

test('a 205 has no body, whatever the handler says: no answer can hide in it', async () => {
  const { exchange } = await serve(function* (request, response) {
    if (request.path === '/fields') response.headers.set('X-A', '1')
    response.text('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL', 205)
  })
  for (const path of ['/fields', '/plain']) {
    const got = await exchange(get(path) + get(path, 'Connection: close\r\n'))
    expect(got.map(({ status, body, headers }) => [status, body, headers['content-length']])).toEqual([
      [205, '', '0'],
      [205, '', '0'],
    ])
  }
})

test('the reason phrase cannot break the head (O1)', async () => {
  const { exchange } = await serve(function* (_request, response) {
    response.reason = 'OK\u010d\u010aSet-Cookie: evil=1'
    response.text('x')
  })
  const [answer] = await exchange(get('/', 'Connection: close\r\n'))
  expect(answer?.status).toBe(500)
  expect(answer?.head).not.toContain('evil')
})

test('100 Continue never stands inside an answer (W26)', async () => {
  const { connect } = await serve(function* (request, response) {
    yield* response.write('first ')
    yield* response.write(yield* request.text())
  })
  const client = await connect()
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n')
  await client.until((text) => text.includes('first'))
  client.send('hi')
  expect(await client.end()).not.toContain('100 Continue')
  expect(answers(client.text)).toMatchObject([{ status: 200, body: 'first hi', headers: { connection: 'close' } }])
})

describe('an answer that is out is whole', () => {
  const big = Buffer.alloc(3_000_000, 'x')
  const deaf: Handler = (_request, response) => {
    response.bytes(big)
  }
  test.each([
    ['comes late', false],
    ['is cut off', true],
  ])('although the body that nobody reads %s', async (_how, cut) => {
    const { connect, server } = await serve(deaf, { limits: { bodyIdleTime: 100, lingerTime: 300 } })
    const client = await connect({ allowHalfOpen: true })
    client.socket.pause()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf.')
    if (cut) client.socket.end()
    await wait(400)
    client.socket.resume()
    await client.end()
    expect(answers(client.text)[0]?.body.length).toBe(big.length)
    await eventually(() => server.statistics().outcomes.ok === 1)
  })
})

test('a stream that is broken off by the end of its client does not end cleanly', async () => {
  const { connect } = await serve(function* (_request, response) {
    yield* response.write('part one\n')
    yield* sleep(60_000)
    yield* response.write('part two\n')
  })
  const client = await connect({ allowHalfOpen: true })
  client.send('GET / HTTP/1.0\r\n\r\n')
  await client.until((text) => text.includes('part one'))
  client.socket.end()
  await client.end()
  expect(client.reset).toBe(true)
})

describe('what a handler leaves behind ends with its exchange', () => {
  test('a read that lost its race is ended, and the answer goes out', async () => {
    const { connect, events } = await serve(
      async (request, response) => {
        const late = await Promise.race([request.text(), wait(30)])
        response.text(late ?? 'took too long', late === undefined ? 408 : 200)
      },
      { limits: { bodyIdleTime: 200, lingerTime: 100 } },
    )
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf.')
    expect(answers(await client.end())).toMatchObject([{ status: 408, body: 'took too long' }])
    expect(client.reset).toBe(false)
    expect(events).toEqual([])
  })

  test('reading on afterwards is an error, never a clean end', async () => {
    let seen: unknown
    const { connect } = await serve(async (request, response) => {
      await wait(60)
      response.text('x')
      seen = await Promise.resolve(request.text()).catch((error: unknown) => error)
    })
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf.')
    await wait(20)
    client.close()
    await eventually(() => seen !== undefined, 'the read to end')
    expect(seen).toBeInstanceOf(Error)
  })
})

describe('times of reading and writing run apart', () => {
  test('a body that stops is noticed although the answer had stalled meanwhile', async () => {
    const ended: unknown[] = []
    const { connect } = await serve(
      function* (request, response) {
        yield* nursery(function* (children) {
          children.spawn(function* () {
            try {
              while ((yield* request.read()) !== null);
            } catch (error) {
              ended.push((error as { code: string }).code)
            }
          })
          for (let sent = 0; sent < 20_000_000; sent += 1_000_000) yield* response.write(Buffer.alloc(1_000_000))
        })
      },
      { limits: { bodyIdleTime: 200 } },
    )
    const client = await connect()
    client.socket.pause()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf.')
    await wait(80)
    client.socket.resume()
    await eventually(() => ended.length > 0, 'the end of the reader')
    expect(ended).toEqual(['GYRE_BODY_TIMEOUT'])
  })
})

describe('clients that have gone', () => {
  test('before their turn came are not worked for', async () => {
    let undone = 0
    const { connect, server } = await serve(function* (request) {
      if (request.path === '/busy') for (const until = performance.now() + 150; performance.now() < until;);
      else
        try {
          yield* sleep(60_000)
        } finally {
          undone++
        }
    })
    const busy = await connect()
    busy.send(get('/busy'))
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const client = await connect()
        client.send(get('/wait'))
        client.socket.end()
      }),
    )
    await eventually(() => undone === 10, 'the cancel of all ten')
    await eventually(() => server.statistics().running === 0)
  })

  test('whose handler swallows its cancel cost nothing in the end', async () => {
    const { connect, server, events } = await serve(
      function* () {
        for (;;)
          try {
            yield* sleep(20)
          } catch {
            // the usual retry loop
          }
      },
      { limits: { cancelGrace: 50 } },
    )
    for (let at = 0; at < 5; at++) {
      const client = await connect()
      client.send(get('/'))
      await eventually(() => server.statistics().running === at + 1 || server.statistics().running === 1)
      client.close()
    }
    await eventually(() => server.statistics().connections === 0, 'the end of the connections')
    expect(server.statistics()).toMatchObject({ running: 0, kernel: { tasks: expect.any(Number) as number } })
    expect(events.filter(({ blame }) => blame === 'server')).toEqual([])
  })
})

test("joining a task that somebody else has cancelled is the handler's failure, and is answered", async () => {
  const { exchange, events } = await serve(function* () {
    const other = spawn(sleep(60_000))
    other.cancel('because')
    yield* other
  })
  expect(await exchange(get('/', 'Connection: close\r\n'))).toMatchObject([{ status: 500 }])
  expect(events).toMatchObject([{ status: 500, blame: 'app' }])
})

test('a logger that throws ends nothing', async () => {
  const { connect, server } = await serve(
    function* (request, response) {
      if (request.path === '/fail') throw new Error('on purpose')
      response.text('fine')
    },
    {
      limits: { connections: 2 },
      log: () => {
        throw new Error('the disk is full')
      },
    },
  )
  const [one, two] = await Promise.all([connect(), connect()])
  const three = await connect()
  expect(answers(await three.end())).toMatchObject([{ status: 503 }])
  one.send(get('/fail', 'Connection: close\r\n'))
  expect(answers(await one.end())).toMatchObject([{ status: 500 }])
  two.close()
  await eventually(() => server.statistics().connections === 0)
  const four = await connect()
  four.send(get('/', 'Connection: close\r\n'))
  expect(answers(await four.end())).toMatchObject([{ status: 200, body: 'fine' }])
})

test('a body in pieces of one byte costs its size, not a buffer for each', async () => {
  const size = 200_000
  const { connect } = await serve(function* (request, response) {
    response.json((yield* request.bytes()).length)
  })
  const client = await connect()
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`)
  client.send('1\r\nx\r\n'.repeat(size) + '0\r\n\r\n')
  expect(answers(await client.end())).toMatchObject([{ body: String(size) }])
})
