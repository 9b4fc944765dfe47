/*
 * Handlers as fetch-style functions: the same request and the same answer as over a connection.
 */
import { setTimeout as later } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { fromFetch, mount, toFetch } from '../../lib/handlers/index.ts'
import { HttpError, sleep } from '../../lib/index.ts'
import { eventually } from '../support/serve.ts'

describe('toFetch', () => {
  test('hands over method, target, fields and body', async () => {
    const app = toFetch(function* (request, response) {
      response.json([
        request.method,
        request.target,
        request.headers.get('host'),
        request.headers.get('x-a'),
        yield* request.text(),
      ])
    })
    const response = await app(
      new Request('http://a.example/b?c', { method: 'PUT', headers: { 'X-A': '1' }, body: 'grüße' }),
    )
    expect(await response.json()).toEqual(['PUT', '/b?c', 'a.example', '1', 'grüße'])
  })

  test('brings status, reason and fields back', async () => {
    const app = toFetch((_request, response) => {
      response.reason = 'I am a teapot'
      response.headers.set('Set-Cookie', ['a=1', 'b=2'])
      response.html('<p>', 418)
    })
    const response = await app(new Request('http://a'))
    expect([
      response.status,
      response.statusText,
      response.headers.getSetCookie(),
      response.headers.get('content-type'),
    ]).toEqual([418, 'I am a teapot', ['a=1', 'b=2'], 'text/html; charset=utf-8'])
  })

  test('streams at the pace of whoever reads', async () => {
    let written = 0
    const app = toFetch(async (_request, response) => {
      for (; written < 100; written++) await response.write(new Uint8Array(1000))
      response.end('end')
    })
    const response = await app(new Request('http://a'))
    await later(20)
    expect(written).toBeLessThan(5)
    expect((await response.arrayBuffer()).byteLength).toBe(100_003)
  })

  test('HEAD, 204 and 304 have no body', async () => {
    const app = toFetch((request, response) => {
      response.text('x', Number(request.path.slice(1)))
    })
    expect((await app(new Request('http://a/200', { method: 'HEAD' }))).body).toBe(null)
    for (const status of [204, 304]) expect((await app(new Request(`http://a/${status}`))).status).toBe(status)
  })

  test.each([
    ['HEAD', 200],
    ['GET', 304],
  ])('what a stream brings is dropped on %s with %i, and the handler comes to its end', async (method, status) => {
    let ended = false
    const app = toFetch(function* (_, response) {
      response.status = status
      response.headers.set('X-A', '1')
      for (let index = 0; index < 3; index++) yield* response.write('piece')
      ended = true
    })
    const answer = await app(new Request('http://a/', { method }))
    expect(answer.status).toBe(status)
    expect(answer.headers.get('x-a')).toBe('1')
    expect(answer.body).toBe(null)
    await eventually(() => ended)
  })

  test('what is thrown is an answer', async () => {
    const statuses = await Promise.all(
      [new Error('secret'), new HttpError(404, 'no such page')].map(async (error) => {
        const response = await toFetch(() => {
          throw error
        })(new Request('http://a'))
        return [response.status, await response.text()]
      }),
    )
    expect(statuses).toEqual([
      [500, '500 Internal Server Error\n'],
      [404, '404 Not Found: no such page\n'],
    ])
  })

  test('a failure in the middle breaks the stream off', async () => {
    const response = await toFetch(function* (_request, response) {
      yield* response.write('begun')
      throw new Error('no more')
    })(new Request('http://a'))
    await expect(response.text()).rejects.toThrow('no more')
  })

  test('an aborted request is cancelled, every finally run', async () => {
    const controller = new AbortController()
    let cleaned = false
    const answer = toFetch(function* () {
      try {
        yield* sleep(60_000)
      } finally {
        cleaned = true
      }
    })(new Request('http://a', { signal: controller.signal }))
    await later(5)
    controller.abort(new Error('changed my mind'))
    await expect(answer).rejects.toThrow('changed my mind')
    expect(cleaned).toBe(true)
  })

  test('a reader that leaves cancels the handler', async () => {
    let cleaned = false
    const response = await toFetch(function* (_request, response) {
      try {
        for (;;) yield* response.write('more')
      } finally {
        cleaned = true
      }
    })(new Request('http://a'))
    const reader = (response.body as ReadableStream).getReader()
    await reader.read()
    await reader.cancel()
    await eventually(() => cleaned, 'the cleanup')
  })

  test.each([
    ['Content-Length', '9'],
    ['Transfer-Encoding', 'chunked'],
  ])('an answer framed by its handler as our server would not send it is none: %s', async (name, value) => {
    const app = toFetch((_request, response) => {
      response.headers.set(name, value)
      response.text('abc')
    })
    const response = await app(new Request('http://a'))
    expect([response.status, response.headers.has(name)]).toEqual([500, false])
  })

  test('a body that the handler has not read to its end is cancelled', async () => {
    let cancelled = false
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(9)),
      cancel: () => void (cancelled = true),
    })
    const app = toFetch(function* (request, response) {
      yield* request.read()
      response.text('enough')
    })
    const init = { method: 'POST', body, duplex: 'half' }
    expect(await (await app(new Request('http://a', init as RequestInit))).text()).toBe('enough')
    await eventually(() => cancelled)
  })

  test('there is no upgrade', async () => {
    const app = toFetch(function* (_request, response) {
      yield* response.upgrade('echo')
    })
    expect((await app(new Request('http://a'))).status).toBe(426)
  })

  test('fetch in handler in fetch: a whole tree', async () => {
    const app = toFetch(
      mount({ '/in': fromFetch((request) => new Response(request.body, { headers: { url: request.url } })) }),
    )
    const response = await app(new Request('http://a/in/side', { method: 'POST', body: 'through' }))
    expect([response.headers.get('url'), await response.text()]).toEqual(['http://a/side', 'through'])
  })
})
