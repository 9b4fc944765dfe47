/*
 * Requests and answers over real sockets, on whichever io GYRE_IO names.
 */
import { describe, expect, test } from 'vitest'
import { HttpError, sleep } from '../../lib/index.ts'
import { answers } from '../support/client.ts'
import { eventually, serve } from '../support/serve.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

describe('kinds of handlers', () => {
  test('a generator function, an async one and a plain one give the same answer', async () => {
    for (const handler of [
      function* (_request, response) {
        yield* sleep(1)
        response.text('hi')
      },
      async (_request, response) => {
        await sleepAsync()
        response.text('hi')
      },
      (_request, response) => {
        response.text('hi')
      },
    ] satisfies Parameters<typeof serve>[0][]) {
      const { exchange } = await serve(handler)
      expect(await exchange(GET)).toMatchObject([{ status: 200, body: 'hi', headers: { 'content-length': '2' } }])
    }
  })

  test('a handler that returns something else is a fault of the application', async () => {
    const { exchange, events } = await serve((() => 42) as never)
    expect(await exchange(GET)).toMatchObject([{ status: 500, body: '500 Internal Server Error\n' }])
    expect(events).toMatchObject([{ code: 'GYRE_HANDLER_RESULT', blame: 'app', status: 500 }])
  })

  test('a body is read by yield* and by await alike', async () => {
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{"a":[1]}'
    const generator = await serve(function* (request, response) {
      response.json(yield* request.json())
    })
    const async = await serve(async (request, response) => {
      response.json(await request.json())
    })
    expect((await generator.exchange(post))[0]?.body).toBe('{"a":[1]}')
    expect((await async.exchange(post))[0]?.body).toBe('{"a":[1]}')
  })

  test('for await reads a body in an async function, and await writes', async () => {
    const { exchange } = await serve(async (request, response) => {
      for await (const chunk of request) await response.write(chunk.toString().toUpperCase())
    })
    const body = '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'
    const [answer] = await exchange(
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${body}`,
    )
    expect(answer).toMatchObject({ status: 200, body: 'ABCDE', headers: { 'transfer-encoding': 'chunked' } })
  })
})

describe('the request', () => {
  test('method, target, path, query, version, headers and both addresses', async () => {
    const { exchange, port } = await serve(function* (request, response) {
      const { method, target, path, query, httpVersion, remote, local, headers } = request
      response.json({
        method,
        target,
        path,
        query,
        httpVersion,
        remote: remote.address,
        local: [local.address, local.port],
        twice: headers.get('x-TWICE'),
        cookie: headers.get('cookie'),
        raw: headers.toRaw().slice(0, 2),
        none: headers.get('absent') ?? null,
      })
    })
    const [answer] = await exchange(
      'OPTIONS /a%20b/?c=d?e HTTP/1.1\r\nhOsT: a\r\nX-Twice: 1\r\nx-twice: 2\r\nCookie: a=1\r\nCookie: b=2\r\nConnection: close\r\n\r\n',
    )
    expect(JSON.parse(answer?.body ?? '')).toEqual({
      method: 'OPTIONS',
      target: '/a%20b/?c=d?e',
      path: '/a%20b/',
      query: 'c=d?e',
      httpVersion: '1.1',
      remote: '127.0.0.1',
      local: ['127.0.0.1', port],
      twice: '1, 2',
      cookie: 'a=1; b=2',
      raw: ['hOsT', 'a'],
      none: null,
    })
  })

  test('a header named __proto__ is a header and nothing else (CVE-2026-21710)', async () => {
    const { exchange } = await serve(function* (request, response) {
      response.json([request.headers.get('__proto__'), Object.keys(request.headers.toObject())])
    })
    const [answer] = await exchange('GET / HTTP/1.1\r\nHost: a\r\n__proto__: b\r\nConnection: close\r\n\r\n')
    expect(JSON.parse(answer?.body ?? '')).toEqual(['b', ['host', '__proto__', 'connection']])
  })

  test('the signal aborts when the client goes, and not because the body ended', async () => {
    const seen: boolean[] = []
    const { connect } = await serve(async (request) => {
      const { signal } = request
      await request.text()
      seen.push(signal.aborted)
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          resolve()
        })
      })
      seen.push(signal.aborted)
    })
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi')
    await eventually(() => seen.length === 1)
    client.close()
    await eventually(() => seen.length === 2)
    expect(seen).toEqual([false, true])
  })
})

describe('the response', () => {
  test('texts of any length, status and type, one behind the other, are framed each by its own head', async () => {
    const sizes = [0, 9, 10, 31, 32, 33, 99, 100, 999, 1_000, 8_192, 8_193]
    const { exchange } = await serve(function* (request, response) {
      const [kind, size, end] = request.query.split('-')
      const text = 'x'.repeat(Number(size)) + (end === 'odd' ? 'é' : '')
      if (kind === 'html') response.html(text, 404)
      else if (kind === 'text') response.text(text, size === '33' ? 201 : undefined)
      else response.json(text)
    })
    const asked = sizes.flatMap((size) =>
      ['text', 'html', 'json'].flatMap((kind) => [`${kind}-${size}`, `${kind}-${size}-odd`]),
    )
    const answers = await exchange(asked.map((query) => `GET /?${query} HTTP/1.1\r\nHost: a\r\n\r\n`).join('') + GET)
    expect(answers.length).toBe(asked.length + 1)
    for (const [index, query] of asked.entries()) {
      const [kind = '', size = '', end] = query.split('-')
      const text = 'x'.repeat(Number(size)) + (end === 'odd' ? 'é' : '')
      const body = Buffer.from(kind === 'json' ? JSON.stringify(text) : text)
      expect(answers[index]).toMatchObject({
        status: kind === 'html' ? 404 : kind === 'text' && size === '33' ? 201 : 200,
        headers: { 'content-length': String(body.length) },
        body: body.toString('latin1'),
      })
      expect(answers[index]?.headers['content-type']).toContain(kind === 'text' ? 'plain' : kind)
    }
  })

  test('each way of answering, and its type', async () => {
    const { exchange } = await serve(function* (request, response) {
      if (request.path === '/html') response.html('<p>')
      else if (request.path === '/json') response.json({ a: 1 }, 201)
      else if (request.path === '/bytes') response.bytes(Uint8Array.of(1, 2))
      else if (request.path === '/move') response.redirect('/new')
      else if (request.path === '/utf8') response.text('grün €')
      else if (request.path === '/none') response.status = 204
    })
    const got = async (path: string) => (await exchange(GET.replace('/', path)))[0]
    expect(await got('/html')).toMatchObject({ body: '<p>', headers: { 'content-type': 'text/html; charset=utf-8' } })
    expect(await got('/json')).toMatchObject({
      status: 201,
      body: '{"a":1}',
      headers: { 'content-type': 'application/json' },
    })
    expect(await got('/bytes')).toMatchObject({
      body: '\x01\x02',
      headers: { 'content-type': 'application/octet-stream' },
    })
    expect(await got('/move')).toMatchObject({ status: 302, headers: { location: '/new' } })
    expect(await got('/utf8')).toMatchObject({
      body: Buffer.from('grün €').toString('latin1'),
      headers: { 'content-length': '9' },
    })
    const none = await got('/none')
    expect(none).toMatchObject({ status: 204, body: '' })
    expect(none?.headers).not.toHaveProperty('content-length')
    expect(await got('/')).toMatchObject({ status: 200, body: '', headers: { 'content-length': '0' } })
  })

  test('a Date in IMF-fixdate, unless the handler sets its own (RFC 9110 6.6.1)', async () => {
    const { exchange } = await serve(function* (request, response) {
      if (request.path === '/own') response.headers.set('date', 'mine')
    })
    const date = (await exchange(GET))[0]?.headers['date'] ?? ''
    expect(Math.abs(Date.parse(date) - Date.now())).toBeLessThan(2500)
    expect(new Date(date).toUTCString()).toBe(date)
    const own = (await exchange(GET.replace('/', '/own')))[0]
    expect(own?.head.match(/date:/gi)).toHaveLength(1)
    expect(own?.headers['date']).toBe('mine')
  })

  test('HEAD has the head of GET and no body (H7)', async () => {
    const { connect } = await serve(function* (request, response) {
      if (request.path === '/stream') yield* response.write('abc')
      else response.text('hello')
    })
    const client = await connect()
    client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const [one, stream, rest] = (await client.end()).split('\r\n\r\n')
    expect(one).toContain('Content-Length: 5')
    expect(stream).toContain('Transfer-Encoding: chunked')
    expect(rest).toBe('')
  })

  test('a stream is chunked for 1.1 and ends with the connection for 1.0', async () => {
    const { exchange } = await serve(function* (_request, response) {
      yield* response.write('ab')
      yield* sleep(1)
      yield* response.write(Buffer.from('cd'))
      response.end('ef')
    })
    expect(await exchange(GET)).toMatchObject([{ body: 'abcdef', headers: { 'transfer-encoding': 'chunked' } }])
    const [old] = await exchange('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    expect(old).toMatchObject({ body: 'abcdef', headers: { connection: 'close' } })
    expect(old?.headers).not.toHaveProperty('transfer-encoding')
  })

  test('a stream whose length the handler knows has that Content-Length', async () => {
    const { exchange } = await serve(function* (_request, response) {
      response.headers.set('Content-Length', 4)
      yield* response.write('ab')
      yield* response.write('cd')
    })
    const [answer] = await exchange(GET)
    expect(answer).toMatchObject({ body: 'abcd', headers: { 'content-length': '4' } })
    expect(answer?.headers).not.toHaveProperty('transfer-encoding')
  })

  test('fewer or more bytes than announced cut the connection, and say so in the log (O3)', async () => {
    for (const chunk of ['a', 'abcd']) {
      const { connect, events } = await serve(function* (_request, response) {
        response.headers.set('Content-Length', 3)
        yield* response.write('a')
        if (chunk.length > 1) yield* response.write(chunk)
      })
      const client = await connect()
      const text = await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').end()
      expect(text.endsWith('\r\n\r\na') || text === '').toBe(true)
      await eventually(() => events.length === 1)
      expect(events).toMatchObject([{ code: 'GYRE_LENGTH_MISMATCH' }])
    }
  })

  test('misuse is told by a code: late heads, double ends, bad names, values and statuses', async () => {
    const wrong: Parameters<typeof serve>[0][] = [
      function* (_request, response) {
        response.text('a')
        response.text('b')
      },
      function* (_request, response) {
        response.headers.set('X', 'a\r\nSet-Cookie: b=c')
      },
      function* (_request, response) {
        response.headers.set('X Y', 'a')
      },
      function* (_request, response) {
        response.headers.set('X', '\u010d\u010a')
      },
      function* (_request, response) {
        response.status = 1000
      },
      function* (_request, response) {
        response.headers.set('Transfer-Encoding', 'gzip')
      },
    ]
    const codes = []
    for (const handler of wrong) {
      const { exchange, events } = await serve(handler)
      expect(await exchange(GET)).toMatchObject([{ status: 500, body: '500 Internal Server Error\n' }])
      codes.push(events[0]?.code)
    }
    expect(codes).toEqual([
      'GYRE_RESPONSE_ENDED',
      'GYRE_BAD_HEADER',
      'GYRE_BAD_HEADER',
      'GYRE_BAD_HEADER',
      'GYRE_BAD_STATUS',
      'GYRE_BAD_HEADER',
    ])
  })
})

describe('failures of a handler', () => {
  test('an error with a status becomes that answer; its message is shown below 500 only', async () => {
    const { exchange, events } = await serve(function* (request) {
      throw new HttpError(request.path === '/418' ? 418 : 503, 'short and stout')
    })
    expect(await exchange(GET.replace('/', '/418'))).toMatchObject([{ status: 418, body: '418 : short and stout\n' }])
    expect(await exchange(GET)).toMatchObject([{ status: 503, body: '503 Service Unavailable\n' }])
    // What a handler chose to answer below 500 is no news for the operator.
    expect(events.map(({ status, reason }) => [status, reason])).toEqual([[503, 'GET /: short and stout']])
  })

  test('any other error is a 500, in each kind of handler, and the connection goes on', async () => {
    const handlers: Parameters<typeof serve>[0][] = [
      function* () {
        throw new Error('secret')
      },
      async () => await Promise.reject(new Error('secret')),
      () => {
        throw new Error('secret')
      },
    ]
    for (const handler of handlers) {
      const { exchange, events } = await serve(handler)
      const got = await exchange('GET / HTTP/1.1\r\nHost: a\r\n\r\n' + GET)
      expect(got.map(({ status, body }) => [status, body])).toEqual(Array(2).fill([500, '500 Internal Server Error\n']))
      expect(events).toMatchObject([{ code: 'GYRE_HANDLER_FAILED', blame: 'app' }, {}])
    }
  })

  test('after the head the connection is cut: no fake clean end', async () => {
    const { connect, events } = await serve(function* (_request, response) {
      yield* response.write('some')
      throw new Error('half way')
    })
    const client = await connect()
    const text = await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').end()
    expect(text).not.toContain('0\r\n\r\n')
    await eventually(() => events.length === 1)
    expect(events).toMatchObject([{ code: 'GYRE_HANDLER_FAILED', status: 500 }])
  })
})

test('F13 CVE-2024-41671 CVE-2023-46137: answers to pipelined requests come in order, whatever each takes', async () => {
  const { exchange } = await serve(function* (request, response) {
    const number = Number(request.path.slice(1))
    if (number % 3 === 0) yield* sleep(5)
    response.text(String(number))
  })
  let requests = ''
  for (let number = 0; number < 100; number++)
    requests += `GET /${number} HTTP/1.1\r\nHost: a\r\n${number === 99 ? 'Connection: close\r\n' : ''}\r\n`
  const got = await exchange(requests)
  expect(got.map(({ body }) => Number(body))).toEqual(Array.from({ length: 100 }, (_, number) => number))
})

test('pipelined POSTs with counted and chunked bodies keep their bodies apart', async () => {
  const { exchange } = await serve(function* (request, response) {
    response.text(`${request.path}:${yield* request.text()}`)
  })
  const got = await exchange(
    'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc' +
      'POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nde\r\n1\r\nf\r\n0\r\nX-Trailer: t\r\n\r\n' +
      'GET /c HTTP/1.1\r\nHost: a\r\n\r\n' +
      'POST /d HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
  )
  expect(got.map(({ body }) => body)).toEqual(['/a:abc', '/b:def', '/c:', '/d:'])
})

test('keep-alive: 1.1 by default, 1.0 when asked; close is obeyed', async () => {
  const { connect } = await serve(function* (_request, response) {
    response.text('x')
  })
  const old = await connect()
  old.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  await old.until((text) => text.endsWith('x'))
  const [first] = answers(old.text)
  expect(first?.headers['connection']).toBe('keep-alive')
  expect(answers(await old.send('GET / HTTP/1.0\r\n\r\n').end())[1]?.headers['connection']).toBe('close')
})

test('close<TAB> closes: the field is read by us, not by the parser', async () => {
  const { exchange } = await serve(function* (_request, response) {
    response.text('x')
  })
  const got = await exchange(
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\t\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  )
  expect(got).toHaveLength(1)
})

test('100 Continue is sent when the handler reads, and not when it does not', async () => {
  const { connect } = await serve(function* (request, response) {
    if (request.path === '/read') response.text(yield* request.text())
    else response.text('no, thanks', 403)
  })
  const head = (path: string) => `PUT ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`
  const reads = await connect()
  reads.send(head('/read'))
  expect(await reads.until((text) => text.length > 0)).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  reads.send('hello')
  expect(await reads.until((text) => text.endsWith('hello'))).toContain('HTTP/1.1 200 OK')
  const refused = await connect()
  const text = await refused.send(head('/no')).end()
  expect(text).toMatch(/^HTTP\/1.1 403 [^]*Connection: close/)
})
function sleepAsync(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1))
}

test('answers with fields of their own, short and long, of text and of bytes, come whole and in order', async () => {
  const bodies: Record<string, string | Uint8Array> = {
    '/text': 'h\u00e9',
    '/bytes': Uint8Array.of(1, 2, 3),
    '/none': '',
    '/8k': 'x'.repeat(8_192),
    '/64k': Buffer.alloc(65_536, 'y'),
  }
  const { connect } = await serve((request, response) => {
    response.headers.set('X-Path', request.path)
    if (request.path === '/none') response.status = 204
    response.end(bodies[request.path])
  })
  const client = await connect()
  const paths = [...Object.keys(bodies), ...Object.keys(bodies), '/text']
  paths.forEach((path, at) => {
    const last = at === paths.length - 1 ? 'Connection: close\r\n' : ''
    client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n${last}\r\n`)
  })
  const text = await client.end()
  const wanted = paths
    .map((path) => {
      const body = Buffer.from(bodies[path] as string)
      const length = path === '/none' ? '' : `Content-Length: ${body.length}\r\n`
      return `X-Path: ${path}\r\n${length}\r\n${body.toString('latin1')}`
    })
    .join('')
  expect(text.replace(/HTTP\/1.1 20\d [A-Za-z ]+\r\nDate: [^\r]*\r\n/g, '').replace('Connection: close\r\n', '')).toBe(
    wanted,
  )
})
