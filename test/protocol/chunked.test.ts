/*
 * The decoder of chunked bodies: what it gives, what it costs, and that llhttp reads the same in what it takes.
 */
import fc from 'fast-check'
import { TYPE, createParser } from 'llhttp-wasm'
import { describe, expect, test } from 'vitest'
import { resolveLimits } from '../../lib/base/index.ts'
import { ChunkedDecoder, ResponseFields, chunkHead, input, lastChunk } from '../../lib/protocol/index.ts'

interface Decoded {
  body: string
  trailers: string[] | null
  rest: number
}

/** Decodes text that comes in pieces of a size. */
function decode(text: string, size = text.length, decoder = new ChunkedDecoder()): Decoded {
  const bytes = Buffer.from(text, 'latin1')
  let body = ''
  let at = 0
  while (at < bytes.length && !decoder.done) {
    const length = bytes.copy(input.bytes, 0, at, at + size)
    at += decoder.decode(0, length)
    body += decoder.take()?.toString('latin1') ?? ''
  }
  decoder.release()
  return { body, trailers: decoder.trailers?.toRaw() ?? null, rest: bytes.length - at }
}

describe('what it gives', () => {
  test('trailers are null before the end, and fields of their own from then on', () => {
    const decoder = new ChunkedDecoder()
    const size = input.bytes.write('1\r\na\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\nGET')
    expect(decoder.decode(0, 20)).toBe(20)
    expect([decoder.done, decoder.trailers]).toEqual([false, null])
    expect(decoder.decode(20, size)).toBe(size - 20 - 3)
    expect(decoder.done).toBe(true)
    expect(decoder.trailers?.get('X-SUM')).toBe('1, 2')
    expect(decoder.trailers?.toObject()).toEqual(Object.assign(Object.create(null) as object, { 'x-sum': '1, 2' }))
  })

  test('where there are none, they are empty and not null', () => {
    expect(decode('0\r\n\r\n')).toEqual({ body: '', trailers: [], rest: 0 })
  })

  test('what was decoded is a copy: the input area may be written over', () => {
    const decoder = new ChunkedDecoder()
    decoder.decode(0, input.bytes.write('14\r\n12345678901234567890\r\n2\r\nab\r\n'))
    const piece = decoder.take()
    input.bytes.fill('x', 0, 100)
    expect(String(piece)).toBe('12345678901234567890ab')
    expect(decoder.take()).toBeNull()
  })

  test('after the end no byte is taken', () => {
    const decoder = new ChunkedDecoder()
    const size = input.bytes.write('0\r\n\r\n')
    expect([decoder.decode(0, size), decoder.decode(0, size)]).toEqual([5, 0])
  })

  test('a chunk larger than the input area', () => {
    const data = 'x'.repeat(200_000)
    expect(decode(`30d40\r\n${data}\r\n0\r\n\r\n`, 65_536).body).toBe(data)
  })

  test('limits are those that were given', () => {
    const limits = resolveLimits({ headBytes: 20, fieldCount: 1 })
    const attempt = (text: string) => () => decode(text, text.length, new ChunkedDecoder(limits))
    expect(attempt('0\r\nA: 1\r\n\r\n')).not.toThrow()
    expect(attempt('0\r\nA: 1\r\nB: 2\r\n\r\n')).toThrow('more than 1 trailer fields')
    expect(attempt(`0\r\nA: ${'1'.repeat(20)}\r\n\r\n`)).toThrow('more than 20 bytes of trailer fields')
  })
})

test('what we write we read: chunks and trailers', () => {
  const trailers = new ResponseFields()
  trailers.append('X-Sum', '1')
  trailers.append('X-Sum', '2')
  trailers.append('Server-Timing', 'db;dur=53')
  expect(decode(`${chunkHead(26)}abcdefghijklmnopqrstuvwxyz\r\n${lastChunk(trailers)}GET`)).toEqual({
    body: 'abcdefghijklmnopqrstuvwxyz',
    trailers: ['X-Sum', '1', 'X-Sum', '2', 'Server-Timing', 'db;dur=53'],
    rest: 3,
  })
})

