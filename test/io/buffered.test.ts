/*
 * Buffered streams and copies, over streams in memory: whatever pieces the bytes come in, and whenever a
 * read is cancelled.
 */
import { describe, expect, test } from 'vitest'
import { BufferedStream, END, WOULD_WAIT, copy, readSome, writeAll } from '../../lib/io/index.ts'
import { currentTask, nursery, sleep, withTimeout } from '../../lib/kernel/index.ts'
import type { Coroutine, Operation } from '../../lib/kernel/index.ts'
import { all, kill } from '../../lib/sync/index.ts'
import { memoryPair } from '../../lib/testing/index.ts'
import type { MemoryPairOptions } from '../../lib/testing/index.ts'
import { caughtBy } from '../support/caught.ts'
import { checkMock, resultOf } from '../support/mock-host.ts'

/** Reads what was sent and ended, in pieces of every size. */
function reads<T>(text: string, work: (stream: BufferedStream) => Operation<T>): T {
  const results = [1, 2, 3, 5, 1000].map((cut) => {
    const [client, server] = memoryPair({ cut })
    return resultOf(() =>
      all({
        write: function* () {
          yield* writeAll(client, Buffer.from(text))
          client.shutdown()
        },
        read: work(new BufferedStream(server)),
      }),
    ).read
  })
  for (const result of results) expect(result).toEqual(results[0])
  return results[0] as T
}

const sent = (options?: MemoryPairOptions): [client: BufferedStream, server: BufferedStream] => {
  const [client, server] = memoryPair(options)
  return [new BufferedStream(client), new BufferedStream(server)]
}

describe('reading', () => {
  test('lines, with either end, and the last one without', () => {
    const lines = reads('one\ntwo\r\n\r\nthr\ree\nlast', function* (stream) {
      const found: (string | null)[] = []
      do found.push(yield* stream.readLine())
      while (found.at(-1) !== null)
      return found
    })
    expect(lines).toEqual(['one', 'two', '', 'thr\ree', 'last', null])
  })

  test('a line of UTF-8 that is cut within a character', () => {
    expect(reads('grüße\n', (stream) => stream.readLine())).toBe('grüße')
  })

  test('a line may be as long as its limit, with its end, and no longer', () => {
    expect(reads('1234\nx', (stream) => stream.readLine(5))).toBe('1234')
    const error = reads('12345\nx', function* (stream) {
      const caught = yield* caughtBy(stream.readLine(5))
      return { caught, rest: yield* stream.readLine(6) }
    })
    expect(error).toMatchObject({ caught: { code: 'GYRE_READ_LIMIT' }, rest: '12345' })
  })

  test('up to a separator, also one that is cut, or that begins like itself', () => {
    const found = reads('a-b--c---END', function* (stream) {
      return [
        yield* stream.readUntil('--'),
        yield* stream.readUntil(Buffer.from('--E')),
        yield* stream.readSome(1),
      ].map(String)
    })
    expect(found).toEqual(['a-b--', 'c---E', 'N'])
  })

  test('the end before the separator is an error, and what came is still there', () => {
    const found = reads('no separator', function* (stream) {
      const error = yield* caughtBy(stream.readUntil('|'))
      return { error, rest: (yield* stream.readExactly(12)).toString(), end: yield* stream.readSome() }
    })
    expect(found).toMatchObject({ error: { code: 'GYRE_STREAM_ENDED' }, rest: 'no separator', end: null })
  })

  test('so many bytes; none; fewer than asked for', () => {
    const found = reads('abcdefg', function* (stream) {
      const [none, five] = [yield* stream.readExactly(0), yield* stream.readExactly(5)]
      const error = yield* caughtBy(stream.readExactly(3))
      return { none: none.length, five: five.toString(), error, rest: String(yield* stream.readExactly(2)) }
    })
    expect(found).toMatchObject({ none: 0, five: 'abcde', error: { code: 'GYRE_STREAM_ENDED' }, rest: 'fg' })
  })

  test('what was returned is never written over', () => {
    const text = Array.from({ length: 400 }, (_, index) => `line ${index}`)
    const kept = reads(`${text.join('\n')}\n`, function* (stream) {
      const found: Buffer[] = []
      for (let left = text.length; left > 0; left--) found.push(yield* stream.readUntil('\n'))
      return found.map((line) => line.toString().trimEnd())
    })
    expect(kept).toEqual(text)
  })

  test('what makes no sense is refused', () => {
    const [client] = sent()
    for (const wrong of [client.readExactly(-1), client.readExactly(1.5), client.readUntil('')])
      expect(resultOf(() => caughtBy(wrong))).toMatchObject({ code: 'GYRE_BAD_OPTION' })
  })

  test('a read that is cancelled loses nothing', () => {
    const [client, server] = sent()
    const found = resultOf(function* () {
      yield* client.writeAll('half a li')
      const errors = [
        yield* caughtBy(withTimeout(5, server.readLine())),
        yield* caughtBy(withTimeout(5, server.readExactly(20))),
        yield* caughtBy(withTimeout(5, server.readUntil('|'))),
      ]
      yield* client.writeAll('ne\n')
      return { codes: errors.map((error) => (error as Error & { code: string }).code), line: yield* server.readLine() }
    })
    expect(found).toEqual({ codes: ['GYRE_TIMEOUT', 'GYRE_TIMEOUT', 'GYRE_TIMEOUT'], line: 'half a line' })
  })

  test('a long search is linear: a megabyte without a separator, in small pieces', () => {
    const size = 1_000_000
    const [client, server] = sent({ cut: 100 })
    const begin = process.cpuUsage()
    checkMock(() =>
      all([
        client.writeAll(`${'x'.repeat(size)}\n`),
        function* () {
          expect((yield* server.readUntil('\n', Infinity)).length).toBe(size + 1)
        },
      ]),
    )
    // Searching anew each time would look at five thousand million bytes.
    expect(process.cpuUsage(begin).user).toBeLessThan(3_000_000)
  })
})

