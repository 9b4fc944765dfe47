/*
 * Request heads: what is taken, what is refused and with which code; and that how a head is cut makes
 * no difference.
 */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GyreError, defaultLimits, resolveLimits } from '../../lib/base/index.ts'
import { PartialHead, headEnd, input, parseHead } from '../../lib/protocol/index.ts'
import type { RequestHead } from '../../lib/protocol/index.ts'

const limits = defaultLimits()

type Outcome = string

function describeHead(head: RequestHead): Outcome {
  const { method, target, minor, framing, contentLength, keepAlive, expectContinue, upgrade, fields } = head
  return JSON.stringify({
    method,
    target,
    minor,
    framing,
    contentLength,
    keepAlive,
    expectContinue,
    upgrade,
    raw: fields.toRaw(),
  })
}

function attempt(parse: () => Outcome): Outcome {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof GyreError)) throw error
    return `${error.status} ${error.code}`
  }
}

function whole(text: string, own = limits): Outcome {
  const size = input.bytes.write(text, 0, 'latin1')
  return attempt(() => {
    const head = parseHead(0, size, own)
    return head === undefined ? 'incomplete' : `${describeHead(head)} then ${size - headEnd()}`
  })
}

/** Feeds the head in pieces that end at the given places. */
function inPieces(text: string, cuts: readonly number[], own = limits): Outcome {
  const partial = new PartialHead()
  const bytes = Buffer.from(text, 'latin1')
  try {
    return attempt(() => {
      let from = 0
      for (const to of [...cuts, bytes.length]) {
        if (to <= from || to > bytes.length) continue
        bytes.copy(input.bytes, 0, from, to)
        const used = partial.push(0, to - from, own)
        if (used !== undefined) return `${describeHead(partial.take(own))} then ${bytes.length - from - used}`
        from = to
      }
      return 'incomplete'
    })
  } finally {
    partial.release()
  }
}

interface Vector {
  name: string
  request: string
  outcome: string
}

/** Vectors are Markdown: a heading, a block with the request, a block with what comes of it. */
function readVectors(file: string): Vector[] {
  const text = readFileSync(new URL(`../vectors/http1/${file}`, import.meta.url), 'utf8')
  const pattern = /^### (.+)\n+```http\n([^]*?)\n```\n+```log\n([^]*?)\n```/gm
  return [...text.matchAll(pattern)].map(([, name = '', request = '', outcome = '']) => ({
    name,
    // A line ends with CRLF in the vector unless it says otherwise; escapes are those of JSON and \xNN.
    request: request
      .replaceAll('\n', '\r\n')
      .replace(/\\(?:x([0-9a-f]{2})|([rnt0\\]))/g, (_all, hex: string | undefined, char: string | undefined) =>
        hex === undefined
          ? { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' }[char as 'r']
          : String.fromCharCode(Number.parseInt(hex, 16)),
      )
      .replaceAll('<CUT>', ''),
    outcome,
  }))
}

function summary(outcome: Outcome): string {
  if (!outcome.startsWith('{')) return outcome
  const end = outcome.lastIndexOf(' then ')
  const head = JSON.parse(outcome.slice(0, end)) as Record<string, unknown>
  const body = head['framing'] === 'length' ? `length ${String(head['contentLength'])}` : String(head['framing'])
  const flags = ['keepAlive', 'expectContinue', 'upgrade'].filter((flag) => head[flag] === true)
  return [`${String(head['method'])} ${String(head['target'])} 1.${String(head['minor'])}`, body, ...flags].join(', ')
}

describe.each(['accepted.md', 'refused.md'])('%s', (file) => {
  const vectors = readVectors(file)
  test.each(vectors)('$name', ({ request, outcome }) => {
    const result = whole(request)
    expect(summary(result)).toBe(outcome)
    // Byte by byte, and cut in two at each place: the same, to the last header.
    const everywhere = Array.from({ length: request.length }, (_, at) => at + 1)
    expect(inPieces(request, everywhere).replace(/ then \d+$/, '')).toBe(result.replace(/ then \d+$/, ''))
    for (const at of everywhere.slice(0, 400)) expect(inPieces(request, [at])).toBe(result)
    // What follows a head does not change it.
    if (result.startsWith('{')) expect(summary(whole(`${request}GET /next`))).toBe(outcome)
  })

  test('there are many of them', () => {
    expect(vectors.length).toBeGreaterThan(20)
  })
})

describe('sizes (H1, N 431 and 414)', () => {
  const small = resolveLimits({ headBytes: 200, targetBytes: 50, fieldCount: 3 })
  const cases: [name: string, request: string, code: string][] = [
    ['a head of just the size', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(168)}\r\n\r\n`, '{'],
    [
      'a head one byte too large',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(169)}\r\n\r\n`,
      '431 GYRE_HEAD_TOO_LARGE',
    ],
    ['a head that does not end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(300)}`, '431 GYRE_HEAD_TOO_LARGE'],
    ['a target of just the size', `GET /${'x'.repeat(49)} HTTP/1.1\r\nHost: a\r\n\r\n`, '{'],
    ['a target one byte too long', `GET /${'x'.repeat(50)} HTTP/1.1\r\nHost: a\r\n\r\n`, '414 GYRE_TARGET_TOO_LONG'],
    ['a target that does not end', `GET /${'x'.repeat(300)}`, '414 GYRE_TARGET_TOO_LONG'],
    ['just so many fields', 'GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n', '{'],
    [
      'one field too many is refused, not dropped (F14)',
      'GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n',
      '431 GYRE_TOO_MANY_FIELDS',
    ],
  ]
  test.each(cases)('%s', (_name, request, code) => {
    const result = whole(request, small)
    expect(result.startsWith(code) ? code : result).toBe(code)
    for (let at = 1; at < request.length; at++) expect(inPieces(request, [at], small)).toBe(result)
  })
})

test('any bytes at all give a head, wait for more, or are refused: never another error, however cut', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'GET ',
      'POST ',
      '/',
      ' HTTP/1.1\r\n',
      'Host: a\r\n',
      'Content-Length: 5\r\n',
      '\r\n',
      '\n',
      '\r',
      ' ',
      ':',
      '\t',
    ),
    fc.constantFrom(
      'Transfer-Encoding: chunked\r\n',
      'Connection: close\r\n',
      'Expect: 100-continue\r\n',
      'X: y\r\n',
      '\0',
      '*',
    ),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 8 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(120), { maxLength: 6 }), (pieces, cuts) => {
      const text = pieces.join('')
      const result = whole(text)
      expect(
        inPieces(
          text,
          cuts.sort((one, other) => one - other),
        ),
      ).toBe(result)
    }),
    { numRuns: 3000 },
  )
})
