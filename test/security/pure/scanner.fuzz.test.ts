/*
 * Heads that are plain, and bent by chance: whatever our scanner takes, llhttp takes, and reads alike.
 */
import { expect, test } from 'vitest'
import { Random } from '../../../lib/testing/random.ts'
import { duration, fuzz, seed } from '../../support/fuzz.ts'
import { compare, plain, usual, write } from '../../support/plain-heads.ts'

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
