/*
 * AsyncLocalStorage over real sockets: what a handler enters is its request's, and nobody else's.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import { TaskLocal, sleep } from '../../lib/index.ts'
import type { Handler } from '../../lib/index.ts'
import { answers } from '../support/client.ts'
import { eventually, serve } from '../support/serve.ts'

const store = new AsyncLocalStorage<string>()

const post = (path: string, rest = 'Connection: close\r\n'): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n${rest}\r\n`

const handlers: Record<string, Handler> = {
  'a generator': function* (request, response) {
    const seen = [store.getStore() ?? 'nothing']
    store.enterWith(request.path)
    seen.push(store.getStore() ?? 'nothing')
    yield* sleep(5)
    seen.push(store.getStore() ?? 'nothing')
    yield* request.text()
    seen.push(store.getStore() ?? 'nothing')
    yield* response.write(seen.join(' '))
    response.end(` ${store.getStore() ?? 'nothing'}`)
  },
  'an async function': async (request, response) => {
    const seen = [store.getStore() ?? 'nothing']
    store.enterWith(request.path)
    seen.push(store.getStore() ?? 'nothing')
    await new Promise((resolve) => setTimeout(resolve, 5))
    seen.push(store.getStore() ?? 'nothing')
    await request.text()
    seen.push(store.getStore() ?? 'nothing')
    await response.write(seen.join(' '))
    response.end(` ${store.getStore() ?? 'nothing'}`)
  },
}

describe.each(Object.entries(handlers))('%s', (_kind, handler) => {
  test('keeps its store while another request runs in between', async () => {
    const { connect, server } = await serve(handler)
    const [one, other] = [await connect(), await connect()]
    one.send(post('/one'))
    other.send(post('/other'))
    // The bodies come when both handlers have entered their stores.
    await eventually(() => server.statistics().running === 2)
    other.send('body')
    one.send('body')
    expect(answers(await one.end())).toMatchObject([{ body: 'nothing /one /one /one /one' }])
    expect(answers(await other.end())).toMatchObject([{ body: 'nothing /other /other /other /other' }])
    expect(store.getStore()).toBeUndefined()
  })

  test('does not find the store of the request before it on its connection', async () => {
    const { connect } = await serve(handler)
    const client = await connect()
    client.send(`${post('/one', '')}body${post('/two')}body`)
    expect(answers(await client.end())).toMatchObject([
      { body: 'nothing /one /one /one /one' },
      { body: 'nothing /two /two /two /two' },
    ])
  })
})

test('a task local that a handler has set is gone with its request, whether that waits or not', async () => {
  const name = new TaskLocal('nobody')
  const { exchange } = await serve(function* (request, response) {
    const before = name.get()
    name.set(request.path)
    if (request.path === '/two') yield* sleep(1)
    response.text(`${before} ${name.get()}`)
  })
  const got = await exchange(
    ['/one', '/two', '/three', '/two', '/two', '/last']
      .map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n${path === '/last' ? 'Connection: close\r\n' : ''}\r\n`)
      .join(''),
  )
  const expected = ['nobody /one', 'nobody /two', 'nobody /three', 'nobody /two', 'nobody /two', 'nobody /last']
  expect(got.map(({ body }) => body)).toEqual(expected)
})