describe('as a stream', () => {
  test('it gives what it holds first, and is what is beneath in all else', () => {
    const [client, server] = sent()
    resultOf(function* () {
      yield* client.writeAll('line\nrest')
      expect(yield* server.readLine()).toBe('line')
      expect(server.unread).toBe(4)
      const into = Buffer.alloc(10)
      expect(server.tryRead(into, 2, 5)).toBe(3)
      expect(into.toString('latin1', 2, 5)).toBe('res')
      expect(yield* readSome(server, into)).toBe(1)
      expect(server.tryRead(into, 0, 10)).toBe(WOULD_WAIT)
      client.shutdown()
      expect(server.tryRead(into, 0, 10)).toBe(END)
    })
    expect([server.kind, server.tls, server.peerEnded, server.remote]).toEqual(['memory', null, true, client.local])
    server.close()
    expect(server.closed).toBe(true)
  })

  test('a closed one says so, also with bytes left', () => {
    const [client, server] = sent()
    const error = resultOf(function* () {
      yield* client.writeAll('line\nrest')
      yield* server.readLine()
      server.close()
      return yield* caughtBy(readSome(server, Buffer.alloc(10)))
    })
    expect(error).toMatchObject({ code: 'GYRE_STREAM_CLOSED' })
  })

  test('closes at the end of its block', () => {
    const [, inner] = memoryPair()
    {
      using stream = new BufferedStream(inner)
      expect(stream.closed).toBe(false)
    }
    expect(inner.closed).toBe(true)
  })
})

describe('writing', () => {
  test('what several tasks write at the same time stays whole', () => {
    const [client, server] = sent({ capacity: 7 })
    const words = ['aaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbb', 'cccccccccccccccccc']
    const lines = resultOf(function* () {
      return yield* nursery(function* (children) {
        for (const word of words) children.spawn(client.writeAll(`${word}\n`))
        const found: (string | null)[] = []
        for (let left = words.length; left > 0; left--) found.push(yield* server.readLine())
        return found
      })
    })
    expect(lines).toEqual(words)
  })

  test('write() takes what there is room for, and waits for some', () => {
    const [client, server] = sent({ capacity: 4 })
    const counts = resultOf(() =>
      nursery(function* (children) {
        children.spawn(function* () {
          yield* sleep(5)
          yield* server.readExactly(4)
        })
        return [yield* client.write(Buffer.from('abcdef')), yield* client.write(new Uint8Array([1, 2]))]
      }),
    )
    expect(counts).toEqual([4, 2])
  })
})

describe('copying', () => {
  test('to the end, held bytes first, and neither side is closed', () => {
    const [client, from] = sent()
    const [to, sink] = sent()
    const found = resultOf(() =>
      all({
        count: function* () {
          yield* client.writeAll('head\nbody')
          client.shutdown()
          expect(yield* from.readLine()).toBe('head')
          const count = yield* copy(from, to)
          to.shutdown()
          return count
        },
        body: function* () {
          return String(yield* sink.readExactly(4))
        },
      }),
    )
    expect(found).toEqual({ count: 4, body: 'body' })
    expect([from.closed, to.closed]).toEqual([false, false])
  })

  test('a slow reader slows the sender: no more is taken than fits', () => {
    const [client, from] = sent({ capacity: 1000 })
    const [to, sink] = sent({ capacity: 1000 })
    let written = 0
    resultOf(function* () {
      const source = currentTask().kernel.spawn(function* () {
        for (;;) written += yield* client.write(Buffer.alloc(100))
      })
      const copying = currentTask().kernel.spawn(copy(from, to))
      yield* sleep(50)
      const before = written
      // What is on its way on either side, and one piece in between.
      expect(before).toBeLessThanOrEqual(3000)
      yield* sink.readExactly(500)
      yield* sleep(50)
      expect(written - before).toBeGreaterThan(0)
      yield* kill(copying)
      yield* kill(source)
    })
  })

  test('bytes are the same, and other tasks have their turns', () => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251))
    const [client, from] = sent({ cut: 999 })
    const [to, sink] = sent({ capacity: 70_000 })
    let turns = 0
    const { got } = resultOf(() =>
      all({
        source: function* () {
          yield* client.writeAll(bytes)
          client.shutdown()
        },
        copying: function* () {
          yield* copy(from, to)
          expect(turns).toBe(5)
          to.shutdown()
        },
        got: function* (): Coroutine<Buffer> {
          return yield* sink.readExactly(bytes.length)
        },
        other: function* () {
          for (; turns < 5; turns++) yield* sleep(0)
        },
      }),
    )
    expect(got.equals(bytes)).toBe(true)
  })

  test('a peer that goes ends it', () => {
    const [client, from] = sent()
    const [to, sink] = sent()
    const error = resultOf(function* () {
      sink.reset()
      yield* client.writeAll('x')
      return yield* caughtBy(copy(from, to))
    })
    expect(error).toMatchObject({ code: 'GYRE_PEER_GONE' })
  })
})
