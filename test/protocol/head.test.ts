/*
 * Sizes of heads, and what a head costs whoever has to read it.
 */
import { describe, expect, test } from 'vitest'
import { resolveLimits } from '../../lib/base/index.ts'
import { readMessages } from '../support/messages.ts'

describe('sizes (H1, 431 and 414)', () => {
  const small = resolveLimits({ headBytes: 200, targetBytes: 50, fieldCount: 3 })
  const good = (rest: string): string => `${rest}, none, keepAlive`
  const cases: [name: string, request: string, log: string][] = [
    [
      'a head of just the size',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(168)}\r\n\r\n`,
      `${good('GET / 1.1')}\nfield X "${'x'.repeat(168)}"`,
    ],
    [
      'a head one byte too large',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(169)}\r\n\r\n`,
      '431 GYRE_HEAD_TOO_LARGE',
    ],
    ['a head that does not end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(300)}`, '431 GYRE_HEAD_TOO_LARGE'],
    [
      'a target of just the size',
      `GET /${'x'.repeat(49)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      good(`GET /${'x'.repeat(49)} 1.1`),
    ],
    ['a target one byte too long', `GET /${'x'.repeat(50)} HTTP/1.1\r\nHost: a\r\n\r\n`, '414 GYRE_TARGET_TOO_LONG'],
    ['a target that does not end', `GET /${'x'.repeat(300)}`, '414 GYRE_TARGET_TOO_LONG'],
    // Its fault comes when it is too long already; in pieces it was refused before that came.
    ['a target too long, with a fault', `GET /${'x'.repeat(60)}\x01`, '414 GYRE_TARGET_TOO_LONG'],
    ['a target of just the size, with a fault', `GET /${'x'.repeat(49)}\x01`, '400 GYRE_MALFORMED_HEAD'],
    [
      'just so many fields',
      'GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n',
      `${good('GET / 1.1')}\nfield A "1"\nfield B "2"`,
    ],
    [
      'one field too many is refused, not dropped (F14)',
      'GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n',
      '431 GYRE_TOO_MANY_FIELDS',
    ],
    ['empty lines are refused sooner than the size', '\r\n'.repeat(150), '400 GYRE_MALFORMED_HEAD'],
    [
      'just so many trailers',
      'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n',
      'GET / 1.1, chunked, keepAlive\nbody ""\ntrailer A "1"\ntrailer B "2"\ntrailer C "3"',
    ],
    [
      'one trailer too many',
      'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n',
      'GET / 1.1, chunked, keepAlive\n431 GYRE_TRAILERS_TOO_LARGE',
    ],
    [
      'trailers of just the size',
      `GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ${'x'.repeat(193)}\r\n\r\n`,
      `GET / 1.1, chunked, keepAlive\nbody ""\ntrailer A "${'x'.repeat(193)}"`,
    ],
    [
      'trailers one byte too large',
      `GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ${'x'.repeat(194)}\r\n\r\n`,
      'GET / 1.1, chunked, keepAlive\n431 GYRE_TRAILERS_TOO_LARGE',
    ],
  ]
  test.each(cases)('%s', (_name, request, log) => {
    const bytes = Buffer.from(request)
    expect(readMessages(bytes, [], small)).toBe(log)
    for (let at = 1; at < bytes.length; at++) expect(readMessages(bytes, [at], small), `cut at ${at}`).toBe(log)
  })
})

/** Milliseconds of processor time for one go, the least of several. */
function cost(go: () => void): number {
  let least = Infinity
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage()
    go()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

describe('the cost is linear (D6, D11)', () => {
  const limits = resolveLimits({ headBytes: 65_536, fieldCount: 2_000 })
  const head = (fields: string): Buffer => Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`)
  const cases: [name: string, make: (size: number) => Buffer][] = [
    ['a run of spaces within Connection', (size) => head(`Connection: a${' '.repeat(size)}b\r\n`)],
    ['a run of tabs behind Connection', (size) => head(`Connection: a${'\t'.repeat(size)}\r\n`)],
    ['commas in Transfer-Encoding', (size) => head(`Transfer-Encoding: chunked${','.repeat(size)}\r\n`)],
    ['a long Host', (size) => Buffer.from(`GET / HTTP/1.1\r\nHost: ${'a'.repeat(size)}%\r\n\r\n`)],
    ['colons in an address', (size) => Buffer.from(`GET / HTTP/1.1\r\nHost: [${'1:'.repeat(size / 2)}]\r\n\r\n`)],
    ['one name many times', (size) => head('A: b\r\n'.repeat(size / 16))],
  ]
  test.each(cases)('%s', (_name, make) => {
    const small = make(4_000)
    const large = make(16_000)
    const times = (bytes: Buffer) =>
      cost(() => {
        for (let time = 0; time < 10; time++) readMessages(bytes, [], limits)
      })
    times(small)
    // Four times the bytes: quadratic would be 16 times the cost.
    expect(times(large)).toBeLessThan(times(small) * 10 + 10)
  })

  test('a head that comes byte by byte', () => {
    const every = (bytes: Buffer) => Array.from({ length: bytes.length }, (_, at) => at + 1)
    const small = head(`A: ${'b'.repeat(4_000)}\r\n`)
    const large = head(`A: ${'b'.repeat(16_000)}\r\n`)
    const [few, many] = [every(small), every(large)]
    cost(() => readMessages(small, few, limits))
    expect(cost(() => readMessages(large, many, limits))).toBeLessThan(
      cost(() => readMessages(small, few, limits)) * 10 + 10,
    )
  })
})
