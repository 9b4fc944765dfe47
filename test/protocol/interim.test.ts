/*
 * Heads without a body: interim answers, the switch to another protocol, the opening of a tunnel; and what may not
 * stand in them.
 */
import { describe, expect, test } from 'vitest'
import {
  ResponseFields,
  connectHead,
  interimHead,
  plainOpening,
  responseHead,
  upgradeHead,
} from '../../lib/protocol/index.ts'

const DATE = 'Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n'

function fields(...pairs: [name: string, value: string][]): ResponseFields {
  const all = new ResponseFields()
  for (const [name, value] of pairs) all.append(name, value)
  return all
}

const refused = (code: string): Error => expect.objectContaining({ code }) as Error

describe('interim answers (RFC 9110 15.2)', () => {
  test('100 and 102 need no fields', () => {
    expect(interimHead(100, null)).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    expect(interimHead(102, null)).toBe('HTTP/1.1 102 Processing\r\n\r\n')
  })

  test('103 says early what the answer will link to', () => {
    expect(interimHead(103, fields(['Link', '</a.css>; rel=preload'], ['Link', '</b.js>; rel=preload']))).toBe(
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n',
    )
  })

  test.each([101, 104, 199, 200, 99, 0, NaN, 100.5])('%d is none', (status) => {
    expect(() => interimHead(status, null)).toThrow(refused('GYRE_BAD_STATUS'))
  })
})

describe('101 (RFC 9110 15.2.2)', () => {
  test('names the protocol and the connection', () => {
    expect(upgradeHead('websocket', fields(['Sec-WebSocket-Accept', 'abc=']))).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: abc=\r\n\r\n',
    )
    expect(upgradeHead('HTTP/3.0', null)).toContain('Upgrade: HTTP/3.0\r\n')
  })

  test.each(['', 'a b', 'a/', '/1', 'a/b/c', 'web\r\nsocket', 'a\r\n\r\nHTTP/1.1 200 OK', 'a, b', 'é'])(
    '%j is no name of a protocol (H9)',
    (protocol) => {
      expect(() => upgradeHead(protocol, null)).toThrow(refused('GYRE_BAD_HEADER'))
    },
  )
})

describe('a tunnel (RFC 9110 9.3.6)', () => {
  test('has a date and no length', () => {
    expect(connectHead(200, null, DATE)).toBe(`HTTP/1.1 200 OK\r\n${DATE}\r\n`)
    expect(connectHead(204, fields(['Via', 'a']), DATE)).toBe(`HTTP/1.1 204 No Content\r\n${DATE}Via: a\r\n\r\n`)
  })

  test('a Date that was set is kept', () => {
    expect(connectHead(200, fields(['date', 'x']), DATE)).toBe('HTTP/1.1 200 OK\r\ndate: x\r\n\r\n')
  })

  test.each([101, 199, 300, 404, NaN])('%d opens none', (status) => {
    expect(() => connectHead(status, null, DATE)).toThrow(refused('GYRE_BAD_STATUS'))
  })
})

test.each(['Content-Length', 'TRANSFER-ENCODING', 'Trailer', 'Connection', 'Keep-Alive', 'Upgrade'])(
  'none of them may have %s',
  (name) => {
    const set = fields([name, '1'])
    for (const make of [
      () => interimHead(103, set),
      () => upgradeHead('websocket', set),
      () => connectHead(200, set, DATE),
    ])
      expect(make).toThrow(refused('GYRE_BAD_HEADER'))
  },
)

describe('what stands beside the fields cannot break a line (H9, CVE-2025-67724, CVE-2016-2216)', () => {
  const plan = {
    method: 'GET',
    minor: 1,
    status: 200,
    fields: null,
    contentType: '',
    length: 0,
    keepAlive: true,
    date: DATE,
  } as const

  test.each(['OK\r\nSet-Cookie: a=b', 'a\nb', 'a\rb', 'a\0', '\u010d\u010a', 'a\x7f'])('%j', (text) => {
    expect(() => responseHead({ ...plan, reason: text })).toThrow(refused('GYRE_BAD_HEADER'))
    expect(() => responseHead({ ...plan, contentType: text })).toThrow(refused('GYRE_BAD_HEADER'))
    expect(() => plainOpening(200, text, DATE)).toThrow(refused('GYRE_BAD_HEADER'))
  })

  test('an opening says its own status, type and date, however many there are', () => {
    const later = DATE.replace(':37', ':38')
    for (const date of [DATE, later, DATE])
      for (const status of [200, 404, 200])
        for (let kind = 0; kind < 40; kind++) {
          const opening = Buffer.from(plainOpening(status, `text/x-${kind}`, date)).toString('latin1')
          const reason = status === 200 ? '200 OK' : '404 Not Found'
          expect(opening).toBe(`HTTP/1.1 ${reason}\r\n${date}Content-Type: text/x-${kind}\r\nContent-Length: `)
        }
  })

  test('a reason of ones own', () => {
    expect(responseHead({ ...plan, reason: 'Très bien' }).text).toMatch(/^HTTP\/1\.1 200 Très bien\r\n/)
    expect(responseHead({ ...plan, reason: '' }).text).toMatch(/^HTTP\/1\.1 200 \r\n/)
  })
})
