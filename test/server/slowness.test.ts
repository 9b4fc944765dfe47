/*
 * Clients that are slow on purpose: each is cut by its own limit, and others do not notice.
 */
import { describe, expect, test } from 'vitest'
import { sleep } from '../../lib/index.ts'
import { AddressCounts } from '../../lib/server/address-counts.ts'
import { answers } from '../support/client.ts'
import type { RawClient } from '../support/client.ts'
import { eventually, serve } from '../support/serve.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('lowest rates', () => {
  test('a body that dribbles, never idle for long, is cut by bodyRate', async () => {
    const { connect, server } = await serve(
      function* (request) {
        yield* request.bytes()
      },
      {
        limits: { bodyIdleTime: 500, bodyRate: 1000, lingerTime: 50 },
      },
    )
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n')
    for (let sent = 0; sent < 150 && !client.ended; sent++) {
      client.send('x')
      await wait(20)
    }
    expect(answers(client.text)).toMatchObject([{ status: 408 }])
    expect(server.statistics().limitsHit).toEqual({ bodyRate: 1 })
  })

  test('a handler that thinks long between two reads costs its client nothing', async () => {
    const { connect } = await serve(
      function* (request, response) {
        const first = yield* request.read()
        yield* sleep(250)
        response.text(`${String(first)}${String(yield* request.read())}`)
      },
      { limits: { bodyIdleTime: 100, bodyRate: 1_000_000 } },
    )
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\na')
    await wait(30)
    client.send('b')
    expect(answers(await client.end())).toMatchObject([{ status: 200, body: 'ab' }])
  })

  test('a reader that takes a little now and then is cut by writeRate', async () => {
    const { connect, server } = await serve(
      function* (_request, response) {
        for (;;) yield* response.write(Buffer.alloc(1_000_000))
      },
      { limits: { writeStallTime: 1000, writeRate: 1_000_000_000 } },
    )
    const client = await connect()
    client.send(GET)
    client.socket.pause()
    await eventually(() => server.statistics().connections === 1)
    const until = performance.now() + 5000
    while (server.statistics().connections > 0 && performance.now() < until) {
      client.socket.resume()
      await wait(5)
      client.socket.pause()
      await wait(40)
    }
    expect(server.statistics().limitsHit).toEqual({ writeRate: 1 })
  })
})

describe('D8, the memory of slow readers', () => {
  test.skipIf(process.env['GYRE_IO'] === 'node')(
    'outputTotal: the one that holds most and has waited longest goes first',
    async () => {
      const sizes: Record<string, number> = { '/big': 30_000_000, '/small': 14_000_000 }
      const { connect, server, events } = await serve(
        (request, response) => {
          response.bytes(Buffer.alloc(sizes[request.path] as number))
        },
        { limits: { outputTotal: 30_000_000 } },
      )
      const ask = async (path: string): Promise<RawClient> => {
        const client = await connect()
        client.socket.pause()
        return client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      }
      const small = await ask('/small')
      await eventually(() => server.statistics().outputHeld > 0)
      await ask('/big')
      await eventually(() => server.statistics().limitsHit.outputTotal === 1, 'the cut')
      expect(events).toMatchObject([{ code: 'GYRE_OUTPUT_SHED', reason: expect.stringContaining('/big') as string }])
      small.socket.resume()
      await small.until(() => small.received.length > 14_000_000)
      await eventually(() => server.statistics().outputHeld === 0)
    },
  )

  test('outputBytes: an answer in one piece that is larger is a 500 that says what to do', async () => {
    const { exchange, events } = await serve(
      (request, response) => {
        if (request.path === '/text') response.text('x'.repeat(2000))
        else response.bytes(Buffer.alloc(2000))
      },
      { limits: { outputBytes: 1000 } },
    )
    const head = 'HTTP/1.1\r\nHost: a\r\n'
    const last = `GET / ${head}Connection: close\r\n\r\n`
    // Also where the connection goes on: those answers take a shorter way.
    const answers = await exchange(`GET /text ${head}\r\nGET / ${head}\r\n${last}`)
    expect(answers).toMatchObject([{ status: 500 }, { status: 500 }, { status: 500 }])
    expect(events[0]?.reason).toContain('stream it with write()')
  })
})

test('requestsPerConnection: the last answer says close', async () => {
  const { connect, server } = await serve(
    (_request, response) => {
      response.text('x')
    },
    { limits: { requestsPerConnection: 3 } },
  )
  const client = await connect()
  client.send(GET.repeat(5))
  expect(answers(await client.end()).map(({ headers }) => headers['connection'])).toEqual([
    undefined,
    undefined,
    'close',
  ])
  // Those behind it came, and are told of as not served.
  expect(server.statistics()).toMatchObject({ requests: 5, outcomes: { ok: 3, cut: 2 } })
})

describe('handlerTime', () => {
  test('cancels the handler, runs its finally, and answers 503', async () => {
    const log: string[] = []
    const { connect } = await serve(
      function* (request, response) {
        try {
          if (request.path === '/slow') yield* sleep(60_000)
          response.text('quick')
        } finally {
          yield* sleep(5)
          log.push(request.path)
        }
      },
      { limits: { handlerTime: 50 } },
    )
    const client = await connect()
    client.send(
      GET + 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n' + GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
    )
    // The connection goes on: only the handler was at fault.
    expect(answers(await client.end()).map(({ status }) => status)).toEqual([200, 503, 200])
    expect(log).toEqual(['/', '/slow', '/'])
  })
})

describe('connectionsPerAddress', () => {
  const stream = (address: string, family: 'IPv4' | 'IPv6' | 'unix' = 'IPv6') => ({ address, port: 1, family })
  test('counts one IPv6 network as one, and lets this machine pass', () => {
    const counts = new AddressCounts(2)
    expect(counts.enter(stream('2001:db8:1:2::1'))).toBe('2001:db8:1:2')
    expect(counts.enter(stream('2001:db8:1:2:aaaa:bbbb:cccc:dddd'))).toBe('2001:db8:1:2')
    expect(counts.enter(stream('2001:db8:1:2:3::4'))).toBeUndefined()
    expect(counts.enter(stream('2001:db8::1'))).toBe('2001:db8:0:0')
    expect(counts.enter(stream('192.0.2.1', 'IPv4'))).toBe('192.0.2.1')
    expect(counts.enter(stream('::ffff:192.0.2.1'))).toBe('192.0.2.1')
    expect(counts.enter(stream('192.0.2.1', 'IPv4'))).toBeUndefined()
    counts.leave('192.0.2.1')
    expect(counts.enter(stream('192.0.2.1', 'IPv4'))).toBe('192.0.2.1')
    for (const own of ['127.0.0.1', '127.8.9.10', '::ffff:127.0.0.1', '::1'])
      for (let at = 0; at < 3; at++) expect(counts.enter(stream(own))).toBeNull()
    expect(counts.enter(stream('', 'unix'))).toBeNull()
  })
})
