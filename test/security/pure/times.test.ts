/*
 * The checklist, D1: how long a slow client is waited for, in virtual time, to the millisecond.
 */
import { describe, expect, test } from 'vitest'
import { LIMITS } from '../../../lib/index.ts'
import type { AccessRecord, Handler } from '../../../lib/index.ts'
import { sleep } from '../../../lib/kernel/index.ts'
import type { Coroutine } from '../../../lib/kernel/index.ts'
import { Server } from '../../../lib/server/index.ts'
import { Client, talkOver } from '../../../lib/testing/client.ts'
import { VirtualHost, memoryPair } from '../../../lib/testing/index.ts'
import { readAll, request } from '../../support/hostile.ts'

const SECOND = 1_000
const { headTime, keepAliveTime, bodyIdleTime, writeStallTime, lingerTime } = LIMITS
const GET = request([], '', '/', 'GET')
/** A head that takes minutes at a byte a second. */
const HEAD = request([`X: ${'y'.repeat(300)}`], '', '/', 'GET')

interface Slow {
  /** Milliseconds from the beginning until the server had ended the connection. */
  readonly lasted: number
  readonly statuses: readonly number[]
  readonly records: readonly AccessRecord[]
}

/** Serves one client on defaults until the server has ended it. */
async function serveSlow(talk: (client: Client) => Coroutine<void>, handler: Handler = readAll): Promise<Slow> {
  const host = new VirtualHost()
  const records: AccessRecord[] = []
  const access = (one: AccessRecord): void => void records.push(one)
  const server = new Server(host.kernel, { log: false, access }, handler)
  const [stream, serverEnd] = memoryPair({ capacity: 100 })
  server.serve(serverEnd)
  const client = new Client(stream)
  let lasted = 0
  await host.run(() =>
    talkOver(client, function* () {
      yield* talk(client)
      yield* client.end()
      lasted = host.elapsed
    }),
  )
  await host.run(sleep(300 * SECOND))
  expect(server.statistics()).toMatchObject({ connections: 0, running: 0, kernel: { tasks: 0, deadlines: 0 } })
  return { lasted, statuses: client.answers.map(({ status }) => status), records }
}

/** Sends one byte a second until nobody takes any more. */
function* dribble(client: Client, text: string): Coroutine<void> {
  for (const byte of text) {
    if (client.ending !== 'open' || !(yield* client.send(byte))) return
    yield* sleep(SECOND)
  }
}

describe('D1 CVE-2018-12122 CVE-2019-5737 CVE-2019-5739: slow clients', () => {
  test('the first byte never: the time of a head counts from the connection', async () => {
    const { lasted, statuses, records } = await serveSlow(function* () {})
    expect([lasted, statuses]).toEqual([headTime.value, []])
    expect(records).toMatchObject([{ outcome: 'timedOut', limit: 'headTime', phase: 'head' }])
  })

  test('a head of one byte a second: the time counts from its first byte, and no byte puts it off', async () => {
    const { lasted, statuses, records } = await serveSlow((client) => dribble(client, HEAD))
    expect(statuses).toEqual([408])
    expect(lasted).toBeGreaterThanOrEqual(headTime.value)
    expect(lasted).toBeLessThanOrEqual(headTime.value + lingerTime.value + SECOND)
    expect(records).toMatchObject([{ outcome: 'timedOut', limit: 'headTime' }])
  })

  test('a first byte at the last moment buys one head time, and no more', async () => {
    const { lasted } = await serveSlow(function* (client) {
      yield* sleep(headTime.value - SECOND)
      yield* dribble(client, HEAD)
    })
    expect(lasted).toBeLessThanOrEqual(2 * headTime.value + lingerTime.value)
  })

  test.each(['\r', '\r\n', 'GET / HTTP/1.1\r\nX: '])('kept alive by %j between requests', async (begun) => {
    const { lasted, statuses } = await serveSlow(function* (client) {
      yield* client.send(GET)
      yield* client.until(() => client.answers.length === 1)
      yield* sleep(keepAliveTime.value - SECOND)
      yield* client.send(begun)
      yield* sleep(SECOND)
      yield* dribble(client, 'x'.repeat(200))
    })
    expect(statuses[0]).toBe(200)
    expect(lasted).toBeLessThanOrEqual(keepAliveTime.value + headTime.value + lingerTime.value + SECOND)
  })

  test('kept alive by empty lines: the second is refused', async () => {
    const { lasted, statuses } = await serveSlow(function* (client) {
      yield* client.send(GET)
      yield* client.until(() => client.answers.length === 1)
      yield* dribble(client, '\r\n'.repeat(100))
    })
    expect(statuses).toEqual([200, 400])
    expect(lasted).toBeLessThan(10 * SECOND)
  })

  test.each(['Content-Length: 100000', 'Transfer-Encoding: chunked'])(
    'a body of one byte a second (%s)',
    async (how) => {
      const { lasted, statuses, records } = await serveSlow(function* (client) {
        yield* client.send(request([how]))
        yield* dribble(client, 'ffff\r\n'.padEnd(300, 'x'))
      })
      expect(statuses).toEqual([408])
      expect(lasted).toBeLessThanOrEqual(bodyIdleTime.value + lingerTime.value + 2 * SECOND)
      expect(records).toMatchObject([{ outcome: 'timedOut', limit: 'bodyRate', phase: 'body' }])
    },
  )

  test('a body of one byte a second that the handler leaves unread', async () => {
    const { lasted, statuses } = await serveSlow(function* (client) {
      yield* client.send(request(['Content-Length: 60000'], '', '/ignore'))
      yield* dribble(client, 'x'.repeat(300))
    })
    expect(statuses).toEqual([200])
    expect(lasted).toBeLessThanOrEqual(bodyIdleTime.value + lingerTime.value + 2 * SECOND)
  })

  test('a reader of one byte a second', async () => {
    const host = new VirtualHost()
    const records: AccessRecord[] = []
    const access = (one: AccessRecord): void => void records.push(one)
    const server = new Server(host.kernel, { log: false, access }, (_incoming, response) =>
      response.text('x'.repeat(100_000)),
    )
    const [stream, serverEnd] = memoryPair({ capacity: 100 })
    server.serve(serverEnd)
    await host.run(function* () {
      stream.tryWrite(Buffer.from(GET), 0, GET.length)
      const one = Buffer.alloc(1)
      while (records.length === 0) {
        stream.tryRead(one, 0, 1)
        yield* sleep(SECOND)
      }
      stream.close()
    })
    expect(records).toMatchObject([{ outcome: 'timedOut', limit: 'writeRate', phase: 'answer' }])
    expect(host.elapsed).toBeLessThanOrEqual(writeStallTime.value + 5 * SECOND)
    await host.run(sleep(SECOND))
    expect(server.statistics()).toMatchObject({ connections: 0, running: 0, outputHeld: 0 })
  })
})
