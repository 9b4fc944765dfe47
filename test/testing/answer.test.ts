/*
 * Answers are read strictly, and the same however they are cut.
 */
import { describe, expect, test } from 'vitest'
import { AnswerParser } from '../../lib/testing/answer.ts'

function parse(text: string, methods: readonly string[] = [], cut = text.length): unknown[] {
  const parser = new AnswerParser((index) => methods[index] ?? 'GET')
  for (let at = 0; at < text.length; at += cut) parser.push(Buffer.from(text.slice(at, at + cut), 'latin1'))
  parser.end()
  return parser.answers.map(({ status, interim, body, trailers }) => [
    ...interim.map((one) => one.status),
    status,
    body.toString('latin1'),
    ...[...trailers].flat(),
  ])
}

const good: [what: string, text: string, methods: string[], answers: unknown[]][] = [
  ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc', [], [[200, 'abc']]],
  ['no reason', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n', [], [[200, '']]],
  ['until the end', 'HTTP/1.0 200 OK\r\n\r\nabc', [], [[200, 'abc']]],
  [
    'chunks and trailers',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\nA\r\n0123456789\r\n0\r\nSum: 1\r\n\r\n',
    [],
    [[200, 'abc0123456789', 'Sum', '1']],
  ],
  [
    'HEAD, 204 and 304 have no body, interim answers belong to the next final one',
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\nHTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n',
    ['HEAD'],
    [
      [200, ''],
      [103, 204, ''],
      [304, ''],
    ],
  ],
  ['what follows a 101 is no answer, to HEAD neither', 'HTTP/1.1 101 S\r\n\r\nabc', ['HEAD'], [[101, 'abc']]],
]

test.each(good)('%s', (_what, text, methods, answers) => {
  for (const cut of [1, 2, 7, text.length]) expect(parse(text, methods, cut)).toEqual(answers)
})

describe('broken', () => {
  const bad: [what: string, text: string][] = [
    ['no status line', 'hello\r\n\r\n'],
    ['a version that is none', 'HTTP/2 200 OK\r\n\r\n'],
    ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n'],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'],
    ['a fold', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n'],
    ['length and coding', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n'],
    ['a chunk longer than it says', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n'],
    ['a body cut short', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab'],
    ['half a head', 'HTTP/1.1 200 OK\r\n'],
    ['bytes behind an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx'],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}`],
  ]
  test.each(bad)('%s', (_what, text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'GYRE_ANSWER_BROKEN' }))
  })
})
