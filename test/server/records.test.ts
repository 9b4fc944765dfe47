/*
 * The access record law: exactly one for every request, whatever its end, and for every connection that
 * failed before one; with a closed set of outcomes.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HttpError, OUTCOMES, combinedLine, createServer, jsonLine, sleep } from '../../lib/index.ts'
import type { AccessRecord, Handler, Outcome, ServerOptions } from '../../lib/index.ts'
import { eventually, serve } from '../support/serve.ts'
import type { Served } from '../support/serve.ts'

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`
const post = (path: string, length: number, body = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${body}`
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const site: Handler = function* (request, response) {
  switch (request.path) {
    case '/sleep':
      yield* sleep(60_000)
      break
    case '/body':
      response.text(yield* request.text())
      break
    case '/stream':
      for (let at = 0; at < 3; at++) yield* response.write('part ')
      break
    case '/flood':
      for (;;) yield* response.write(Buffer.alloc(65_536))
    case '/missing':
      throw new HttpError(404, 'no such page')
    case '/late':
      yield* response.write('begun')
      throw new Error('after the head')
    case '/fail':
      throw new Error('on purpose')
    default:
      response.text('fine')
  }
}

interface Recorded extends Served {
  records: AccessRecord[]
}

async function record(options: ServerOptions = {}): Promise<Recorded> {
  const records: AccessRecord[] = []
  const served = await serve(site, { ...options, access: (one) => records.push(one) })
  return { ...served, records }
}

const times = { headTime: 300, bodyIdleTime: 300, keepAliveTime: 300, writeStallTime: 300, lingerTime: 50 }

describe('one record each', () => {
  interface Case {
    send: string
    limits?: ServerOptions['limits']
    how?: 'close' | 'reset' | 'wait' | 'deaf'
    expected: Partial<AccessRecord>
  }
  const cases: Record<string, Case> = {
    'an answer in one piece': {
      send: get('/x?q=1'),
      expected: {
        outcome: 'ok',
        status: 200,
        bytesOut: 4,
        phase: null,
        method: 'GET',
        target: '/x?q=1',
        httpVersion: '1.1',
        code: null,
        limit: null,
      },
    },
    'a stream': { send: get('/stream'), expected: { outcome: 'ok', status: 200, bytesOut: 15 } },
    'a body': { send: post('/body', 4, 'four'), expected: { outcome: 'ok', bytesIn: 4, bytesOut: 4 } },
    'a 404 of the handler': { send: get('/missing'), expected: { outcome: 'ok', status: 404 } },
    'a handler that throws': { send: get('/fail'), expected: { outcome: 'failed', status: 500, phase: 'handler' } },
    'one that throws after the head': { send: get('/late'), expected: { outcome: 'failed', status: 200, bytesOut: 5 } },
    'a malformed head': {
      send: 'nonsense\r\n\r\n',
      expected: {
        outcome: 'refused',
        status: 400,
        code: 'GYRE_MALFORMED_HEAD',
        phase: 'head',
        method: '',
        headers: null,
      },
    },
    'a head too large': {
      send: get('/', `X: ${'y'.repeat(20_000)}\r\n`),
      expected: { outcome: 'refused', status: 431, limit: 'headBytes' },
    },
    'a body too large': {
      send: post('/body', 5_000_000),
      expected: { outcome: 'refused', status: 413, limit: 'bodyBytes' },
    },
    CONNECT: {
      send: 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
      expected: { outcome: 'refused', status: 405, code: 'GYRE_METHOD_REFUSED' },
    },
    'a head that never ends': {
      send: 'GET / HT',
      expected: { outcome: 'timedOut', status: 408, phase: 'head', limit: 'headTime' },
    },
    'no byte at all': {
      send: '',
      how: 'wait',
      expected: { outcome: 'timedOut', status: 0, phase: 'head', limit: 'headTime' },
    },
    'a body that stops': {
      send: post('/body', 4, 'tw'),
      expected: { outcome: 'timedOut', status: 408, phase: 'body', limit: 'bodyIdleTime', bytesIn: 2 },
    },
    'a handler without end': {
      send: get('/sleep'),
      limits: { handlerTime: 40 },
      expected: { outcome: 'timedOut', status: 503, phase: 'handler', limit: 'handlerTime' },
    },
    'a client that reads nothing': {
      send: get('/flood'),
      how: 'deaf',
      expected: { outcome: 'timedOut', status: 200, phase: 'answer', limit: 'writeStallTime' },
    },
    'a client that goes while the handler sleeps': {
      send: get('/sleep'),
      how: 'close',
      expected: { outcome: 'gone', status: 0, phase: 'handler' },
    },
    'a client that resets': { send: get('/sleep'), how: 'reset', expected: { outcome: 'gone', status: 0 } },
    'a client that goes in its body': {
      send: post('/body', 4, 'tw'),
      how: 'close',
      expected: { outcome: 'gone', phase: 'body' },
    },
    'a client that goes in its head': {
      send: 'GET / HT',
      how: 'close',
      expected: { outcome: 'gone', phase: 'head', status: 0 },
    },
  }
  test.each(Object.entries(cases))('%s', async (_name, { send, limits, how = 'wait', expected }) => {
    const { connect, records, server } = await record({ limits: { ...times, ...limits } })
    const client = await connect()
    if (how === 'deaf') client.socket.pause()
    if (send !== '') client.send(send)
    if (how === 'close' || how === 'reset') {
      await eventually(() => server.statistics().connections === 1)
      await wait(20)
      if (how === 'close') client.socket.end()
      else client.socket.resetAndDestroy()
    }
    await eventually(() => records.length > 0, 'a record')
    client.close()
    await eventually(() => server.statistics().connections === 0)
    expect(records).toHaveLength(1)
    expect(records[0]).toMatchObject(expected)
    const { outcomes, limitsHit } = server.statistics()
    expect(outcomes[expected.outcome as Outcome]).toBe(1)
    if (expected.limit != null) expect(limitsHit).toEqual({ [expected.limit]: 1 })
  })

  test('connections that are turned away', async () => {
    const { connect, records } = await record({ limits: { connections: 1 } })
    await connect()
    await (await connect()).end()
    expect(records).toMatchObject([{ outcome: 'refused', status: 503, limit: 'connections', method: '' }])
  })

  test('none for a connection without a word', async () => {
    const { connect, records, server } = await record()
    ;(await connect()).close()
    await eventually(() => server.statistics().accepted === 1 && server.statistics().connections === 0)
    expect(records).toEqual([])
  })
})

test('the law: whatever clients do, every request that was begun has one record, and the outcomes add up', async () => {
  const { connect, records, server } = await record({
    limits: { ...times, handlerTime: 50, closeTime: 50, cancelGrace: 50 },
  })
  const step = fc.constantFrom('get', 'fail', 'sleep', 'stream', 'late', 'body', 'half-body', 'half-head', 'nonsense')
  const end = fc.constantFrom('close', 'reset', 'wait')
  const texts: Record<string, string> = {
    get: get('/'),
    fail: get('/fail'),
    sleep: get('/sleep'),
    stream: get('/stream'),
    late: get('/late'),
    body: post('/body', 2, 'ok'),
    'half-body': post('/body', 4, 'tw'),
    'half-head': 'GET / HT',
    nonsense: '\0\0\r\n\r\n',
  }
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 5 }), end, async (steps, how) => {
      const { requests: before } = server.statistics()
      const settled = records.length
      const client = await connect()
      for (const name of steps) client.send(texts[name] as string)
      if (how === 'wait') await client.end()
      else await wait(5)
      if (how === 'reset') client.socket.resetAndDestroy()
      else client.close()
      await eventually(() => server.statistics().connections === 0)
      const read = server.statistics().requests - before
      const own = records.slice(settled)
      // Requests whose head was read have one each; at most one more is of a head that never was whole.
      expect(own.filter(({ method }) => method !== '')).toHaveLength(read)
      expect(own.length - read).toBeLessThanOrEqual(1)
    }),
    { numRuns: 60 },
  )
  const { outcomes, running } = server.statistics()
  expect(running).toBe(0)
  expect(OUTCOMES.reduce((sum, name) => sum + outcomes[name], 0)).toBe(records.length)
  for (const one of records) expect(OUTCOMES).toContain(one.outcome)
})

describe('formats', () => {
  const one: AccessRecord = {
    time: Date.UTC(2000, 9, 10, 13, 55, 36),
    duration: 12.3456,
    remote: { address: '192.0.2.1', port: 1234, family: 'IPv4' },
    method: 'GET',
    target: '/a"b\u001b[31m',
    httpVersion: '1.1',
    headers: null,
    status: 200,
    bytesIn: 0,
    bytesOut: 5,
    clientTime: 1.23456,
    loop: null,
    outcome: 'ok',
    phase: null,
    code: null,
    limit: null,
  }
  test('the Combined format, with what a client sent escaped (O2, CVE-2020-7694)', () => {
    expect(combinedLine(one)).toBe(
      '192.0.2.1 - - [10/Oct/2000:13:55:36 +0000] "GET /a\\"b\\x1b[31m HTTP/1.1" 200 5 "-" "-" 12.3 ok',
    )
  })
  test('JSON', () => {
    expect(JSON.parse(jsonLine(one))).toMatchObject({
      time: '2000-10-10T13:55:36.000Z',
      remote: '192.0.2.1',
      duration: 12.346,
      outcome: 'ok',
    })
  })
  test('an unknown one is refused at once', () => {
    expect(() => createServer({ access: 'xml' as 'json' }, site)).toThrow(
      "access must be 'combined', 'json' or a function",
    )
  })
})

test('a writer that throws is logged, and ends no request', async () => {
  const { exchange, events } = await serve(site, {
    access: () => {
      throw new Error('the disk is full')
    },
  })
  expect(await exchange(get('/', 'Connection: close\r\n'))).toMatchObject([{ status: 200 }])
  await eventually(() => events.length === 1)
  expect(events[0]?.reason).toBe('the disk is full')
})
