/*
 * The inline container against PEP 3333, by the numbers of the conformance list.
 */
import { describe, expect, test } from 'vitest'
import { mount } from '../../lib/handlers/index.ts'
import { inject } from '../../lib/testing/index.ts'
import { environOf } from '../../lib/wsgi/environ.ts'
import { wsgi } from '../../lib/wsgi/index.ts'
import type { Environ, StartResponse, WsgiApp } from '../../lib/wsgi/index.ts'
import type { Answer } from '../support/client.ts'
import { eventually, serve } from '../support/serve.ts'

const TEXT = [['Content-Type', 'text/plain']] as const
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

async function ask(
  app: WsgiApp,
  request = 'GET / HTTP/1.1\r\nHost: a\r\n',
  body = '',
): Promise<Answer & { codes: string[] }> {
  const { exchange, events } = await serve(wsgi(app))
  const [answer] = await exchange(`${request}Connection: close\r\n\r\n${body}`)
  return { ...(answer as Answer), codes: events.map(({ code }) => code) }
}

async function environFor(request?: string, body?: string): Promise<Environ> {
  let seen: Environ | undefined
  await ask(
    (environ, start) => {
      seen = environ
      start('200 OK', TEXT)
      return []
    },
    request,
    body,
  )
  return seen as Environ
}

