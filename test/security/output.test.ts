/*
 * The checklist, 9.4: output. What a handler was talked into sending cannot break out of its place, and what a client
 * has sent cannot write into the logs.
 */
import { describe, expect, test } from 'vitest'
import { combinedLine, jsonLine } from '../../lib/index.ts'
import type { AccessRecord, Handler, Response } from '../../lib/index.ts'
import { formatEvent } from '../../lib/server/log.ts'
import { answers } from '../support/client.ts'
import { besiege, request } from '../support/hostile.ts'
import { serve } from '../support/serve.ts'

const close = ['Connection: close']
const get = request(close, '', '/', 'GET')

describe('O1 CVE-2016-2216 CVE-2020-7695 CVE-2018-1000164 CVE-2025-67724: no line is broken', () => {
  /** What is tried to be smuggled out, after a value that is right. */
  const breaks: Record<string, string> = {
    'CR LF': 'a\r\nX-Smuggled: 1',
    'a bare CR': 'a\rX-Smuggled: 1',
    'a bare LF': 'a\nX-Smuggled: 1',
    NUL: 'a\0X-Smuggled: 1',
    'characters that a cut makes CR LF of': 'a\u010d\u010aX-Smuggled: 1',
  }
  const places: Record<string, (response: Response, text: string) => ReturnType<Handler>> = {
    'the value of a field': (response, text) => response.headers.set('X-A', text),
    'a value among several': (response, text) => response.headers.set('X-A', ['a', text]),
    'a value that is added': (response, text) => response.headers.append('X-A', text),
    'the attribute of a cookie': (response, text) => response.headers.append('Set-Cookie', `a=b; Path=${text}`),
    'the name of a field': (response, text) => response.headers.set(text, 'a'),
    'the reason phrase': (response, text) => {
      response.reason = text
    },
    'a redirect': (response, text) => response.redirect(`/${text}`),
    'the value of a trailer': (response, text) => response.trailers.set('X-A', text),
    'the name of a trailer': (response, text) => response.trailers.set(text, 'a'),
    'an early hint': (response, text) => response.interim(103, { Link: text }),
    'the name of an early hint': (response, text) => response.interim(103, { [text]: 'a' }),
    'the protocol of an upgrade': (response, text) => response.upgrade(text),
    'a length': (response, text) => response.headers.set('Content-Length', text),
  }
  const cases = Object.keys(places).flatMap((place) => Object.keys(breaks).map((how) => [place, how] as const))
  test.each(cases)('%s: %s', async (place, how) => {
    const site = await besiege((_request, response) => {
      const result = places[place]?.(response, breaks[how] as string)
      if (result === undefined) response.text('fine')
      return result
    })
    const upgrade = ['Connection: upgrade, close', 'Upgrade: echo']
    const client = await site.connect()
    const text = await client.send(request(upgrade, '', '/', 'GET')).end()
    expect(text).not.toContain('Smuggled')
    expect(answers(text)).toMatchObject([{ status: 500 }])
    await site.unharmed()
  })
})

describe('O2 CVE-2020-7694: logs', () => {
  const evil = '\x1b[31m"\\\x9b\x7f\xff'
  const record: AccessRecord = {
    time: 0,
    duration: 1,
    remote: { address: '192.0.2.1', port: 1, family: 'IPv4' },
    method: 'GET',
    target: '/"a',
    httpVersion: '1.1',
    headers: null,
    status: 200,
    bytesIn: 0,
    bytesOut: 0,
    clientTime: 0,
    loop: null,
    outcome: 'ok',
    phase: null,
    code: null,
    limit: null,
  }
  /** Everything that a terminal obeys (ECMA-48), and the end of a line. */
  const control = /[\x00-\x1f\x7f-\x9f]/

  test('access records, from the wire to a line', async () => {
    const records: AccessRecord[] = []
    const { exchange } = await serve((_request, response) => response.text('x'), { access: (one) => records.push(one) })
    // Controls are no part of a value; what is left to try are quotes and bytes that some terminals obey.
    await exchange(request([...close, 'User-Agent: "\\\x9b31m', 'Referer: " 200 "-"\xff'], '', '/', 'GET'))
    for (const line of [combinedLine, jsonLine].map((format) => format(records[0] as AccessRecord)))
      expect(line).not.toMatch(control)
    expect(combinedLine(records[0] as AccessRecord)).toContain('"\\" 200 \\"-\\"\\xff" "\\"\\\\\\x9b31m"')
    expect(JSON.parse(jsonLine(records[0] as AccessRecord))).toMatchObject({ userAgent: '"\\\x9b31m' })
  })

  test('access records whose target came through another front door', () => {
    const one = { ...record, target: `/${evil}\r\n192.0.2.7 - - forged` }
    for (const format of [combinedLine, jsonLine]) expect(format(one)).not.toMatch(control)
    expect(JSON.parse(jsonLine(one))).toMatchObject({ target: one.target })
  })

  test('addresses, whoever made them up', () => {
    const one = { ...record, remote: { ...record.remote, address: `/${evil}\r\n192.0.2.7 - - forged "` } }
    for (const format of [combinedLine, jsonLine]) expect(format(one)).not.toMatch(control)
    expect(combinedLine(one).split(' ').slice(1, 3)).toEqual(['-', '-'])
    const event = { code: 'X', status: 0, blame: 'client', reason: 'a', remote: `${evil}\r\ngyre: 200 forged` } as const
    expect(formatEvent(event)).not.toMatch(control)
  })

  test('a reason of several lines is one line', () => {
    expect(formatEvent({ code: 'X', status: 0, blame: 'client', reason: 'a\nb' })).toBe('gyre: - X - a\\x0ab')
  })

  test('events, the stack of an error included: a body may be quoted there', () => {
    const error = new Error(`Unexpected token '${evil}\r\ngyre: 200 forged'`)
    const lines = formatEvent({ code: 'X', status: 500, blame: 'app', reason: error.message, error }).split('\n')
    for (const line of lines) expect(line).not.toMatch(control)
    // Nothing but the event itself begins where events begin.
    expect(lines.filter((line) => !line.startsWith(' '))).toHaveLength(1)
    expect(lines.join('\n')).toContain('output.test.ts')
  })
})

