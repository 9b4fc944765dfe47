/*
 * What holds for every sequence of messages and every string of bytes.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GyreError, resolveLimits } from '../../lib/base/index.ts'
import { ResponseFields, responseHead } from '../../lib/protocol/index.ts'
import { MessageReader, readMessages } from '../support/messages.ts'

const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
const token = fc.string({
  unit: fc.constantFrom(...Array.from('abcxyzABCXYZ0189-.!#$')),
  minLength: 1,
  maxLength: 8,
})
/** A value: no white space at its ends. */
const value = fc
  .string({ unit: fc.constantFrom(...Array.from('ab Z09\t:;,="/\xe9\xff')), maxLength: 12 })
  .map((text) => text.replace(/^[ \t]+/, '').replace(/[ \t]+$/, ''))
const blank = fc.constantFrom('', ' ', '\t', ' \t ')
/** Fields that decide nothing. */
const fields = fc.array(
  fc.tuple(
    token.map((name) => `X-${name}`),
    blank,
    value,
    blank,
  ),
  { maxLength: 4 },
)
const body = fc.string({ unit: byte, maxLength: 40 })
const quoted = (text: string): string =>
  JSON.stringify(text).replace(/[\x7f-\xff]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`)

interface Message {
  wire: string
  log: string
}

const message: fc.Arbitrary<Message> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'),
    path: fc.array(fc.constantFrom('a', '/', '%20', '?', '&', '=', ';', ':', '@', '|'), { maxLength: 6 }),
    emptyLine: fc.boolean(),
    fields,
    framing: fc.oneof(
      fc.constant(undefined),
      body.map((text) => ({ length: text })),
      fc.record({
        chunks: fc.array(
          body.filter((text) => text !== ''),
          { maxLength: 4 },
        ),
        zeros: fc.constantFrom('', '0', '000'),
        extension: fc.constantFrom('', ';a', ';a=b', ';a="b;\\"c"'),
        trailers: fields,
      }),
    ),
  })
  .map(({ method, path, emptyLine, fields: own, framing }) => {
    const target = `/${path.join('')}`
    const lines = own.map(([name, before, text, behind]) => `${name}:${before}${text}${behind}\r\n`).join('')
    const told = own.map(([name, , text]) => `\nfield ${name} ${quoted(text)}`).join('')
    const begin = `${emptyLine ? '\r\n' : ''}${method} ${target} HTTP/1.1\r\nHost: a\r\n${lines}`
    if (framing === undefined) return { wire: `${begin}\r\n`, log: `${method} ${target} 1.1, none, keepAlive${told}` }
    if ('length' in framing)
      return {
        wire: `${begin}Content-Length: ${framing.length.length}\r\n\r\n${framing.length}`,
        log:
          `${method} ${target} 1.1, length ${framing.length.length}, keepAlive${told}` +
          (framing.length === '' ? '' : `\nbody ${quoted(framing.length)}`),
      }
    const { chunks, zeros, extension, trailers } = framing
    const data = chunks.map((text) => `${zeros}${text.length.toString(16)}${extension}\r\n${text}\r\n`).join('')
    const ending = trailers.map(([name, before, text, behind]) => `${name}:${before}${text}${behind}\r\n`).join('')
    return {
      wire: `${begin}Transfer-Encoding: chunked\r\n\r\n${data}0${zeros}${extension}\r\n${ending}\r\n`,
      log:
        `${method} ${target} 1.1, chunked, keepAlive${told}\nbody ${quoted(chunks.join(''))}` +
        trailers.map(([name, , text]) => `\ntrailer ${name} ${quoted(text)}`).join(''),
    }
  })

/** Places to cut at, in order. */
function cutsIn(size: number, parts: readonly number[]): number[] {
  return parts.map((part) => Math.floor(part * size)).sort((one, other) => one - other)
}

const parts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

/** As the log of a reader does it. */
function withoutRepeats(log: string): string {
  return log.replace(
    /^(.*)(?:\n\1$)+/gm,
    (all, line: string) => `${line} (${(all.length + 1) / (line.length + 1)} times)`,
  )
}

test('valid messages, one behind the other, are read as what they are, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), parts, (messages, places) => {
      const bytes = Buffer.from(messages.map(({ wire }) => wire).join(''), 'latin1')
      const log = withoutRepeats(messages.map((each) => each.log).join('\n'))
      expect(readMessages(bytes)).toBe(log)
      expect(readMessages(bytes, cutsIn(bytes.length, places))).toBe(log)
    }),
    { numRuns: 1500 },
  )
})

const noise = fc.oneof(
  fc.constantFrom(
    'GET ',
    'POST ',
    'CONNECT ',
    '/',
    '*',
    ' HTTP/1.1\r\n',
    'Host: a\r\n',
    'Content-Length: 5\r\n',
    '\r\n',
  ),
  fc.constantFrom('Transfer-Encoding: chunked\r\n', 'Connection: close\r\n', 'Expect: 100-continue\r\n', 'X: y\r\n'),
  fc.constantFrom('\n', '\r', ' ', ':', '\t', '\0', '0\r\n\r\n', '1\r\na\r\n', ';a="b"', 'http://a', '[::1]', '%'),
  fc.constant('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'),
  message.map(({ wire }) => wire),
  fc.string({ unit: byte, maxLength: 8 }),
)

test('any bytes give events, a refusal, or wait for more: never another error, and the same however cut', () => {
  const small = resolveLimits({ headBytes: 300, targetBytes: 40, fieldCount: 5 })
  fc.assert(
    fc.property(fc.array(noise, { maxLength: 10 }), parts, fc.boolean(), (pieces, places, isSmall) => {
      const bytes = Buffer.from(pieces.join(''), 'latin1')
      const limits = isSmall ? small : undefined
      const log = readMessages(bytes, [], limits)
      expect(readMessages(bytes, cutsIn(bytes.length, places), limits)).toBe(log)
    }),
    { numRuns: 4000 },
  )
})

test('nothing is read beyond the bytes that came: what lies around them changes nothing', () => {
  fc.assert(
    fc.property(
      fc.array(noise, { maxLength: 8 }),
      fc.nat(255),
      fc.constantFrom(0x0a, 0x0d, 0x20, 0x30),
      (pieces, one, other) => {
        const bytes = Buffer.from(pieces.join(''), 'latin1')
        expect(readMessages(bytes, [], undefined, one)).toBe(readMessages(bytes, [], undefined, other))
      },
    ),
    { numRuns: 300 },
  )
})

test('no cut of a valid message is taken for a whole one, and none is refused', () => {
  fc.assert(
    fc.property(message, parts, ({ wire, log }, places) => {
      const bytes = Buffer.from(wire, 'latin1')
      for (const at of cutsIn(bytes.length - 1, places)) {
        const reader = new MessageReader()
        reader.push(bytes.subarray(0, at))
        const got = reader.end()
        expect(got).not.toContain('GYRE')
        if (at > 0) expect(got).toMatch(/waiting for the (?:head|body)$/)
        expect(got).not.toBe(withoutRepeats(log))
      }
    }),
    { numRuns: 500 },
  )
})

/** Reads the head of a response, as strictly as we would have others do. */
function readResponse(text: string): { status: number; reason: string; fields: [string, string][] } {
  expect(text.endsWith('\r\n\r\n')).toBe(true)
  const [line = '', ...lines] = text.slice(0, -4).split('\r\n')
  const parsed = /^HTTP\/1\.1 (\d{3}) ([\t\x20-\x7e\x80-\xff]*)$/.exec(line)
  return {
    status: Number(parsed?.[1]),
    reason: parsed?.[2] ?? '',
    fields: lines.map((each) => {
      const field = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([\t\x20-\x7e\x80-\xff]*)$/.exec(each)
      expect(field, each).not.toBeNull()
      return [field?.[1] ?? '', field?.[2] ?? '']
    }),
  }
}

test('what is written is read back: status, reason and fields, or it is refused', () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom(...Array.from('abZ0 ,;=\t\r\n\0\x7f\xe9')), fc.constant('\u010d\u010a')),
    maxLength: 10,
  })
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.oneof(token, text), text), { maxLength: 5 }),
      fc.option(text, { nil: undefined }),
      fc.integer({ min: 200, max: 599 }),
      fc.constantFrom<'GET' | 'HEAD'>('GET', 'HEAD'),
      fc.option(fc.nat(100), { nil: undefined }),
      fc.boolean(),
      (pairs, reason, status, method, length, keepAlive) => {
        const set = new ResponseFields()
        const kept: [string, string][] = []
        for (const [name, one] of pairs) {
          const isGood = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(one)
          if (isGood) {
            set.append(name, one)
            kept.push([name, one])
          } else expect(() => set.append(name, one)).toThrow(GyreError)
        }
        const plan = {
          method,
          minor: 1,
          status,
          reason,
          fields: set,
          contentType: 'text/plain',
          length,
          keepAlive,
        } as const
        if (reason !== undefined && /[^\t\x20-\x7e\x80-\xff]/.test(reason)) {
          expect(() => responseHead({ ...plan, date: '' })).toThrow('the reason phrase holds')
          return
        }
        const head = readResponse(responseHead({ ...plan, date: 'Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n' }).text)
        expect(head.status).toBe(status)
        if (reason !== undefined) expect(head.reason).toBe(reason)
        const names = new Set(['Date', 'Content-Type', 'Content-Length', 'Transfer-Encoding', 'Connection'])
        expect(head.fields.filter(([name]) => !names.has(name))).toEqual(kept)
      },
    ),
    { numRuns: 2000 },
  )
})
