/*
 * The scanner of plain heads against llhttp: what it takes, llhttp takes as well, and reads alike. What it does not
 * take proves nothing, and is not looked at.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { GyreError, resolveLimits } from '../../lib/base/index.ts'
import { faultAt, headEnd, judgedHead, plainHead } from '../../lib/protocol/http1/head.ts'
import { PartialHead, input, parseHead } from '../../lib/protocol/index.ts'
import type { HeadLimits, RequestHead } from '../../lib/protocol/index.ts'
import { Random } from '../../lib/testing/random.ts'
import { duration, fuzz, seed } from '../support/fuzz.ts'

const { headBytes, targetBytes, fieldCount, fieldBytes } = resolveLimits({})
const usual = { headBytes, targetBytes, fieldCount, fieldBytes }
const BROWSER = readFileSync(new URL('../../bench/load/browser.txt', import.meta.url), 'latin1').trim()
const browser = `GET /json?a=b HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n${BROWSER.replaceAll('\n', '\r\n')}\r\n\r\n`
const plain = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'HEAD /a;b=c?d=/e?&%20[]{}|^`~+*@:$,() HTTP/1.1\r\nhOsT:a:80\r\n\r\n',
  'GET //a HTTP/1.1\r\nHOST:\t a \t\r\nConnection: keep-alive\r\nX: \xe9\xff \t"\\<>\r\n\r\n',
  "GET / HTTP/1.1\r\nA: 1\r\na: 2\r\n!#$%&'*+-.^_`|~09azAZ: ?\r\nHost: [::1]\r\nConnection: close\r\nConnector: a\r\n\r\n",
  `GET /${'long/'.repeat(40)} HTTP/1.1\r\n${'Long-'.repeat(20)}: ${'a value '.repeat(60)}\r\nHost: a.example\r\n\r\n`,
  browser,
]

/** What comes of reading, as text: the head with all that it holds, or the refusal, and where it ended. */
function outcome(read: () => RequestHead | undefined): string {
  try {
    const head = read()
    return head === undefined ? 'none' : JSON.stringify([head, [...head.fields], headEnd()])
  } catch (error) {
    if (!(error instanceof GyreError)) throw error
    return `${error.code} ${error.message} ${faultAt()}`
  }
}

/** @returns whether the scanner took what lies there */
function compare(start: number, end: number, limits: HeadLimits = usual): boolean {
  const most = Math.min(end, start + limits.headBytes + 1)
  const scanned = outcome(() => plainHead(start, most, limits))
  if (scanned === 'none') return false
  const judged = outcome(() => judgedHead(start, most, limits))
  if (scanned !== judged) expect(scanned, JSON.stringify(input.bytes.toString('latin1', start, end))).toBe(judged)
  return true
}

const write = (text: string, at: number = 0): number => at + input.bytes.write(text, at, 'latin1')

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
  head('GET / HTTP/1.1', 'Content-Type: a', 'Content-Type: b'),
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

const BITS = [
  ...[
    'GET ',
    'HEAD ',
    'POST ',
    ' HTTP/1.1',
    ' HTTP/1.0',
    '\r\n',
    '\r',
    '\n',
    '\r\n\r\n',
    ' ',
    '\t',
    '\0',
    '\x7f',
    '\x80',
  ],
  ...[
    '\xff',
    ':',
    ': ',
    '::',
    '/',
    '//',
    '?',
    '#',
    '*',
    '\\',
    '"',
    '<',
    '!',
    ',',
    'Host: a\r\n',
    'host:\r\n',
    'HOST',
    'a: b\r\n',
  ],
  ...['Content-Length: 1\r\n', 'Transfer-Encoding: chunked\r\n', 'Expect: a\r\n', 'Upgrade: a\r\n', 'Connection: '],
  ...[
    'Connection: close\r\n',
    'Connection: upgrade\r\n',
    'Proxy-Connection: close\r\n',
    'keep-alive',
    'close',
    'Content-Type: a\r\n',
  ],
  ...[
    'Te: trailers\r\n',
    'Upgrade-Insecure-Requests: 1\r\n',
    'a'.repeat(15),
    'a'.repeat(16),
    'a'.repeat(17),
    ' '.repeat(16),
  ],
]

test(
  'heads bent by chance, wherever they lie and whatever the limits are',
  async () => {
    const random = new Random(seed, 'scanner')
    let taken = 0
    const bend = (text: string): string => {
      const at = random.below(text.length + 1)
      const to = Math.min(text.length, at + random.below(random.pick([1, 2, 20])))
      const put = [
        (): string => random.pick(BITS),
        (): string => String.fromCharCode(random.below(256)),
        (): string => text.slice(at, to).repeat(2),
        (): string => random.pick(plain).slice(random.below(40)),
        (): string => '',
      ]
      return text.slice(0, at) + random.pick(put)() + text.slice(to)
    }
    await fuzz(40_000_000, () => {
      let text = random.pick(plain)
      for (let left = random.below(4); left >= 0; left--) text = bend(text)
      const start = random.below(20)
      const end = write(text, start)
      const limits = { ...usual }
      if (random.below(4) === 0) limits.headBytes = 20 + random.below(800)
      if (random.below(4) === 0) limits.targetBytes = random.below(30)
      if (random.below(4) === 0) limits.fieldCount = random.below(20)
      if (random.below(4) === 0) limits.fieldBytes = random.below(150)
      const { hostOptional, anyTarget } = { hostOptional: random.below(4) === 0, anyTarget: random.below(4) === 0 }
      if (compare(start, end - random.below(random.pick([1, 3])), { ...limits, hostOptional, anyTarget })) taken++
      return text.length
    })
    console.info(`${taken} of them were plain`)
    expect(taken).toBeGreaterThan(1_000)
  },
  120_000 + duration * 2,
)

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
