/*
 * Work behind an answer: the client does not wait for it, closing does.
 */
import { expect, test } from 'vitest'
import { createServer, sleep } from '../../lib/index.ts'
import type { LogEvent } from '../../lib/index.ts'

test('the answer does not wait for it, close() does', async () => {
  const done: string[] = []
  await using server = createServer(function* (request, response) {
    request.afterwards(
      (function* () {
        yield* sleep(150)
        done.push('operation')
      })(),
    )
    request.afterwards((async () => void done.push(await Promise.resolve('promise')))())
    response.text('thanks')
  })
  const { url } = await server.listen({ port: 0, host: '127.0.0.1' })
  expect(await (await fetch(url)).text()).toBe('thanks')
  expect(done).toEqual(['promise'])
  expect(server.statistics().afterwork).toBeGreaterThan(0)
  expect(await server.close()).toMatchObject({ cutAfterwork: 0, outcomes: { ok: 0 } })
  expect(done).toEqual(['promise', 'operation'])
  expect(server.statistics().afterwork).toBe(0)
})

test('what does not end within closeTime is cancelled, its finally run, and counted', async () => {
  let cleaned = false
  await using server = createServer({ limits: { closeTime: 50 } }, (request, response) => {
    request.afterwards(
      (function* () {
        try {
          yield* sleep(60_000)
        } finally {
          cleaned = true
        }
      })(),
    )
    response.text('thanks')
  })
  const { url } = await server.listen({ port: 0, host: '127.0.0.1' })
  await (await fetch(url)).text()
  expect(await server.close()).toMatchObject({ cutAfterwork: 1, cut: [] })
  expect(cleaned).toBe(true)
})

test('its failure is logged with the request, and is nobody else’s', async () => {
  const events: LogEvent[] = []
  await using server = createServer({ log: (event) => void events.push(event) }, (request, response) => {
    request.afterwards(Promise.reject(new Error('no mail today')))
    response.text('thanks')
  })
  const { url } = await server.listen({ port: 0, host: '127.0.0.1' })
  expect((await fetch(`${url}order`)).status).toBe(200)
  await server.close()
  expect(events).toMatchObject([{ code: 'GYRE_HANDLER_FAILED', status: 0, reason: 'GET /order: no mail today' }])
  expect(server.statistics().outcomes).toMatchObject({ ok: 1, failed: 0 })
})