describe('environ', () => {
  test('W1 W2: two arguments, the first a plain object of the call’s own', async () => {
    const seen: unknown[][] = []
    const app = function (this: unknown, ...given: unknown[]) {
      seen.push(given)
      ;(given[1] as StartResponse)('200 OK', TEXT)
      return []
    } as WsgiApp
    await ask(app)
    await ask(app)
    expect(seen[0]).toHaveLength(2)
    expect(Object.getPrototypeOf(seen[0]?.[0])).toBe(Object.prototype)
    expect(seen[0]?.[0]).not.toBe(seen[1]?.[0])
    expect(Object.isFrozen(seen[0]?.[0])).toBe(false)
  })

  test('W3 W7 W8: what is always there', async () => {
    const environ = await environFor('GET /a?b=c HTTP/1.0\r\n')
    expect(environ).toMatchObject({
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: '/a',
      QUERY_STRING: 'b=c',
      SERVER_NAME: '127.0.0.1',
      SERVER_PROTOCOL: 'HTTP/1.0',
      REMOTE_ADDR: '127.0.0.1',
      'wsgi.version': [1, 0],
      'wsgi.url_scheme': 'http',
      'wsgi.multithread': false,
      'wsgi.multiprocess': false,
      'wsgi.run_once': false,
      'gyre.raw_target': '/a?b=c',
    })
    expect(environ.SERVER_PORT).toMatch(/^\d+$/)
    expect(environ).not.toHaveProperty('CONTENT_TYPE')
    expect(environ).not.toHaveProperty('CONTENT_LENGTH')
    for (const key of Object.keys(environ)) expect(key).toMatch(/^([A-Z_]+|[a-z]+\.[a-z_]+)$/)
  })

  test('W4: the path of the mount and the rest of it rebuild the path', async () => {
    const seen: string[][] = []
    const app = wsgi((environ, start) => {
      seen.push([environ.SCRIPT_NAME, environ.PATH_INFO])
      start('200 OK', TEXT)
      return []
    })
    const { exchange } = await serve(mount({ '/old': app, '/': mount({ '/deep/er': app }) }))
    for (const path of ['/old', '/old/', '/old/a%20b', '/deep/er/x', '/older'])
      await exchange(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    expect(seen).toEqual([
      ['/old', ''],
      ['/old', '/'],
      ['/old', '/a b'],
      ['/deep/er', '/x'],
    ])
  })

  test('W5: strings are bytes, one character each', async () => {
    const environ = await environFor('GET /%C3%A9%zz?%41 HTTP/1.1\r\nHost: a\r\nX: \xe9\r\n')
    expect(environ.PATH_INFO).toBe('/\u00c3\u00a9%zz')
    expect(environ.QUERY_STRING).toBe('%41')
    expect(environ['HTTP_X']).toBe('\u00e9')
  })

  test('W6 H8 C9: header fields by name, repeated ones joined; underscores and Proxy stay out', async () => {
    const environ = await environFor(
      'GET / HTTP/1.1\r\nHost: a:1\r\nX-A: 1\r\nx-a: 2\r\nX_A: 3\r\nProxy: evil\r\nCookie: a=1\r\nCookie: b=2\r\n',
    )
    expect(environ).toMatchObject({ HTTP_X_A: '1, 2', HTTP_HOST: 'a:1', HTTP_COOKIE: 'a=1; b=2', SERVER_NAME: 'a' })
    expect(environ).not.toHaveProperty('HTTP_PROXY')
  })

  test('W6: names that nobody uses do not shut out those that everybody does', async () => {
    for (let round = 0; round < 30; round++) {
      const junk = Array.from({ length: 50 }, (_none, at) => `X-${round}-${at}: 1\r\n`).join('')
      const environ = await environFor(`GET / HTTP/1.1\r\nHost: a\r\n${junk}Content-Type: text/x\r\nX-Real: yes\r\n`)
      expect(environ).toMatchObject({ CONTENT_TYPE: 'text/x', HTTP_X_REAL: 'yes', [`HTTP_X_${round}_49`]: '1' })
    }
  })

  test('W3: SERVER_NAME of an IPv6 address stands in brackets, and that of a unix socket is localhost', () => {
    const facts = (address: string, port: number) => ({
      ...{
        method: 'GET',
        target: '/',
        path: '/',
        query: '',
        mountPath: '',
        httpVersion: '1.0' as const,
        secure: false,
      },
      remote: { address: '', port: 0 },
      local: { address, port },
      headers: { count: 0, nameAt: () => '', valueAt: () => '' },
    })
    const errors = { write: () => undefined, writelines: () => undefined, flush: () => undefined }
    const mountFacts = { way: 'inline' as const, multithread: false, multiprocess: false, errors }
    const name = (address: string, port: number): string =>
      environOf(facts(address, port), mountFacts, null, undefined).SERVER_NAME
    expect([name('::1', 80), name('127.0.0.1', 80), name('/run/socket', 0)]).toEqual([
      '[::1]',
      '127.0.0.1',
      'localhost',
    ])
  })

  test('W9 W27: the body without its coding, counted anew, read in every way', async () => {
    let seen: unknown
    const { body } = await ask(
      (environ, start) => {
        const input = environ['wsgi.input']
        seen = [environ.CONTENT_LENGTH, environ.CONTENT_TYPE, environ['HTTP_CONTENT_LENGTH']]
        start('200 OK', TEXT)
        const parts = [
          input.read(2),
          input.readline(),
          input.readline(2),
          ...input.readlines(),
          input.read(),
          input.read(5),
        ]
        return [bytes(JSON.stringify(parts.map(String)))]
      },
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/x\r\nTransfer-Encoding: chunked\r\n',
      '4\r\nabc\n\r\n7\r\nde\nf\ngh\r\n0\r\n\r\n',
    )
    expect(seen).toEqual(['11', 'text/x', undefined])
    expect(JSON.parse(body)).toEqual(['ab', 'c\n', 'de', '\n', 'f\n', 'gh', '', ''])
  })
})

describe('start_response', () => {
  test('W11 W28: write comes before what is returned, in order', async () => {
    const answer = await ask((_environ, start) => {
      const write = start('201 Made', TEXT)
      write(bytes('a'))
      write(bytes('b'))
      return [bytes('c')]
    })
    expect(answer).toMatchObject({ status: 201, body: 'abc' })
    expect(answer.head).toMatch(/^HTTP\/1.1 201 Made\r\n/)
  })

  const wrong: [why: string, call: (start: StartResponse) => void, code?: string][] = [
    ['W12 a status without a reason', (start) => start('200', TEXT)],
    ['W12 a status that is a number', (start) => start(200 as never, TEXT)],
    ['W12 a line end in the reason', (start) => start('200 OK\r\nX: y', TEXT)],
    ['W12 a name that is no token', (start) => start('200 OK', [['X Y', 'a']]), 'GYRE_BAD_HEADER'],
    ['W12 a line end in a value (H9)', (start) => start('200 OK', [['X', 'a\r\nY: b']]), 'GYRE_BAD_HEADER'],
    ['W13 a hop-by-hop header', (start) => start('200 OK', [['Connection', 'close']])],
    ['W13 Transfer-Encoding', (start) => start('200 OK', [['transfer-encoding', 'chunked']])],
    ['headers that are an object', (start) => start('200 OK', { a: 'b' } as never)],
  ]
  test.each(wrong)('%s is an error while the application still runs', async (_why, call, code = 'GYRE_WSGI_START') => {
    let thrown: unknown
    const answer = await ask((_environ, start) => {
      try {
        call(start)
      } catch (error) {
        thrown = error
        throw error
      }
      return [bytes('never')]
    })
    expect(thrown).toMatchObject({ code })
    expect(answer).toMatchObject({ status: 500, codes: [code] })
  })

  test('W14: twice without an error is a fault, also when the first one threw', async () => {
    const twice = await ask((_environ, start) => {
      start('200 OK', TEXT)
      start('200 OK', TEXT)
      return []
    })
    expect(twice).toMatchObject({ status: 500, codes: ['GYRE_WSGI_START'] })
    const afterThrow = await ask((_environ, start) => {
      try {
        start('bad', TEXT)
      } catch {
        start('200 OK', TEXT)
      }
      return []
    })
    expect(afterThrow.status).toBe(500)
  })

  test('W15: with an error it replaces what was not sent; once sent, the error goes on and the connection is cut', async () => {
    const replaced = await ask((_environ, start) => {
      start('200 OK', [['X-First', 'a']])
      start('502 Sorry', TEXT, new Error('upstream'))
      return [bytes('sorry')]
    })
    expect(replaced).toMatchObject({ status: 502, body: 'sorry' })
    expect(replaced.headers).not.toHaveProperty('x-first')

    const { connect, events } = await serve(
      wsgi(function* (_environ, start) {
        start('200 OK', TEXT)
        yield bytes('sent')
        start('500 Late', TEXT, [Error, new Error('too late'), null])
        yield bytes('never')
      }),
    )
    const client = await connect()
    const text = await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').end()
    expect(text).toContain('sent')
    expect(text).not.toMatch(/0\r\n\r\n$/)
    await eventually(() => events.length > 0)
    expect(events[0]?.reason).toContain('too late')
  })

  test('W17: it may come with the first step of the iterable, and not later', async () => {
    const late = await ask(function* (_environ, start) {
      start('200 OK', TEXT)
      yield bytes('late')
    })
    expect(late).toMatchObject({ status: 200, body: 'late' })
    expect(await ask(() => [bytes('never')])).toMatchObject({ status: 500, codes: ['GYRE_WSGI_START'] })
    expect(await ask(() => [])).toMatchObject({ status: 500, codes: ['GYRE_WSGI_START'] })
  })
})

describe('the result', () => {
  test('W28: write() after 100 MB of chunks is not taken for 100 MB that wait', async () => {
    const large = Buffer.alloc(52_428_800)
    const app: WsgiApp = function* (_environ, start) {
      const write = start('200 OK', TEXT)
      yield large
      yield large
      write(bytes('more'))
      written = true
    }
    let written = false
    // To HEAD, so that nothing is sent.
    expect((await inject(wsgi(app), { method: 'HEAD' })).status).toBe(200)
    expect(written).toBe(true)
  })

  test('W16 W19: the head waits for the first chunk that is not empty', async () => {
    const answer = await ask(function* (_environ, start) {
      start('200 First', TEXT)
      yield bytes('')
      start('200 Second', TEXT, new Error('changed my mind'))
      yield bytes('x')
    })
    expect(answer.head).toMatch(/^HTTP\/1.1 200 Second/)
  })

  test('W18: each chunk is sent before the next one is asked for', async () => {
    const { connect } = await serve(
      wsgi(function* (_environ, start) {
        start('200 OK', TEXT)
        yield bytes('one')
        // Others run at an empty chunk; ten thousand of them are time enough for the first to arrive.
        for (let turn = 0; turn < 10_000 && seen === ''; turn++) yield bytes('')
        yield bytes(seen === '' ? 'held back' : 'two')
      }),
    )
    let seen = ''
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    seen = await client.until((text) => text.includes('one'))
    expect(await client.end()).toContain('two')
  })

  test('W20: chunks are bytes and nothing else', async () => {
    for (const result of [['text'], 'text', bytes('bytes'), 42, null, [bytes(''), 'text']]) {
      const { status, codes } = await ask((_environ, start) => {
        start('200 OK', TEXT)
        return result as never
      })
      expect([status, codes[0]]).toEqual([500, expect.stringMatching(/^GYRE_WSGI_(CHUNK|APP)$/)])
    }
  })

  test('W21: close is called exactly once: at the end, on an error, when the client goes', async () => {
    const log: string[] = []
    const closing = (name: string, chunks: Iterable<Uint8Array>) => ({
      [Symbol.iterator]: () => chunks[Symbol.iterator](),
      close: () => log.push(name),
    })
    await ask((_environ, start) => {
      start('200 OK', TEXT)
      return closing('end', [bytes('a')])
    })
    await ask((_environ, start) => {
      start('200 OK', TEXT)
      return closing('error', ['no bytes' as never])
    })
    const { connect, server } = await serve(
      wsgi((_environ, start) => {
        start('200 OK', TEXT)
        return closing(
          'gone',
          (function* () {
            try {
              for (;;) yield Buffer.alloc(100_000)
            } finally {
              log.push('never: the result has a close of its own')
            }
          })(),
        )
      }),
    )
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until((text) => text.length > 0)
    client.close()
    await eventually(() => server.statistics().connections === 0)
    expect(log).toEqual(['end', 'error', 'gone'])
  })

  test('W21: a generator that is left half way is ended', async () => {
    const log: string[] = []
    const { connect, server } = await serve(
      wsgi(function* (_environ, start) {
        try {
          start('200 OK', TEXT)
          for (;;) yield Buffer.alloc(100_000)
        } finally {
          log.push('ended')
        }
      }),
    )
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until((text) => text.length > 0)
    client.close()
    await eventually(() => server.statistics().connections === 0)
    expect(log).toEqual(['ended'])
  })

  test('W22 W24: one chunk of an array has a length; several are chunked; the order is kept', async () => {
    const one = await ask((_environ, start) => {
      start('200 OK', TEXT)
      return [bytes('abc')]
    })
    expect(one).toMatchObject({ body: 'abc', headers: { 'content-length': '3' } })
    const two = await ask((_environ, start) => {
      start('200 OK', TEXT)
      return [bytes('ab'), bytes('c')]
    })
    expect(two).toMatchObject({ body: 'abc', headers: { 'transfer-encoding': 'chunked' } })
  })

  test('W29: an error before the head is a 500 without its message', async () => {
    const answer = await ask(() => {
      throw new Error('secret')
    })
    expect(answer).toMatchObject({ status: 500, body: '500 Internal Server Error\n', codes: ['GYRE_HANDLER_FAILED'] })
  })
})
