/*
 * Loop accounting: slow code, a starved loop and a slow client are told apart (N3), and stalls are named (N4).
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { Event, sleep } from '../../lib/index.ts'
import type { AccessRecord, Coroutine, StallMessage } from '../../lib/index.ts'
import { answers } from '../support/client.ts'
import { eventually, serve } from '../support/serve.ts'

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`

function busy(milliseconds: number): void {
  for (const until = performance.now() + milliseconds; performance.now() < until;);
}

test('slow code has loop time, one who waits for its turn queued time, a slow client client time', async () => {
  const records: AccessRecord[] = []
  const gate = new Event()
  const { connect, server } = await serve(
    function* (request, response) {
      if (request.path === '/busy') {
        yield* gate.wait()
        busy(150)
        yield* sleep(1)
        busy(50)
      } else if (request.path === '/queued') yield* gate.wait()
      else if (request.path === '/open') gate.set()
      else yield* request.text()
      response.text('done')
    },
    { accounting: true, access: (record) => records.push(record) },
  )
  const slow = await connect()
  slow.send('POST /client HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\na')
  const [one, other] = [await connect(), await connect()]
  one.send(get('/busy'))
  await eventually(() => server.statistics().running === 2)
  other.send(get('/queued'))
  await eventually(() => server.statistics().running === 3)
  ;(await connect()).send(get('/open'))
  const [answer] = answers(await one.end())
  await other.end()
  slow.send('b')
  await slow.end()
  await eventually(() => records.length === 4)
  const of = (path: string): AccessRecord => records.find(({ target }) => target === path) as AccessRecord
  expect(of('/busy').loop?.loopTime).toBeGreaterThanOrEqual(195)
  expect(of('/busy').loop?.longestStep).toBeGreaterThanOrEqual(149)
  expect(of('/busy').loop?.longestStep).toBeLessThan(of('/busy').loop?.loopTime ?? 0)
  expect(of('/busy').loop?.steps).toBeGreaterThanOrEqual(3)
  expect(of('/queued').loop?.queuedTime).toBeGreaterThan(140)
  expect(of('/queued').loop?.loopTime).toBeLessThan(50)
  expect(of('/client').clientTime).toBeGreaterThan(150)
  expect(of('/client').loop?.loopTime).toBeLessThan(50)
  const timing = answer?.headers['server-timing'] ?? ''
  expect(timing).toMatch(/^loop;dur=[\d.]+, queued;dur=[\d.]+, client;dur=[\d.]+, total;dur=[\d.]+$/)
  expect(Number(/^loop;dur=([\d.]+)/.exec(timing)?.[1])).toBeGreaterThanOrEqual(195)
})

test('where it is off there is neither a field nor a figure', async () => {
  const records: AccessRecord[] = []
  const { exchange } = await serve((_request, response) => response.text('x'), {
    access: (record) => records.push(record),
  })
  const [answer] = await exchange(get('/'))
  expect(answer?.headers['server-timing']).toBeUndefined()
  expect(records).toMatchObject([{ loop: null }])
})

test('a step that takes too long is logged with its request, counted, and told on gyre.loop.stall', async () => {
  const told: StallMessage[] = []
  const listener = (message: unknown): void => void told.push(message as StallMessage)
  subscribe('gyre.loop.stall', listener)
  const { exchange, events, server } = await serve(
    (_request, response) => {
      busy(120)
      response.text('x')
    },
    { limits: { stallTime: 100 } },
  )
  await exchange(get('/slow'))
  unsubscribe('gyre.loop.stall', listener)
  expect(events).toMatchObject([{ code: 'GYRE_LOOP_STALLED', blame: 'app' }])
  expect(events[0]?.reason).toMatch(/^GET \/slow, task connection: one step took \d\d\d\.\d ms$/)
  expect(told).toMatchObject([{ request: { path: '/slow' } }])
  expect(server.statistics().limitsHit).toEqual({ stallTime: 1 })
})

test('the report of a long step names the place in the handler where it came to its end', async () => {
  function* slowPart(): Coroutine<void> {
    busy(120)
    yield* sleep(1)
  }
  const told: StallMessage[] = []
  const listener = (message: unknown): void => void told.push(message as StallMessage)
  subscribe('gyre.loop.stall', listener)
  const { exchange, events } = await serve(
    function* (_request, response) {
      yield* slowPart()
      response.text('x')
    },
    { limits: { stallTime: 100 } },
  )
  await exchange(get('/slow'))
  unsubscribe('gyre.loop.stall', listener)
  expect(events[0]?.reason).toMatch(/^GET \/slow, .* until it waited at slowPart \(.*accounting\.test\.ts:\d+:\d+\)$/)
  expect(told[0]?.site[0]).toMatch(/^slowPart /)
})
