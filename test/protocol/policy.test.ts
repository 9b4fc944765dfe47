/*
 * The policy that all front doors share, called without HTTP/1.1; and that HTTP/1.1 keeps to it.
 */
import { describe, expect, test } from 'vitest'
import { checkHost, checkMethod, checkTarget, mayTrail, readLength, variableOf } from '../../lib/protocol/index.ts'
import { readMessages } from '../support/messages.ts'

const refused = (code: string): Error => expect.objectContaining({ code }) as Error

const REGISTERED = [
  ...['ACL', 'BASELINE-CONTROL', 'BIND', 'CHECKIN', 'CHECKOUT', 'CONNECT', 'COPY', 'DELETE', 'GET', 'HEAD', 'LABEL'],
  ...['LINK', 'LOCK', 'MERGE', 'MKACTIVITY', 'MKCALENDAR', 'MKCOL', 'MKREDIRECTREF', 'MKWORKSPACE', 'MOVE', 'OPTIONS'],
  ...['ORDERPATCH', 'PATCH', 'POST', 'PRI', 'PROPFIND', 'PROPPATCH', 'PUT', 'QUERY', 'REBIND', 'REPORT', 'SEARCH'],
  ...['TRACE', 'UNBIND', 'UNCHECKOUT', 'UNLINK', 'UNLOCK', 'UPDATE', 'UPDATEREDIRECTREF', 'VERSION-CONTROL'],
]
const OTHERS = ['M-SEARCH', 'NOTIFY', 'SUBSCRIBE', 'UNSUBSCRIBE', 'PURGE', 'SOURCE', 'get', 'FOO', 'DESCRIBE', 'SETUP']

describe('methods', () => {
  test.each([...REGISTERED, ...OTHERS])('%s is taken by HTTP/1.1 and by the policy, or by neither', (method) => {
    const target = method === 'CONNECT' ? 'a:1' : '/'
    const isTaken = !readMessages(Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)).includes('GYRE')
    if (isTaken) expect(() => checkMethod(method)).not.toThrow()
    else expect(() => checkMethod(method)).toThrow(refused('GYRE_MALFORMED_HEAD'))
  })

  test.each(['', 'GET ', 'GET\r\n', '__proto__', 'constructor'])('%j is none', (method) => {
    expect(() => checkMethod(method)).toThrow(refused('GYRE_MALFORMED_HEAD'))
  })
})

describe('targets: what llhttp would have refused is refused here too', () => {
  test.each(['/a b', '/a\0', '/a\r\nX: y', '/\xe9', '/\u0100', '/a\x7f', 'a', '', '*', 'http://a b/', '?a'])(
    '%j',
    (target) => {
      expect(() => checkTarget('GET', target, 'a')).toThrow(/./)
    },
  )

  test.each(['/', '/a?b', 'http://a/', 'https://A/x'])('%j is taken', (target) => {
    expect(() => checkTarget('GET', target, 'a')).not.toThrow()
  })
})

test('Host may be empty, and nothing else that is no authority', () => {
  expect(() => checkHost('')).not.toThrow()
  for (const host of [
    'a\r\nb',
    'a\0',
    ' a',
    'a ',
    '[::1',
    '[1:2:3:4:5:6:7::8]x',
    '[1.2.3.4]',
    '[::1.2.3.256]',
    '[12345::]',
  ])
    expect(() => checkHost(host), host).toThrow(refused('GYRE_BAD_HOST'))
  for (const host of ['[::]', '[1::]', '[1:2:3:4:5:6:7::]', '[::2:3:4:5:6:7:8]', '[1:2:3:4:5:6:1.2.3.4]', '1.2.3.4'])
    expect(() => checkHost(host), host).not.toThrow()
})

test('lengths are digits', () => {
  expect([readLength('0'), readLength('007'), readLength('9007199254740991')]).toEqual([0, 7, Number.MAX_SAFE_INTEGER])
  for (const text of ['', ' 1', '1 ', '+1', '1,1', '0x1', '1e3', '٣', '9007199254740992'])
    expect(() => readLength(text), text).toThrow(refused('GYRE_BAD_FRAMING'))
})

test('names of variables: two names never become one (H8)', () => {
  expect(variableOf('X-Request-Id')).toBe('HTTP_X_REQUEST_ID')
  expect(variableOf('content-type')).toBe('CONTENT_TYPE')
  for (const name of ['X_Request_Id', 'Content_Length', 'Proxy', 'PROXY', 'Content-Length', 'Transfer-Encoding', '_'])
    expect(variableOf(name), name).toBeUndefined()
})

test('what decides about a message must not come behind its body', () => {
  for (const name of ['Host', 'AUTHORIZATION', 'content-length', 'Cookie']) expect(mayTrail(name), name).toBe(false)
  for (const name of ['ETag', 'Server-Timing', 'X-Checksum', 'Digest', 'constructor'])
    expect(mayTrail(name), name).toBe(true)
})