describe('lastChunk', () => {
  test('without fields it is the plain one', () => {
    expect(lastChunk(new ResponseFields())).toBe('0\r\n\r\n')
  })

  test.each(['Content-Length', 'transfer-encoding', 'Trailer', 'Set-Cookie', 'Host', 'Content-Type', 'LOCATION'])(
    '%s is refused (RFC 9110 6.5.1)',
    (name) => {
      const fields = new ResponseFields()
      fields.set(name, '1')
      expect(() => lastChunk(fields)).toThrow(expect.objectContaining({ code: 'GYRE_BAD_HEADER' }) as Error)
    },
  )
})

describe('the cost is bounded and linear (D3, D4, D5)', () => {
  /** Milliseconds of processor time, the least of several goes. */
  function cost(text: string, size: number): number {
    let least = Infinity
    for (let round = 0; round < 4; round++) {
      const before = process.cpuUsage()
      decode(text, size)
      const { user, system } = process.cpuUsage(before)
      least = Math.min(least, (user + system) / 1000)
    }
    return least
  }

  test('one-byte chunks', () => {
    const chunks = (count: number): string => `${'1\r\nx\r\n'.repeat(count)}0\r\n\r\n`
    expect(cost(chunks(200_000), 65_536)).toBeLessThan(cost(chunks(50_000), 65_536) * 12 + 20)
  })

  test('trailers byte by byte', () => {
    const trailers = (size: number): string => `0\r\nA: ${'b'.repeat(size)}\r\n\r\n`
    expect(cost(trailers(16_000), 1)).toBeLessThan(cost(trailers(4_000), 1) * 12 + 20)
  })

  test('extensions may be as long as the body in all, and no longer', () => {
    const chunk = (size: number): string => `${size.toString(16)};${'a'.repeat(999)}\r\n${'x'.repeat(size)}\r\n`
    expect(() => decode(`${chunk(1000).repeat(100)}0\r\n\r\n`)).not.toThrow()
    expect(() => decode(`${chunk(500).repeat(100)}0\r\n\r\n`)).toThrow('the extensions of the chunks are too long')
  })

  test('framing out of proportion to the body is refused, however it comes', () => {
    const text = `${'0000000000000001\r\nx\r\n'.repeat(2_000)}0\r\n\r\n`
    expect(() => decode(text)).toThrow('too much chunk framing')
    expect(() => decode(text, 1)).toThrow('too much chunk framing')
    expect(decode(`${'1\r\nx\r\n'.repeat(20_000)}0\r\n\r\n`, 65_536).body).toHaveLength(20_000)
  })
})

describe('beside llhttp', () => {
  /** What llhttp makes of a chunked body: its bytes; undefined where it refuses it or wants more. */
  function readByLlhttp(text: string): string | undefined {
    const parser = createParser(TYPE['REQUEST'] as number)
    let body = ''
    let ended = 0
    parser.onBody = (data) => {
      body += Buffer.from(data).toString('latin1')
      return 0
    }
    parser.onMessageComplete = () => {
      ended++
      return 0
    }
    parser.execute(Buffer.from('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'))
    const result = parser.execute(Buffer.from(text, 'latin1'))
    parser.destroy()
    return result === 0 && ended === 1 ? body : undefined
  }

  const piece = fc.oneof(
    fc.constantFrom(
      '0\r\n',
      '1\r\na\r\n',
      '2\r\nab\r\n',
      '\r\n',
      '\r',
      '\n',
      '0\r\n\r\n',
      ';a',
      ';a=b',
      ';a="b"',
      '5',
      ' ',
    ),
    fc.constantFrom('A: b\r\n', 'Content-Length: 1\r\n', 'a', '1;a\r\nx\r\n', '00', 'f', ';', '=', '"', '\\', '\x7f'),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 3 }),
  )

  test('whatever we take, llhttp takes, and reads the same body', () => {
    let taken = 0
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.integer({ min: 1, max: 9 }), (pieces, size) => {
        const text = `${pieces.join('')}0\r\n\r\n`
        let ours: Decoded | undefined
        try {
          ours = decode(text, size)
        } catch {
          return
        }
        if (ours.trailers === null) return
        taken++
        expect(readByLlhttp(text.slice(0, text.length - ours.rest))).toBe(ours.body)
      }),
      { numRuns: 4000 },
    )
    expect(taken).toBeGreaterThan(200)
  })
})
