/*
 * The checklist, D4, D6 and D11: what things cost whose size a client chooses, at once, twice and four times the size.
 * What reading a head and a chunked body costs stands in test/protocol.
 */
import { describe, expect, test } from 'vitest'
import { combinedLine, jsonLine } from '../../../lib/index.ts'
import type { AccessRecord } from '../../../lib/index.ts'
import { sleep } from '../../../lib/kernel/index.ts'
import { ChunkedDecoder, RequestFields, input } from '../../../lib/protocol/index.ts'
import { Server, createServer } from '../../../lib/server/index.ts'
import { lineLogger } from '../../../lib/server/log.ts'
import { Client, talkOver } from '../../../lib/testing/client.ts'
import { VirtualHost, inject, memoryPair } from '../../../lib/testing/index.ts'
import { wsgi } from '../../../lib/wsgi/index.ts'
import { readAll, request } from '../../support/hostile.ts'

/** Milliseconds of processor time for one go, the least of several. */
async function cost(go: () => unknown): Promise<number> {
  let least = Infinity
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage()
    await go()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

/** Twice the size may cost up to three and a half times, four times up to nine: a square would be 4 and 16. */
async function expectLinear(make: (size: number) => () => unknown, size: number): Promise<void> {
  const goes = [make(size), make(2 * size), make(4 * size)]
  await goes[2]?.()
  const times: number[] = []
  for (const go of goes) times.push(await cost(go))
  const [one = 0, two = 0, four = 0] = times
  const told = `${one.toFixed(1)}, ${two.toFixed(1)} and ${four.toFixed(1)} ms`
  expect(two, told).toBeLessThan(one * 3.5 + 8)
  expect(four, told).toBeLessThan(one * 9 + 16)
}

const repeated = (count: number, of: (at: number) => [string, string]): RequestFields =>
  RequestFields.from(Array.from({ length: count }, (_, at) => of(at)))

describe('D6 CVE-2025-67725 CVE-2026-21717: fields of all kinds', () => {
  const KINDS: Record<string, (at: number) => [string, string]> = {
    'one name': () => ['X-Same', 'v'],
    'names of one length': (at) => [`X-${String(at).padStart(8, '0')}`, 'v'],
    'names like indices of an array': (at) => [String(at * 7_919), 'v'],
    // Their hash is their number in V8 before the fix, so that steps of a power of two fall together.
    'indices that collide': (at) => [String(at * 65_536), 'v'],
  }
  test.each(Object.keys(KINDS))('%s', async (kind) => {
    await expectLinear((size) => {
      const fields = repeated(size, KINDS[kind] as (at: number) => [string, string])
      return () => {
        for (let time = 0; time < 5; time++) {
          fields.toObject()
          JSON.stringify(fields)
          fields.get('x-same')
          fields.getAll('x-none')
        }
      }
    }, 1_000)
  })

  test.each(Object.keys(KINDS))('%s, as variables of WSGI', async (kind) => {
    const application = wsgi((environ, startResponse) => {
      startResponse('200 OK', [])
      return [Buffer.from(String(Object.keys(environ).length))]
    })
    const limits = { fieldCount: 2_048, headBytes: 65_536 }
    await expectLinear((size) => {
      const host = new VirtualHost()
      const server = new Server(host.kernel, { limits }, application)
      const lines = [...repeated(size, KINDS[kind] as (at: number) => [string, string])]
      const bytes = request([...lines.map(([name, value]) => `${name}: ${value}`), 'Connection: close'])
      return () =>
        host.run(() => {
          const [stream, serverEnd] = memoryPair()
          server.serve(serverEnd)
          const client = new Client(stream)
          return talkOver(client, function* () {
            yield* client.send(bytes)
            yield* client.end()
            expect(client.answers.map(({ status }) => status)).toEqual([200])
          })
        })
    }, 500)
  })
})

test('D4 CVE-2025-69229: one read full of chunks of one byte holds the loop for less than 10 ms', async () => {
  const chunks = Buffer.from('1\r\nx\r\n'.repeat(10_922))
  const go = (): void => {
    chunks.copy(input.bytes)
    new ChunkedDecoder().decode(0, chunks.length)
  }
  go()
  expect(await cost(go)).toBeLessThan(10)
})

test('D7 CVE-2013-4450 CVE-2021-29509: many requests at once cost what each costs', async () => {
  await expectLinear((size) => {
    const host = new VirtualHost()
    const server = new Server(host.kernel, { log: false }, readAll)
    const bytes = request(['Content-Length: 1'], 'x').repeat(size)
    return () =>
      host.run(() => {
        const [stream, serverEnd] = memoryPair({ capacity: 1 << 20 })
        server.serve(serverEnd)
        const client = new Client(stream)
        return talkOver(client, function* () {
          yield* client.send(bytes)
          yield* client.until(() => client.answers.length === size)
        })
      })
  }, 500)
})

describe('D11 CVE-2020-5236 CVE-2025-47287: what is read of a field, and what is logged', () => {
  const record = (text: string): AccessRecord => ({
    time: 0,
    duration: 1,
    remote: { address: '192.0.2.1', port: 1, family: 'IPv4' },
    method: 'GET',
    target: `/${text}`,
    httpVersion: '1.1',
    headers: RequestFields.from([
      ['User-Agent', text],
      ['Referer', text],
    ]),
    status: 200,
    bytesIn: 0,
    bytesOut: 0,
    clientTime: 0,
    loop: null,
    outcome: 'ok',
    phase: null,
    code: null,
    limit: null,
  })
  test.each(['"', '\\', '\x9b', ' ', 'a'])('a record of nothing but %j', async (char) => {
    await expectLinear((size) => {
      const one = record(char.repeat(size))
      return () => [combinedLine(one), jsonLine(one)]
    }, 16_000)
  })

  test.each([
    ['Upgrade', ', '],
    ['Upgrade', ' '],
    ['Connection', ','],
    ['Expect', ' '],
    ['Host', 'a.'],
    ['Host', '%61'],
    ['Cookie', '="\\'],
    ['Content-Type', ';='],
  ])('%s of nothing but %j', async (name, part) => {
    const server = createServer({ log: false, limits: { headBytes: 65_536 } }, (incoming, response) =>
      response.json([incoming.upgrade.length, incoming.headers.get(name)?.length]),
    )
    await expectLinear((size) => {
      const value = part.repeat(size / part.length).trim()
      const upgrade = name === 'Upgrade' ? { Connection: 'close, upgrade' } : {}
      return async () => {
        try {
          await inject(server, { headers: { [name]: `a${value}a`, ...upgrade } })
        } catch (error) {
          // Refused by one rule or another; the time is what counts.
          expect(error).toMatchObject({ code: 'GYRE_ANSWER_BROKEN' })
        }
      }
    }, 12_000)
  })

  test('the log: ten lines a second, and how many were left out', async () => {
    const host = new VirtualHost()
    const lines: string[] = []
    const log = lineLogger(
      () => host.now(),
      (line) => lines.push(line),
    )
    const server = new Server(host.kernel, { log }, readAll)
    const nonsense = function* () {
      const [stream, serverEnd] = memoryPair()
      server.serve(serverEnd)
      const client = new Client(stream)
      yield* talkOver(client, function* () {
        yield* client.send('nonsense\r\n\r\n')
        yield* client.end()
      })
    }
    for (let times = 0; times < 500; times++) await host.run(nonsense)
    expect(lines).toHaveLength(10)
    await host.run(sleep(2_000))
    await host.run(nonsense)
    expect(lines.slice(10)).toEqual(['gyre: 490 more of the like\n', expect.stringContaining('GYRE_MALFORMED_HEAD')])
  })
})
