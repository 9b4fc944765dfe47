/*
 * Requests without sockets: the real connection code answers.
 */
import { afterAll, describe, expect, test } from 'vitest'
import { HttpError, createServer, run, sleep } from '../../lib/index.ts'
import type { Handler } from '../../lib/index.ts'
import { wsgi } from '../../lib/wsgi/index.ts'
import { VirtualHost, createRepeater, inject } from '../../lib/testing/index.ts'

const echo: Handler = function* (request, response) {
  if (request.path === '/fail') throw new Error('secret')
  if (request.path === '/teapot') throw new HttpError(418, 'short and stout')
  if (request.path === '/slow') yield* sleep(10_000)
  if (request.path === '/stream') {
    for (const piece of ['a', 'b', 'c']) yield* response.write(piece)
    return
  }
  const { method, query } = request
  response.json({ method, path: request.path, query, fields: request.headers.toObject(), body: yield* request.text() })
}
const events: string[] = []
const server = createServer({ log: ({ code }) => events.push(code) }, echo)
afterAll(async () => {
  await server.close()
})

describe('inject', () => {
  test('a plain GET', async () => {
    const answer = await inject(server)
    expect([answer.version, answer.status, answer.reason]).toEqual(['HTTP/1.1', 200, 'OK'])
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
    expect(answer.json()).toMatchObject({
      method: 'GET',
      path: '/',
      fields: { host: 'localhost', connection: 'close' },
    })
  })

  test('method, path, fields, and bodies of each kind', async () => {
    const of = async (body: string | Uint8Array | string[]) =>
      (await inject(server, { method: 'PUT', path: '/a?b', headers: { 'X-Two': ['1', '2'] }, body })).json()
    const common = { method: 'PUT', path: '/a', query: 'b' }
    expect(await of('grün')).toMatchObject({
      ...common,
      body: 'grün',
      fields: { 'content-length': '5', 'x-two': '1, 2' },
    })
    expect(await of(Buffer.from('bytes'))).toMatchObject({ ...common, body: 'bytes' })
    expect(await of(['in ', '', 'pieces'])).toMatchObject({
      ...common,
      body: 'in pieces',
      fields: { 'transfer-encoding': 'chunked' },
    })
  })

  test('a chunked answer, and HEAD', async () => {
    const answer = await inject(server, { path: '/stream' })
    expect([answer.headers.get('Transfer-Encoding'), answer.text()]).toEqual(['chunked', 'abc'])
    const head = await inject(server, { method: 'HEAD' })
    expect([head.body.length, Number(head.headers.get('Content-Length')) > 10]).toEqual([0, true])
  })

  test('Expect: 100-continue waits for the word, and shows it', async () => {
    const headers = { Expect: '100-continue' }
    const answer = await inject(server, { method: 'POST', headers, body: 'hello' })
    expect(answer.interim.map(({ status, reason }) => [status, reason])).toEqual([[100, 'Continue']])
    expect(answer.json()).toMatchObject({ body: 'hello' })
    const refused = await inject(server, { method: 'POST', headers: { ...headers, 'Content-Length': 2 ** 40 } })
    expect([refused.status, refused.interim]).toEqual([413, []])
  })

  test('errors, limits and framing are the real ones', async () => {
    events.length = 0
    const failed = await inject(server, { path: '/fail' })
    expect([failed.status, failed.text().includes('secret')]).toEqual([500, false])
    expect((await inject(server, { path: '/teapot' })).status).toBe(418)
    expect((await inject(server, { path: `/${'x'.repeat(10_000)}` })).status).toBe(414)
    expect((await inject(server, { method: 'get' })).status).toBe(400)
    expect(events).toEqual(['GYRE_HANDLER_FAILED', 'GYRE_TARGET_TOO_LONG', 'GYRE_MALFORMED_HEAD'])
  })

  test('yielded in a task as well as awaited, and nothing is left afterwards', async () => {
    const answer = await run(function* () {
      return yield* inject(server, { path: '/task' })
    })
    expect(answer.json()).toMatchObject({ path: '/task' })
    expect(server.statistics()).toMatchObject({ connections: 0, running: 0 })
  })

  test('many at once', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, (_, number) => inject(server, { path: `/${number}` })))
    expect(all.map((answer) => (answer.json() as { path: string }).path)).toEqual(all.map((_, number) => `/${number}`))
  })

  test('large bodies, both ways', async () => {
    const answer = await inject((request, response) => request.bytes().then((bytes) => response.end(bytes)), {
      method: 'POST',
      body: Buffer.alloc(1_000_000, 'x'),
    })
    expect(answer.body.equals(Buffer.alloc(1_000_000, 'x'))).toBe(true)
  })

  test('a handler in virtual time: awaited, and yielded from a task of real time', async () => {
    const time = new VirtualHost()
    expect((await inject(echo, { path: '/slow' }, { time })).status).toBe(200)
    expect(
      await run(function* () {
        return (yield* inject(echo, { path: '/slow' }, { time })).status
      }),
    ).toBe(200)
    expect(time.elapsed).toBe(20_000)
  })

  test('async handlers and WSGI applications', async () => {
    const time = new VirtualHost()
    const asynchronous: Handler = async (request, response) => {
      for await (const chunk of request) await response.write(chunk)
    }
    expect((await inject(asynchronous, { method: 'POST', body: ['a', 'b'] }, { time })).text()).toBe('ab')
    const app = wsgi((environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']])
      return [Buffer.from(environ['REMOTE_ADDR'])]
    })
    expect((await inject(app)).text()).toBe('127.0.0.1')
  })

  test('what is no whole answer is an error, and says how far it came', async () => {
    const cut: Handler = function* (_request, response) {
      yield* response.write('some')
      throw new Error('half way')
    }
    await expect(inject(cut, {}, { server: { log: false } })).rejects.toMatchObject({ code: 'GYRE_ANSWER_BROKEN' })
  })

  test('a server takes no options a second time', () => {
    const given = server as unknown as Handler
    expect(() => inject(given, {}, { time: new VirtualHost() })).toThrow(
      expect.objectContaining({ code: 'GYRE_BAD_OPTION' }),
    )
  })
})

describe('a repeater', () => {
  test('asks again and again over one connection', async () => {
    const before = server.statistics()
    const repeater = createRepeater(server, { method: 'POST', body: 'x' })
    await run(function* () {
      for (let round = 0; round < 1000; round++) yield* repeater.ask()
    })
    const after = server.statistics()
    expect([after.requests - before.requests, after.accepted - before.accepted]).toEqual([1000, 1])
    repeater.close()
    await run(sleep(1))
    expect(server.statistics().connections).toBe(before.connections)
  })

  test('tells of an answer that is not like the first', async () => {
    let count = 0
    const growing = createServer(function* (_request, response) {
      response.text('x'.repeat(++count))
    })
    const repeater = createRepeater(growing)
    await expect(
      run(function* () {
        for (;;) yield* repeater.ask()
      }),
    ).rejects.toMatchObject({ code: 'GYRE_ANSWER_BROKEN' })
    expect(count).toBe(2)
  })
})