describe('O3: what was announced and what is sent', () => {
  const cases: [what: string, handler: Handler, lines: string[], expected: RegExp][] = [
    [
      'longer than announced is cut off',
      function* (_request, response) {
        response.headers.set('Content-Length', 3)
        yield* response.write('abc')
        yield* response.write('defg')
      },
      [],
      /\r\n\r\nabc$/,
    ],
    [
      'shorter closes',
      function* (_request, response) {
        response.headers.set('Content-Length', 9)
        yield* response.write('abc')
      },
      [],
      /Content-Length: 9\r\n\r\nabc$/,
    ],
  ]
  test.each(cases)('%s', async (_what, handler, lines, expected) => {
    const site = await besiege(handler)
    const client = await site.connect()
    expect(await client.send(request(lines, '', '/', 'GET').repeat(2)).end()).toMatch(expected)
    expect(site.paths).toHaveLength(1)
    await site.unharmed()
  })

  test.each([204, 304])('no body with %i, and the next answer is where it belongs', async (status) => {
    const site = await besiege((_request, response) => response.text('HTTP/1.1 200 OK\r\n\r\n', status))
    const client = await site.connect()
    const text = await client.send(request([], '', '/', 'GET') + get).end()
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`, `HTTP/1.1 ${status}`])
    expect(text.endsWith('\r\n\r\n')).toBe(true)
  })

  test('no body for HEAD, streamed or not', async () => {
    const site = await besiege(function* (_request, response) {
      yield* response.write('abc')
      yield* response.write('def')
    })
    const client = await site.connect()
    const text = await client.send(request(close, '', '/', 'HEAD')).end()
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/)
    expect(text).not.toContain('abc')
  })

  test('no Transfer-Encoding to HTTP/1.0', async () => {
    const site = await besiege(function* (_request, response) {
      yield* response.write('abc')
      yield* response.write('def')
    })
    const client = await site.connect()
    const text = await client.send('GET / HTTP/1.0\r\n\r\n').end()
    expect(text).not.toContain('Transfer-Encoding')
    expect(text).toMatch(/\r\n\r\nabcdef$/)
  })
})

describe('O4: an error page does not say what was sent', () => {
  const MARK = '<script>mark</script>'
  const get = (line: string, ...fields: string[]): string => `${[line, ...fields].join('\r\n')}\r\n\r\n`
  const cases: [what: string, bytes: string][] = [
    ['method', get(`${MARK} / HTTP/1.1`, 'Host: a')],
    ['target', get(`GET /${MARK} HTTP/1.1`, 'Host: a')],
    ['fragment', get('GET /#mark HTTP/1.1', 'Host: a')],
    ['version', get('GET / HTTP/mark', 'Host: a')],
    ['Host', get('GET / HTTP/1.1', `Host: ${MARK}`)],
    ['name', get('GET / HTTP/1.1', 'Host: a', `${MARK}: x`)],
    ['length', get('POST / HTTP/1.1', 'Host: a', `Content-Length: ${MARK}`)],
    ['coding', get('POST / HTTP/1.1', 'Host: a', `Transfer-Encoding: ${MARK}`)],
    ['expectation', get('POST / HTTP/1.1', 'Host: a', 'Content-Length: 1', `Expect: ${MARK}`)],
    ['chunk', `${get('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked')}${MARK}\r\n`],
    ['trailer', `${get('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked')}0\r\nHost: ${MARK}\r\n\r\n`],
    ['JSON', `${get('POST /json HTTP/1.1', 'Host: a', `Content-Length: ${MARK.length}`, ...close)}${MARK}`],
    ['an error of the handler', get(`GET /throw?${encodeURI('mark')} HTTP/1.1`, 'Host: a', ...close)],
  ]
  test.each(cases)('%s', async (_what, bytes) => {
    const site = await besiege(function* (request, response) {
      if (request.path === '/json') response.json(yield* request.json())
      else if (request.path === '/throw') throw new Error(`cannot do ${request.query}`)
      else response.text(yield* request.text())
    })
    const client = await site.connect()
    const text = await client.send(bytes).end()
    expect(answers(text)[0]?.status).toBeGreaterThanOrEqual(400)
    expect(text).not.toContain('mark')
    expect(text).toContain('Content-Type: text/plain')
    await site.unharmed()
  })
})
