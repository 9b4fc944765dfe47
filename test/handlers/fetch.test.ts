/*
 * Fetch-style applications: what the standard says of a request and a response holds, whether they are light or real.
 */
import { describe, expect, test } from 'vitest'
import { FetchResponse, fromFetch, mount } from '../../lib/handlers/index.ts'
import type { FetchApp, FetchContext } from '../../lib/handlers/index.ts'
import { eventually, serve } from '../support/serve.ts'

const ask = (head: string): string => `${head}\r\nHost: Site.example:80\r\nConnection: close\r\n\r\n`

/** What an application sees of a request. */
async function seen<T>(look: (request: Request, context: FetchContext) => T | Promise<T>, head: string): Promise<T> {
  const found: T[] = []
  const { exchange } = await serve(
    fromFetch(async (request, context) => {
      found.push(await look(request, context))
      return new Response(null, { status: 204 })
    }),
  )
  expect(await exchange(head)).toMatchObject([{ status: 204 }])
  return found[0] as T
}

describe('the request', () => {
  test.each([
    ['/', 'http://site.example/'],
    ['/a/b?c=1&d', 'http://site.example/a/b?c=1&d'],
    // What URL would change is changed, so that cutting the text finds the same path.
    ['/a/../b', 'http://site.example/b'],
    ['/a/%2E%2e/b', 'http://site.example/b'],
    ['/.hidden', 'http://site.example/.hidden'],
    ["/it's?it's", "http://site.example/it's?it%27s"],
    ['/a|b^c', 'http://site.example/a|b^c'],
    ['//other.example/x', 'http://site.example//other.example/x'],
    ['http://site.example:80/x?y', 'http://site.example/x?y'],
    ['http://site.example:80?y', 'http://site.example/?y'],
  ])('has the URL of the target %s in normal form', async (target, url) => {
    const found = await seen((request) => request.url, ask(`GET ${target} HTTP/1.1`))
    expect(found).toBe(url)
    expect(new URL(found).href).toBe(found)
  })

  test('has a URL without Host too', async () => {
    expect(await seen((request) => request.url, 'GET /x HTTP/1.0\r\n\r\n')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/x$/)
  })

  test('is a Request to instanceof, has its constants, and its header fields', async () => {
    const found = await seen(
      (request) => [
        request instanceof Request,
        request.headers instanceof Headers,
        request.method,
        request.headers.get('x-TWO'),
        request.headers.get('absent'),
        request.headers.has('host'),
        [...request.headers].filter(([name]) => name.startsWith('x-')),
        request.redirect,
        request.body,
        request.bodyUsed,
        Object.prototype.toString.call(request),
      ],
      'OPTIONS /x HTTP/1.1\r\nHost: a\r\nX-Two: 1\r\nx-two: 2\r\nConnection: close\r\n\r\n',
    )
    expect(found).toEqual([
      true,
      true,
      'OPTIONS',
      '1, 2',
      null,
      true,
      [['x-two', '1, 2']],
      'follow',
      null,
      false,
      '[object Request]',
    ])
  })

  test('its header fields can be changed, as those of a Request', async () => {
    const found = await seen((request) => {
      request.headers.set('x-new', '1')
      request.headers.delete('host')
      expect(() => request.headers.get('not a name')).toThrow(TypeError)
      return [request.headers.get('x-new'), request.headers.has('host')]
    }, ask('GET / HTTP/1.1'))
    expect(found).toEqual(['1', false])
  })

  const post = (type: string, body: string): string =>
    `POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const form = post('application/x-www-form-urlencoded', 'a=1&b=2')
  const json = post('application/json', '{"a":1}')

  test.each<[string, (request: Request) => unknown, string, unknown]>([
    ['text()', (request) => request.text(), form, 'a=1&b=2'],
    ['json()', (request) => request.json(), json, { a: 1 }],
    ['arrayBuffer()', async (request) => (await request.arrayBuffer()).byteLength, form, 7],
    ['blob()', async (request) => (await request.blob()).size, form, 7],
    [
      'formData()',
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- applications use it
      async (request) => [...(await request.formData())],
      form,
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['body', (request) => new Response(request.body).text(), form, 'a=1&b=2'],
    ['clone()', async (request) => [await request.clone().text(), await request.text()], form, ['a=1&b=2', 'a=1&b=2']],
    ['new Request()', async (request) => new Request(request.clone(), { headers: { a: 'b' } }).text(), form, 'a=1&b=2'],
  ])('has its body as %s', async (_name, read, bytes, body) => {
    expect(await seen(read, bytes)).toEqual(body)
  })

  test('has its body once', async () => {
    const found = await seen(async (request) => {
      await request.text()
      const again = [request.text(), request.json(), request.arrayBuffer()].map((read) =>
        read.then(
          () => 'read',
          (error: unknown) => (error as Error).name,
        ),
      )
      expect(() => request.clone()).toThrow(TypeError)
      return [request.bodyUsed, ...(await Promise.all(again))]
    }, form)
    expect(found).toEqual([true, 'TypeError', 'TypeError', 'TypeError'])
  })

  test('a body of wrong JSON is a SyntaxError, as the standard has it', async () => {
    const name = await seen(
      (request) => request.json().catch((error: unknown) => (error as Error).name),
      post('a/b', '{'),
    )
    expect(name).toBe('SyntaxError')
  })

  test('its text has no byte order mark, and neither has JSON', async () => {
    expect(await seen((request) => request.text(), post('text/plain', '\xef\xbb\xbfa'))).toBe('a')
    expect(await seen((request) => request.json(), post('application/json', '\xef\xbb\xbf[1]'))).toEqual([1])
  })

  test('its bytes are of the standard’s kind, and nobody else’s', async () => {
    const found = await seen(async (request) => {
      // The types of Node 20 do not know it yet.
      const bytes = await (request as unknown as { bytes(): Promise<Uint8Array> }).bytes()
      return [bytes.constructor, bytes.buffer.byteLength]
    }, form)
    expect(found).toEqual([Uint8Array, 7])
    const chunk = await seen(async (request) => {
      const { value } = (await request.body?.getReader().read()) as { value: Uint8Array }
      return value.constructor
    }, form)
    expect(chunk).toBe(Uint8Array)
  })

  test.each([
    ['nothing', ask('GET / HTTP/1.1')],
    ['an empty one', post('text/plain', '')],
    ['one of GET, which the standard does not know', form.replace('POST', 'GET')],
  ])('where the body is %s, it may be read as often as one likes', async (_name, bytes) => {
    const found = await seen(
      async (request) => [await request.text(), await request.text(), request.bodyUsed, request.body],
      bytes,
    )
    expect(found).toEqual(['', '', false, null])
  })

  test('its signal is aborted when the client leaves in the middle of the body, and somebody reads', async () => {
    const told: unknown[] = []
    const { connect } = await serve(
      fromFetch(async (request) => {
        request.signal.addEventListener('abort', () => told.push('aborted'))
        await request.text().catch((error: unknown) => told.push((error as { code: string }).code))
        await eventually(() => told.length === 2)
        return new Response(null)
      }),
    )
    const client = await connect()
    client.send(form.slice(0, -1)).socket.end()
    await eventually(() => told.length === 2)
    expect(told.sort()).toEqual(['GYRE_BODY_TRUNCATED', 'aborted'])
  })

  test('a body beyond the limit is answered with 413 where the application lets the error pass', async () => {
    const { exchange } = await serve(
      fromFetch(async (request) => new Response(await request.text())),
      { limits: { bodyBytes: 4 } },
    )
    expect(await exchange(form)).toMatchObject([{ status: 413 }])
  })
})

/** The answer to GET, raw enough to see how it was framed. */
async function answered(app: FetchApp, method = 'GET'): Promise<Record<string, unknown>> {
  const { exchange } = await serve(fromFetch(app))
  const [answer] = await exchange(`${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  const { status, reason, body, headers } = answer as unknown as Record<
    'status' | 'reason' | 'body' | 'headers',
    unknown
  >
  return {
    status,
    reason,
    body: Buffer.from(String(body), 'latin1').toString(),
    headers: headers as Record<string, string>,
  }
}

describe.each([
  ['light', FetchResponse],
  ['real', Response],
])('a %s response', (_kind, Kind) => {
  test('of a text goes out in one piece', async () => {
    expect(await answered(() => new Kind('grüße'))).toMatchObject({
      status: 200,
      body: 'grüße',
      headers: { 'content-type': 'text/plain;charset=UTF-8', 'content-length': '7' },
    })
  })

  test('of nothing has no type', async () => {
    const { headers, body } = await answered(() => new Kind(null))
    expect(body).toBe('')
    expect(headers).not.toHaveProperty('content-type')
    expect(headers).toMatchObject({ 'content-length': '0' })
  })

  test('has its status, its reason, its fields, cookies one by one', async () => {
    const fields = new Headers([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-a', '1'],
      ['X-A', '2'],
    ])
    const { exchange } = await serve(
      fromFetch(() => new Kind('no', { status: 418, statusText: 'I am a teapot', headers: fields })),
    )
    const [answer] = await exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(answer).toMatchObject({ status: 418 })
    const text = JSON.stringify(answer)
    expect(text).toContain('a=1')
    expect(text).toContain('b=2')
    expect(text).toContain('1, 2')
  })

  test('takes its fields as an object, as pairs and as Headers, and lets them be changed', async () => {
    for (const headers of [{ 'X-A': '1' }, [['X-A', '1']] as [string, string][], new Headers({ 'X-A': '1' })])
      expect(await answered(() => new Kind('x', { headers }))).toMatchObject({ headers: { 'x-a': '1' } })
    const changed = await answered(() => {
      const response = new Kind('x', { headers: { 'X-A': '1', 'Content-Type': 'text/css' } })
      response.headers.set('X-A', '2')
      response.headers.append('X-B', '3')
      return response
    })
    expect(changed).toMatchObject({ headers: { 'x-a': '2', 'x-b': '3', 'content-type': 'text/css' } })
  })

  test('json() and redirect()', async () => {
    expect(await answered(() => Kind.json({ a: 1 }, { status: 201 }))).toMatchObject({
      status: 201,
      body: '{"a":1}',
      headers: { 'content-type': 'application/json' },
    })
    expect(await answered(() => Kind.redirect('http://a/b', 302))).toMatchObject({
      status: 302,
      headers: { location: 'http://a/b' },
    })
    expect(() => Kind.redirect('http://a/b', 200 as never)).toThrow(RangeError)
  })

  test('has no type where that was taken away', async () => {
    const { headers } = await answered(() => {
      const response = new Kind('x')
      response.headers.delete('content-type')
      return response
    })
    expect(headers).not.toHaveProperty('content-type')
  })

  test('is made as Web IDL says of its arguments', () => {
    expect(new Kind('x', { status: '201' as never }).status).toBe(201)
    expect(new Kind('x', null as never).status).toBe(200)
    expect(new Kind('x').constructor.name).toBe('Response')
  })

  test('refuses what the standard refuses', () => {
    expect(() => new Kind('x', { status: 204 })).toThrow(TypeError)
    expect(() => new Kind('x', { status: 99 })).toThrow(RangeError)
  })

  test('answers HEAD with the head of GET, and 304 with nothing behind it', async () => {
    const head = await answered(() => new Kind('hello'), 'HEAD')
    expect(head).toMatchObject({ status: 200, body: '', headers: { 'content-length': '5' } })
    expect(await answered(() => new Kind(null, { status: 304, headers: { etag: '"a"' } }))).toMatchObject({
      status: 304,
      body: '',
      headers: { etag: '"a"' },
    })
  })

  test('can be cloned, and read before it is sent', async () => {
    const response = new Kind('hello')
    expect(await response.clone().text()).toBe('hello')
    expect(response.bodyUsed).toBe(false)
    expect(await answered(() => response)).toMatchObject({ body: 'hello' })
    // Once it was sent, it is used.
    expect(await answered(() => response)).toMatchObject({ status: 500 })
  })

  test('is an instance of Response, and of its own class', () => {
    expect(new Kind('x')).toBeInstanceOf(Response)
    expect(new Response('x')).toBeInstanceOf(Kind)
    expect(Object.prototype.toString.call(new Kind('x'))).toBe('[object Response]')
    expect([new Kind('x', { status: 299 }).ok, new Kind('x', { status: 300 }).ok]).toEqual([true, false])
  })
})

describe('streams', () => {
  test('go out piece by piece, at the pace of whoever makes them', async () => {
    const encoder = new TextEncoder()
    let left = 3
    const app: FetchApp = () =>
      new FetchResponse(
        new ReadableStream({
          async pull(controller) {
            await new Promise((resolve) => setTimeout(resolve, 5))
            if (left-- > 0) controller.enqueue(encoder.encode(`piece ${left}\n`))
            else controller.close()
          },
        }),
      )
    expect(await answered(app)).toMatchObject({
      body: 'piece 2\npiece 1\npiece 0\n',
      headers: { 'transfer-encoding': 'chunked' },
    })
  })

  test('a stream that fails breaks the answer off, and is logged', async () => {
    const { url, events } = await serve(
      fromFetch(
        () =>
          new Response(
            new ReadableStream(
              {
                pull(controller) {
                  controller.enqueue(new TextEncoder().encode('begun'))
                  if (events.length === 0) setTimeout(() => controller.error(new Error('no more')), 20)
                },
              },
              { highWaterMark: 0 },
            ),
          ),
      ),
    )
    await expect(fetch(url).then((answer) => answer.text())).rejects.toThrow()
    await eventually(() => events.some(({ reason }) => reason.includes('no more')), 'the failure in the log')
  })

  test('a client that goes away cancels the stream, and aborts the signal', async () => {
    let cancelled = false
    let aborted = false
    const { connect } = await serve(
      fromFetch((request) => {
        request.signal.addEventListener('abort', () => (aborted = true))
        return new Response(
          new ReadableStream({
            pull: (controller) => controller.enqueue(new Uint8Array(1000)),
            cancel: () => void (cancelled = true),
          }),
        )
      }),
    )
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until((text) => text.includes('200 OK'))
    client.close()
    await eventually(() => cancelled && aborted, 'the cancel')
  })

  test('HEAD reads no more of a stream than it must', async () => {
    let pulled = 0
    let cancelled = false
    const { connect } = await serve(
      fromFetch(
        () =>
          new Response(
            new ReadableStream(
              {
                pull: (controller) => (pulled++, controller.enqueue(new Uint8Array(10))),
                cancel: () => void (cancelled = true),
              },
              { highWaterMark: 0 },
            ),
          ),
      ),
    )
    const client = await connect()
    const text = await client.send('HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n').end()
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*Transfer-Encoding: chunked\r\n[^]*\r\n\r\n$/)
    expect(pulled).toBeLessThan(4)
    expect(cancelled).toBe(true)
  })

  test('an upload goes through to the download, piece by piece', async () => {
    const { url } = await serve(fromFetch((request) => new Response(request.body)))
    const body = 'x'.repeat(300_000)
    const answer = await fetch(url, { method: 'POST', body })
    expect((await answer.text()).length).toBe(body.length)
  })
})

describe('the application', () => {
  test('may be an object with fetch, which is called on it', async () => {
    const app = {
      name: 'app',
      fetch() {
        return new Response(this.name)
      },
    }
    expect(await answered(app)).toMatchObject({ body: 'app' })
  })

  test('gets the context twice: as what surrounds it, and as that of Workers', async () => {
    const work: string[] = []
    const { server, url } = await serve(
      fromFetch((_request, context, same) => {
        same.waitUntil((async () => void work.push(await Promise.resolve('done')))())
        return new Response(`${context === same} ${context.remote.address}`)
      }),
    )
    expect(await (await fetch(url)).text()).toBe('true 127.0.0.1')
    await server.close()
    expect(work).toEqual(['done'])
  })

  test('does not see where it is mounted', async () => {
    const app = fromFetch((request, { mountPath }) => new Response(`${mountPath} ${new URL(request.url).pathname}`))
    const { url } = await serve(mount({ '/': app, '/deep/er': app }))
    expect(await (await fetch(`${url}a`)).text()).toBe(' /a')
    expect(await (await fetch(`${url}deep/er`)).text()).toBe('/deep/er /')
    expect(await (await fetch(`${url}deep/er/a?b`)).text()).toBe('/deep/er /a')
  })

  test('that throws is answered with 500, or with the status of its error', async () => {
    expect(
      await answered(() => {
        throw new Error('secret')
      }),
    ).toMatchObject({ status: 500, body: '500 Internal Server Error\n' })
    expect(await answered(async () => Promise.reject(new Error('secret')))).toMatchObject({ status: 500 })
  })

  test.each([undefined, null, 'text', 42, {}])('that returns %s is told what it should return', async (value) => {
    const { url, events } = await serve(fromFetch(() => value as never))
    expect((await fetch(url)).status).toBe(500)
    expect(events).toMatchObject([{ code: 'GYRE_HANDLER_RESULT' }])
  })

  test('that is none is refused at once', () => {
    for (const app of [undefined, null, {}, 'app']) expect(() => fromFetch(app as never)).toThrow('fromFetch() needs')
  })
})
