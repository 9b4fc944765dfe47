/*
 * How requests end, told rightly: what a second reading of the server found. The record says who ended
 * it and where it was; the connection goes on, lets go or is broken as that demands.
 */
import { describe, expect, test } from 'vitest'
import { GyreError, HttpError, nursery, shield, sleep, withTimeout } from '../../lib/index.ts'
import type { AccessRecord, Handler, ServerOptions } from '../../lib/index.ts'
import { answers } from '../support/client.ts'
import { eventually, serve } from '../support/serve.ts'
import type { Served } from '../support/serve.ts'

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`
const CLOSE = 'Connection: close\r\n'
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function recorded(handler: Handler, options: ServerOptions = {}): Promise<Served & { records: AccessRecord[] }> {
  const records: AccessRecord[] = []
  return { ...(await serve(handler, { ...options, access: (one) => records.push(one) })), records }
}

describe('an error', () => {
  test('with a status, in the middle of an answer, is a failure and news', async () => {
    const { connect, records, events } = await recorded(function* (_request, response) {
      yield* response.write('half of it')
      throw new HttpError(404, 'no such part')
    })
    const client = await connect()
    expect(await client.send(get('/')).end()).not.toMatch(/0\r\n\r\n$/)
    await eventually(() => records.length === 1)
    expect(records).toMatchObject([{ outcome: 'failed', status: 200, phase: 'handler', bytesOut: 10 }])
    expect(events).toHaveLength(1)
  })

  test('of somebody else is no answer: its status and its message stay inside', async () => {
    const { exchange, events } = await recorded(() => {
      throw Object.assign(new Error('GET https://billing.internal/?key=SECRET: 404'), { status: 404 })
    })
    expect(await exchange(get('/', CLOSE))).toMatchObject([{ status: 500, body: '500 Internal Server Error\n' }])
    expect(events).toHaveLength(1)
  })

  test('that is null is one, and not the end of the server', async () => {
    const { exchange, records } = await recorded(() => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- what applications do
      throw null
    })
    expect(await exchange(get('/', CLOSE))).toMatchObject([{ status: 500 }])
    expect(records).toMatchObject([{ outcome: 'failed', status: 500, code: null }])
  })

  test('that says a peer has gone counts only where it is this client', async () => {
    const { exchange, records, events } = await recorded(() => {
      throw new GyreError('GYRE_PEER_GONE')
    })
    expect(await exchange(get('/', CLOSE))).toMatchObject([{ status: 500 }])
    expect(records).toMatchObject([{ outcome: 'failed', status: 500, phase: 'handler' }])
    expect(events).toHaveLength(1)
  })

  test('after a read that was given up is the handler’s, not the body’s', async () => {
    const { connect, records } = await recorded(function* (request) {
      try {
        yield* withTimeout(20, request.read())
      } catch {
        // It took too long.
      }
      throw new Error('on purpose')
    })
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n')
    await client.until((text) => text.includes('500'))
    await eventually(() => records.length === 1)
    expect(records).toMatchObject([{ outcome: 'failed', phase: 'handler' }])
  })
})

describe('the phase', () => {
  test('is the answer where a client resets while it is written to', async () => {
    const { connect, records, server } = await recorded(function* (_request, response) {
      for (;;) yield* response.write(Buffer.alloc(1_000_000))
    })
    const client = await connect()
    client.socket.pause()
    client.send(get('/'))
    await eventually(() => server.statistics().outputHeld > 0)
    client.socket.resetAndDestroy()
    await eventually(() => records.length === 1)
    expect(records).toMatchObject([{ outcome: 'gone', phase: 'answer' }])
  })

  test('and the outcome are known of a handler that was dropped, and its stream does not look whole', async () => {
    const { connect, records } = await recorded(
      function* (_request, response) {
        yield* response.write('half')
        for (;;)
          try {
            yield* sleep(1000)
          } catch {
            // the usual retry loop
          }
      },
      { limits: { handlerTime: 50, cancelGrace: 50 } },
    )
    const client = await connect()
    await client.send('GET / HTTP/1.0\r\n\r\n').end()
    expect(client.reset).toBe(true)
    await eventually(() => records.length === 1)
    expect(records).toMatchObject([{ outcome: 'timedOut', limit: 'handlerTime', phase: 'handler' }])
  })
})

test('requests that came together with the last one have records too', async () => {
  const { connect, records } = await recorded((_request, response) => response.text('x'), {
    limits: { requestsPerConnection: 2 },
  })
  const client = await connect()
  await client.send(get('/1') + get('/2') + get('/3') + get('/4')).end()
  await eventually(() => records.length === 4)
  expect(records.map(({ target, outcome }) => `${target} ${outcome}`)).toEqual(['/1 ok', '/2 ok', '/3 cut', '/4 cut'])
})

test('HEAD counts no bytes that were not sent, also as a stream', async () => {
  const { connect, records } = await recorded(function* (_request, response) {
    yield* response.write('hello world')
  })
  await (await connect()).send(`HEAD / HTTP/1.1\r\nHost: a\r\n${CLOSE}\r\n`).end()
  expect(records).toMatchObject([{ outcome: 'ok', bytesOut: 0 }])
})

describe('CONNECT', () => {
  const TUNNEL = 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'
  test('answered with 2xx otherwise than by upgrade is a fault: what follows would be read as requests', async () => {
    const { exchange, events } = await recorded(() => undefined, {
      connect: (_request, response) => response.text('hi'),
    })
    const got = await exchange(TUNNEL + get('/smuggled'))
    expect(got).toMatchObject([{ status: 500, headers: { connection: 'close' } }])
    expect(events).toMatchObject([{ code: 'GYRE_BAD_STATUS' }])
  })
  test('refused is a request that was read, and its record says which', async () => {
    const { exchange, records, server } = await recorded(() => undefined)
    await exchange(TUNNEL)
    expect(records).toMatchObject([{ method: 'CONNECT', target: 'a:1', status: 405, outcome: 'refused' }])
    expect(server.statistics().requests).toBe(1)
  })
})

describe('times', () => {
  test('that of the first head runs from the connection on, and is not given twice', async () => {
    const { connect } = await recorded(() => undefined, { limits: { headTime: 300 } })
    const began = performance.now()
    const client = await connect()
    await wait(200)
    client.send('G')
    expect(answers(await client.end())).toMatchObject([{ status: 408 }])
    expect(performance.now() - began).toBeLessThan(480)
  })

  test('a request that comes in the tick in which its connection’s time ends is followed by others', async () => {
    const { connect } = await recorded(
      (request, response) => {
        if (request.path === '/busy') for (const until = performance.now() + 300; performance.now() < until;);
        response.text(request.path)
      },
      { limits: { keepAliveTime: 150 } },
    )
    const [client, other] = [await connect(), await connect()]
    client.send(get('/1'))
    await client.until((text) => text.endsWith('/1'))
    other.send(get('/busy'))
    await wait(50)
    client.send(get('/2'))
    await client.until((text) => text.endsWith('/2'))
    client.send(get('/3', CLOSE))
    expect(answers(await client.end()).map(({ body }) => body)).toEqual(['/1', '/2', '/3'])
  })

  test('handlerTime is over once the connection has left HTTP', async () => {
    const { connect } = await recorded(
      function* (_request, response) {
        const stream = yield* response.upgrade('echo')
        yield* sleep(200)
        stream.tryWrite(Buffer.from('still here'), 0, 10)
      },
      { limits: { handlerTime: 80 } },
    )
    const client = await connect()
    client.send(get('/', 'Connection: upgrade\r\nUpgrade: echo\r\n'))
    expect(await client.end()).toMatch(/still here$/)
  })

  test('bytes that came fast buy no hours', async () => {
    const { connect, server } = await recorded(
      function* (request) {
        yield* request.bytes()
      },
      { limits: { bodyIdleTime: 600, bodyRate: 1000, bodyBytes: 2_000_000 } },
    )
    const client = await connect()
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n${'x'.repeat(1_000_000)}`)
    for (let sent = 0; sent < 100 && !client.ended; sent++) {
      await wait(30)
      client.send('x')
    }
    expect(answers(client.text)).toMatchObject([{ status: 408 }])
    expect(server.statistics().limitsHit).toEqual({ bodyRate: 1 })
  })
})

