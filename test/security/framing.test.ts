/*
 * The checklist, 9.1: framing. What each line is about comes over a socket whole and byte by byte, and over a stream in
 * memory cut in two everywhere, with a request hidden behind it; a good client is served beside it all the while.
 * The vectors (test/vectors) and the kit's smuggling cases hold many more of each kind.
 */
import { describe, expect, test } from 'vitest'
import type { Handler } from '../../lib/index.ts'
import { answers } from '../support/client.ts'
import { HIDDEN, besiege, onlyGoodIsLeft, request, statuses, statusesOfCuts } from '../support/hostile.ts'

/** What is sent, what is answered; the hidden request comes behind it. */
type Case = readonly [what: string, bytes: string, ...statuses: number[]]

const coding = (value: string, ...more: string[]): string =>
  request([`Transfer-Encoding: ${value}`, ...more], '0\r\n\r\n')
const length = (value: string, ...more: string[]): string => request([`Content-Length: ${value}`, ...more], 'hello')
const chunks = (body: string, path = '/'): string => request(['Transfer-Encoding: chunked'], body, path)
const get = (target: string, host = 'Host: a'): string => `GET ${target} HTTP/1.1\r\n${host}\r\n\r\n`

const LINES: Readonly<Record<string, readonly Case[]>> = {
  'F1 CVE-2019-15605 CVE-2020-8287 CVE-2024-1135 CVE-2024-6827: Transfer-Encoding never falls back to a length': [
    ['unknown', coding('xchunked'), 501],
    ['unknown before chunked', coding('gzip, chunked'), 501],
    ['identity beside a length', coding('identity', 'Content-Length: 5'), 400],
    ['repeated', coding('chunked, chunked'), 400],
    ['repeated on two lines', coding('chunked', 'Transfer-Encoding: chunked'), 400],
    ['two that differ', coding('chunked', 'Transfer-Encoding: cow'), 400],
    ['empty beside a length', coding('', 'Content-Length: 5'), 400],
    ['beside a length', coding('chunked', 'Content-Length: 5'), 400],
    ['behind a length', length('5', 'Transfer-Encoding: chunked'), 400],
    ['in HTTP/1.0', coding('chunked').replace('1.1', '1.0'), 400],
  ],
  'F2 CVE-2022-32213 CVE-2022-32214 CVE-2022-32215 CVE-2022-35256 CVE-2023-30589 CVE-2019-16785 CVE-2021-41136: ends of lines':
    [
      ['a bare CR in a value', request(['X: y\rTransfer-Encoding: chunked'], '0\r\n\r\n'), 400],
      ['a bare LF between fields', request(['X: y\nTransfer-Encoding: chunked'], '0\r\n\r\n'), 400],
      ['a folded coding', request(['Transfer-Encoding:\r\n chunked'], '0\r\n\r\n'), 400],
      ['a CR as the end of a field', `POST / HTTP/1.1\r\nHost: a\rContent-Length: 5\r\n\r\nhello`, 400],
      ['a bare LF behind the request line', `POST / HTTP/1.1\nHost: a\r\nContent-Length: 5\r\n\r\nhello`, 400],
      ['CR CR LF', request(['X: y\r', 'Content-Length: 5'], 'hello'), 400],
    ],
  'F3 CVE-2021-22959 CVE-2019-16789 GO-2022-0212: odd white space': [
    ['before the colon', request(['Transfer-Encoding : chunked'], '0\r\n\r\n'), 400],
    ['a tab before the colon', request(['Content-Length\t: 5'], 'hello'), 400],
    ['a vertical tab', coding('\x0bchunked'), 400],
    ['a form feed', coding('chunked\x0c'), 400],
    ['NBSP', coding('\xa0chunked'), 501],
    ['NEL', coding('chunked\x85'), 501],
  ],
  'F4 CVE-2024-27982: a space before the first field, and before Content-Length': [
    ['before the first', 'POST / HTTP/1.1\r\n Host: a\r\nContent-Length: 5\r\n\r\nhello', 400],
    ['before Content-Length', request([' Content-Length: 5'], 'hello'), 400],
    ['a length before all others', 'POST / HTTP/1.1\r\n Content-Length: 5\r\nHost: a\r\n\r\nhello', 400],
  ],
  'F5 CVE-2025-23167: a head that ends in CR LF CR X': [
    ['X', 'GET / HTTP/1.1\r\nHost: a\r\n\rX', 400],
    ['a request', 'GET / HTTP/1.1\r\nHost: a\r\n\r', 400],
  ],
  'F6 (hackerone 3723248): a tab behind close ends the connection all the same': [
    ['close', request(['Connection: close\t'], '', '/', 'GET'), 200],
    ['close among others', request(['Connection: x, \tclose\t ,y'], '', '/', 'GET'), 200],
  ],
  'F7 (llhttp issue 877): a request line without version': [
    ['bare LF, fields and a body', 'POST /\nHost: a\nContent-Length: 5\n\nhello', 400],
    ['CRLF', 'POST /\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello', 400],
  ],
  'F8 CVE-2022-24761 CVE-2023-47627 CVE-2023-38697: numbers are digits': [
    ...['+5', '-5', '0x5', '5_0', '\xb25', '5 5', '5,5', '\xef\xbc\x95'].map((value): Case => [
      `a length of ${JSON.stringify(value)}`,
      length(value),
      400,
    ]),
    ...['+5', '-5', '0x5', '5_0', '\xb25', ' 5', '5 ', '\xef\xbc\x95'].map((value): Case => [
      `a chunk size of ${JSON.stringify(value)}`,
      chunks(`${value}\r\nhello\r\n0\r\n\r\n`),
      400,
    ]),
  ],
  'F9 CVE-2023-40175 CVE-2023-40225: an empty length': [
    ['alone', length(''), 400],
    ['before a number', length('', 'Content-Length: 5'), 400],
    ['behind a number', length('5', 'Content-Length:'), 400],
  ],
  'F10 CVE-2025-22871 CVE-2021-22960 CVE-2025-43859 (gunicorn 3327 and 3556): funky chunks': [
    ['LF behind the size', chunks('5\nhello\r\n0\r\n\r\n'), 400],
    ['CR behind the size', chunks('5\rhello\r\n0\r\n\r\n'), 400],
    ['LF in an extension', chunks('5;a\nhello\r\n0\r\n\r\n'), 400],
    ['CR in a quoted extension', chunks('5;a="\r"\r\nhello\r\n0\r\n\r\n'), 400],
    ['data longer than its size', chunks('4\r\nhello\r\n0\r\n\r\n'), 400],
    ['data that ends in any two bytes', chunks('5\r\nhelloXX0\r\n\r\n'), 400],
    ['an end of LF LF', chunks('5\r\nhello\r\n0\n\n'), 400],
    // Who does not read the body has answered already: then nothing more is read of the connection.
    ['LF behind the size, and the handler reads nothing', chunks('5\nhello\r\n0\r\n\r\n', '/ignore'), 200],
    ['data longer than its size, and the handler reads nothing', chunks('4\r\nhello\r\n0\r\n\r\n', '/ignore'), 200],
  ],
  'F11 CVE-2025-58068 CVE-2023-41419 CVE-2025-53643 (sanic 3164, gunicorn 3382): trailers': [
    ['a name that frames', chunks('0\r\nContent-Length: 5\r\n\r\n'), 400],
    ['a name that routes', chunks('0\r\nHost: b\r\n\r\n'), 400],
    ['a name that authenticates', chunks('0\r\nAuthorization: b\r\n\r\n'), 400],
    ['a request in their place', chunks(`0\r\n${HIDDEN}`), 400],
    ['a request behind a bare LF', chunks(`0\r\nX: y\n\n${HIDDEN}`), 400],
    // Without the last CRLF the hidden request is a trailer line, and none that is right.
    ['no final CRLF', chunks('5\r\nhello\r\n0\r\n'), 400],
  ],
  'F12 CVE-2024-49768: nothing behind an error answer is run': [
    ['a malformed head', 'nonsense\r\n\r\n', 400],
    ['a good request first', `${get('/')}nonsense\r\n\r\n`, 200, 400],
    ['a body that is refused for its size', request(['Content-Length: 5000000'], HIDDEN.repeat(20)), 413],
    ['a target that is refused', get('*'), 400],
  ],
  'F14 CVE-2026-58044: fields over the limit are refused, not dropped': [
    ['2,100 short ones, then a coding', coding('chunked', ...Array.from({ length: 2_100 }, () => 'a:b')), 431],
    [
      'the coding first behind the limit',
      request([...Array.from({ length: 99 }, () => 'a:b'), 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
      431,
    ],
  ],
  'F15 CVE-2026-48710 CVE-2023-45539 (gunicorn 26): Host and target': [
    ['two Hosts', get('/', 'Host: a\r\nHost: b'), 400],
    ['two that are the same', get('/', 'Host: a\r\nHost: a'), 400],
    ...['a/b', 'a?b', 'a#b', 'a@b'].map((host): Case => [`Host ${host}`, get('/', `Host: ${host}`), 400]),
    ['two Content-Types', length('5', 'Content-Type: a/b', 'Content-Type: a/c'), 400],
    ['GET *', get('*'), 400],
    ['an authority', get('a:80'), 400],
    ['a fragment', get('/a#b'), 400],
    ['an absolute target unlike Host', get('http://b/'), 400],
  ],
  'F16 (0.CL, Expect and early answers): what is in a body is never run': [
    ['garbage in Expect', length('5', 'Expect: y 100-continue'), 417],
    ...['GET', 'OPTIONS'].map((method): Case => [
      `${method} with a length`,
      request([`Content-Length: ${HIDDEN.length}`, 'Connection: close'], HIDDEN, '/ignore', method),
      200,
    ]),
    [
      'GET with chunks',
      request(
        ['Transfer-Encoding: chunked', 'Connection: close'],
        `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
        '/ignore',
        'GET',
      ),
      200,
    ],
    ['more than is drained', request([`Content-Length: 99999999`], HIDDEN.repeat(3), '/ignore'), 200],
  ],
  'F17: what is not HTTP/1.1': [
    ['a response', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 400],
    ['a TLS hello', '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00', 400],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
    ['RTSP', 'OPTIONS rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\n\r\n', 400],
    ['bytes', '\x00\xff\xfe\x80\r\n\r\n', 400],
  ],
}

describe.each(Object.entries(LINES))('%s', (_line, cases) => {
  test.each(cases.map(([what, bytes, ...expected]) => ({ what, bytes, expected })))(
    '$what',
    async ({ bytes, expected }) => {
      const site = await besiege()
      const all = `${bytes}${HIDDEN}`
      expect(await statuses(site, all)).toEqual(expected)
      // One line of the log for each refusal, and no more.
      const refusals = expected.filter((status) => status >= 400).length
      expect(site.events.map(({ status }) => status)).toEqual(expected.filter((status) => status >= 400))
      if (all.length < 1_000) {
        expect(await statuses(site, all, true)).toEqual(expected)
        expect(site.events).toHaveLength(refusals * 2)
        expect(await statusesOfCuts(all)).toEqual([expected.join(' ')])
      }
      expect(site.paths).not.toContain('/hidden')
      await site.unharmed()
      await onlyGoodIsLeft(site)
    },
  )
})

test('F6: upgrade<TAB> is an upgrade', async () => {
  const site = await besiege((request, response) => response.text(request.upgrade.join()))
  const bytes = request(['Connection: upgrade\t, close', 'Upgrade: echo\t'], '', '/', 'GET')
  const client = await site.connect()
  expect(answers(await client.send(bytes).end())).toMatchObject([{ body: 'echo' }])
})

test('F11: trailers are no header fields, whatever they are called', async () => {
  const handler: Handler = function* (request, response) {
    yield* request.bytes()
    response.json([request.headers.get('x-user') ?? null, request.trailers?.get('x-user')])
  }
  const site = await besiege(handler)
  const client = await site.connect()
  client.send(chunks('5\r\nhello\r\n0\r\nX-User: admin\r\n\r\n'))
  await client.until((text) => text.endsWith(']'))
  expect(answers(client.text)).toMatchObject([{ body: '[null,"admin"]' }])
})

describe('F12 CVE-2024-49768: what comes after the answer is not run either', () => {
  test.each([
    ['a refused head', 'nonsense\r\n\r\n', 400],
    ['a body that is too large', request(['Content-Length: 5000000']), 413],
    ['a body that is broken', chunks('5\nhello'), 400],
    ['the end that the client has asked for', request(['Connection: close'], '', '/', 'GET'), 200],
  ])('%s', async (_what, bytes, status) => {
    const site = await besiege()
    const client = await site.connect({ allowHalfOpen: true })
    client.send(bytes)
    await client.until((text) => text.endsWith('\n') || text.endsWith('0'))
    for (let times = 0; times < 5; times++) client.send(HIDDEN)
    await client.end()
    expect(answers(client.text)).toMatchObject([{ status, headers: { connection: 'close' } }])
    expect(site.paths).not.toContain('/hidden')
    await site.unharmed()
    await onlyGoodIsLeft(site)
  })
})

test('F16: a client that waits for 100 and gets the final answer is not read any more', async () => {
  const site = await besiege()
  const client = await site.connect({ allowHalfOpen: true })
  client.send(request(['Expect: 100-continue', `Content-Length: ${HIDDEN.length}`], '', '/ignore'))
  await client.until((text) => text.endsWith('ignored'))
  client.send(HIDDEN).send(HIDDEN)
  await client.end()
  expect(answers(client.text)).toMatchObject([{ status: 200, headers: { connection: 'close' } }])
  expect(site.paths).toEqual(['/ignore'])
  await site.unharmed()
})
