/*
 * Closing: nothing that was sent is lost without a word, and the report says what became of it all.
 */
import { describe, expect, test } from 'vitest'
import { createServer, sleep } from '../../lib/index.ts'
import { answers } from '../support/client.ts'
import { eventually, serve } from '../support/serve.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

test('a request that was on its way when an idle connection was about to close is answered, with close', async () => {
  const { connect, server } = await serve(
    (_request, response) => {
      response.text('x')
    },
    { limits: { lastCallTime: 500 } },
  )
  const client = await connect()
  client.send(GET)
  await client.until((text) => text.endsWith('x'))
  const closing = server.close()
  await eventually(() => !server.ready)
  // Taking in the backlog comes first.
  await new Promise((resolve) => setTimeout(resolve, 100))
  client.send(GET)
  const got = answers(await client.end())
  expect(got.map(({ headers }) => headers['connection'])).toEqual([undefined, 'close'])
  expect(client.reset).toBe(false)
  expect(await closing).toMatchObject({ running: 0, idle: 1, outcomes: { ok: 1 }, cut: [] })
})

test('every kind of answer says close while the server closes', async () => {
  const { connect, server } = await serve(function* (request, response) {
    yield* sleep(40)
    if (request.path === '/stream') yield* response.write('x')
    else if (request.path === '/fail') throw new Error('on purpose')
    else if (request.path === '/fields') response.headers.set('X-A', '1')
    if (request.path !== '/stream') response.text('x')
  })
  const clients = await Promise.all(
    ['/plain', '/stream', '/fail', '/fields'].map(async (path) => {
      const client = await connect()
      return client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    }),
  )
  await eventually(() => server.statistics().running === 4)
  const report = await server.close()
  for (const client of clients)
    expect(answers(await client.end())).toMatchObject([{ headers: { connection: 'close' } }])
  expect(report).toMatchObject({ running: 4, outcomes: { ok: 3, failed: 1 }, cut: [] })
})

test('closeDelay: not ready, and still taking connections', async () => {
  const { connect, server } = await serve(
    (_request, response) => {
      response.json(server.ready)
    },
    { limits: { closeDelay: 150 } },
  )
  const closing = server.close()
  await eventually(() => !server.ready)
  const client = await connect()
  client.send(GET)
  expect(answers(await client.until((text) => text.includes('false')))).toMatchObject([{ body: 'false' }])
  await closing
})

test('a signal closes; the task brings the report', async () => {
  const { connect, server } = await serve(function* (_request, response) {
    yield* sleep(400)
    response.text('done')
  })
  const closed = server.closeOnSignals(['SIGUSR2'])
  const client = await connect()
  client.send(GET)
  await eventually(() => server.statistics().running === 1)
  process.kill(process.pid, 'SIGUSR2')
  expect(await closed).toMatchObject({ running: 1, outcomes: { ok: 1 } })
  expect(answers(await client.end())).toMatchObject([{ body: 'done' }])
})

describe('limits explain themselves', () => {
  test('limits() has each in force, and says which were changed', () => {
    const server = createServer({ limits: { headBytes: 4096 }, log: false }, () => undefined)
    const rows = server.limits()
    expect(rows.find(({ name }) => name === 'headBytes')).toMatchObject({ value: 4096, unit: 'bytes', changed: true })
    expect(rows.find(({ name }) => name === 'headTime')).toMatchObject({ value: 30_000, changed: false })
  })

  test('unsafe combinations are told once, at the start', () => {
    const reasons: string[] = []
    createServer(
      {
        limits: { keepAliveTime: 5000, bodyRate: 1, headTime: Infinity },
        log: ({ code, reason }) => reasons.push(`${code} ${reason}`),
      },
      () => undefined,
    )
    expect(reasons).toHaveLength(3)
    expect(reasons[0]).toMatch(/^GYRE_UNSAFE_LIMITS keepAliveTime \(5000 ms\) is not above the 60 s/)
    reasons.length = 0
    createServer({ log: ({ code }) => reasons.push(code) }, () => undefined)
    expect(reasons).toEqual([])
  })
})