describe('closing', () => {
  test('the next request of a stream that was under way is answered', async () => {
    const { connect, server } = await recorded(
      function* (_request, response) {
        yield* response.write('begun ')
        yield* sleep(80)
        response.end('ended')
      },
      { limits: { lastCallTime: 500 } },
    )
    const client = await connect()
    client.send(get('/1'))
    await client.until((text) => text.includes('begun'))
    const closing = server.close()
    await client.until((text) => text.endsWith('0\r\n\r\n'))
    client.send(get('/2'))
    const got = answers(await client.end())
    expect(got.map(({ body, headers }) => [body, headers['connection']])).toEqual([
      ['begun ended', undefined],
      ['begun ended', 'close'],
    ])
    expect(await closing).toMatchObject({ outcomes: { ok: 2 } })
  })

  test('half a head, or a handler’s unread body, does not hold it up', async () => {
    const { connect, server, records } = await recorded(
      (_request, response) => {
        response.text('x')
      },
      { limits: { closeTime: 5000, lastCallTime: 100, lingerTime: 100 } },
    )
    const [half, unread] = [await connect(), await connect()]
    half.send('GET / HT')
    unread.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n')
    await unread.until((text) => text.endsWith('x'))
    const { duration, cut } = await server.close()
    expect(duration).toBeLessThan(2000)
    expect(cut).toEqual([])
    expect(records.map(({ outcome, phase }) => [outcome, phase])).toEqual([
      ['ok', null],
      ['cut', 'head'],
    ])
  })

  test('what shields itself beyond its grace loses its connection, and is not waited for', async () => {
    const { connect, server } = await recorded(
      function* () {
        yield* shield(sleep(3000))
      },
      { limits: { closeTime: 50, cancelGrace: 50, lingerTime: 50 } },
    )
    const client = await connect()
    client.send(get('/'))
    await eventually(() => server.statistics().running === 1)
    const { duration, cut } = await server.close()
    expect(duration).toBeLessThan(2000)
    expect(cut).toHaveLength(1)
    await client.end()
    expect(client.reset).toBe(true)
  })
})

