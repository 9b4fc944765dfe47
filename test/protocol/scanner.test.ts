/*
 * Which heads are plain, and which are left to llhttp.
 */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { LIMITS, resolveLimits } from '../../lib/base/index.ts'
import { PartialHead, input, parseHead } from '../../lib/protocol/index.ts'
import { browser, compare, plain, usual, write } from '../support/plain-heads.ts'

test.each(plain)('%j is plain, and read as llhttp reads it', (text) => {
  expect(compare(0, write(text))).toBe(true)
  expect(compare(3, write(`${text}GET `, 3))).toBe(true)
})

const head = (line: string, ...fields: string[]): string => [line, 'Host: a', ...fields, '', ''].join('\r\n')

test.each([
  head('POST / HTTP/1.1'),
  head('GET / HTTP/1.0'),
  head('GET  / HTTP/1.1'),
  head('GET http://a/ HTTP/1.1'),
  head('GET /#a HTTP/1.1'),
  head('\r\nGET / HTTP/1.1'),
  head('GET / HTTP/1.1', 'content-length: 0'),
  head('GET / HTTP/1.1', 'Transfer-Encoding: chunked'),
  head('GET / HTTP/1.1', 'EXPECT: 100-continue'),
  head('GET / HTTP/1.1', 'Connection: upgrade', 'Upgrade: a'),
  head('GET / HTTP/1.1', 'Host: a'),
  head('GET / HTTP/1.1', 'X: a', ' folded'),
  head('GET / HTTP/1.1', 'X : a'),
  head('GET / HTTP/1.1', 'X:'),
  head('GET / HTTP/1.1', 'X: a\nY: b'),
  head('GET / HTTP/1.1', 'X: a\x7f'),
  'GET / HTTP/1.1\r\n\r\n',
])('%j is left to llhttp', (text) => {
  expect(compare(0, write(text))).toBe(false)
})

test('what is refused of a plain head is refused alike', () => {
  expect(compare(0, write(head('GET / HTTP/1.1', 'Content-Type: a', 'Content-Encoding: c', 'content-type: b')))).toBe(
    true,
  )
  expect(compare(0, write('GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'))).toBe(true)
})

test('every byte of a plain head replaced by every other, left out, and put in anywhere', () => {
  for (const text of plain.slice(0, 4)) {
    for (let at = 0; at < text.length; at++) {
      compare(0, write(text.slice(0, at) + text.slice(at + 1)))
      for (let code = 0; code <= 255; code++) {
        const byte = String.fromCharCode(code)
        compare(0, write(text.slice(0, at) + byte + text.slice(at + 1)))
        compare(0, write(text.slice(0, at) + byte + text.slice(at)))
      }
    }
  }
})

test('what lies behind the bytes that have come is never believed', () => {
  for (const text of plain) {
    write(text)
    for (let end = 0; end < text.length; end++) expect(compare(0, end)).toBe(false)
    expect(compare(0, text.length)).toBe(true)
  }
  // At the very end of the place where bytes are read to, too.
  for (let size = 1; size < browser.length; size++) {
    write(browser.slice(0, size), input.bytes.length - size)
    expect(compare(input.bytes.length - size, input.bytes.length)).toBe(false)
  }
})

test('what is beyond a limit is refused by llhttp and its rules', () => {
  const size = write(browser)
  // A line is longer than its field by a colon and a space.
  const longest = Math.max(
    ...browser
      .split('\r\n')
      .slice(1)
      .map((line) => line.length - 2),
  )
  const just = { headBytes: size, targetBytes: 9, fieldCount: 16, fieldBytes: longest }
  expect(compare(0, size, resolveLimits(just))).toBe(true)
  for (const name of ['headBytes', 'targetBytes', 'fieldCount', 'fieldBytes'] as const)
    expect(compare(0, size, resolveLimits({ ...just, [name]: just[name] - 1 })), name).toBe(false)
})

test('as many fields as there may be at most are as many for both', () => {
  const { most } = LIMITS.fieldCount
  const limits = resolveLimits({ headBytes: LIMITS.headBytes.most, fieldCount: most })
  const fields = (count: number): number => write(head('GET / HTTP/1.1', ...Array<string>(count - 1).fill('a:b')))
  expect(compare(0, fields(most), limits)).toBe(true)
  const end = fields(most + 1)
  expect(compare(0, end, limits)).toBe(false)
  expect(() => parseHead(0, end, limits)).toThrow(`more than ${most} header fields`)
})

test('a plain head is read as before when the memory of the parser has grown', () => {
  const partials: PartialHead[] = []
  const { buffer } = input.bytes
  while (input.bytes.buffer === buffer) partials.push(new PartialHead())
  expect(compare(0, write(browser))).toBe(true)
  for (const partial of partials) partial.release()
})

test('a processor without the instructions for it leaves all heads to llhttp', () => {
  const program = `
    const { input, parseHead } = await import(${JSON.stringify(new URL('../../dist/protocol/index.js', import.meta.url))})
    const size = input.bytes.write(${JSON.stringify(browser)}, 'latin1')
    const head = parseHead(0, size, ${JSON.stringify(usual)})
    console.log(JSON.stringify([head, [...head.fields]]))`
  const words = ['--no-enable-sse4-1', '--input-type=module', '--eval', program]
  const there = execFileSync(process.execPath, words, { encoding: 'utf8' })
  const head = parseHead(0, write(browser), usual)
  expect(there.trim()).toBe(JSON.stringify([head, [...(head?.fields ?? [])]]))
})