test('request.signal of a connection that has left HTTP aborts when its client is cut off', async () => {
  let aborted = false
  const { connect, server } = await recorded(async (request, response) => {
    request.signal.addEventListener('abort', () => (aborted = true))
    await response.upgrade('echo')
    await new Promise((resolve) => {
      request.signal.addEventListener('abort', resolve)
    })
  })
  const client = await connect()
  client.send(get('/', 'Connection: upgrade\r\nUpgrade: echo\r\n'))
  await client.until((text) => text.includes('101'))
  client.socket.resetAndDestroy()
  await eventually(() => aborted, 'the abort')
  await eventually(() => server.statistics().running === 0)
})

test('an interim answer and a chunk that race keep out of each other', async () => {
  const { connect } = await recorded(function* (_request, response) {
    yield* nursery(function* (children) {
      children.spawn(response.write('x'.repeat(100_000)))
      children.spawn(function* () {
        try {
          yield* response.interim(103, { Link: '</a>' })
        } catch (error) {
          if ((error as GyreError).code !== 'GYRE_RESPONSE_STARTED') throw error
        }
      })
    })
  })
  const client = await connect()
  client.send(get('/', CLOSE))
  const got = answers(await client.end())
  expect(got.at(-1)).toMatchObject({ status: 200, body: 'x'.repeat(100_000) })
})
