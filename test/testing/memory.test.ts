/*
 * What memory streams do beyond the contract of every byte stream (test/contracts), and their recorder.
 */
import { describe, expect, test } from 'vitest'
import { END, WOULD_WAIT, readSome, writeAll } from '../../lib/io/index.ts'
import type { ByteStream } from '../../lib/io/index.ts'
import { createServer, run } from '../../lib/index.ts'
import { memoryPair, record } from '../../lib/testing/index.ts'

const write = (stream: ByteStream, text: string): number => stream.tryWrite(Buffer.from(text), 0, text.length)

function read(stream: ByteStream, size = 100): string | number {
  const into = Buffer.alloc(size)
  const count = stream.tryRead(into, 0, size)
  return count > 0 ? into.toString('latin1', 0, count) : count
}

describe('a memory pair', () => {
  test('takes as much as its capacity, and more when some was read', () => {
    const [client, server] = memoryPair({ capacity: 4 })
    expect(write(client, 'abcdef')).toBe(4)
    expect(write(client, 'ef')).toBe(WOULD_WAIT)
    expect(client.writable.ready).toBe(false)
    expect(read(server, 1)).toBe('a')
    expect(client.writable.ready).toBe(true)
    expect(write(client, 'ef')).toBe(1)
    expect(read(server)).toBe('bcde')
  })

  test('is cut as it is told to: by a number, or by a function for each read', () => {
    const [client, server] = memoryPair({ cut: 2 })
    write(client, 'abcde')
    expect([read(server), read(server), read(server), read(server)]).toEqual(['ab', 'cd', 'e', WOULD_WAIT])
    let size = 0
    const [one, other] = memoryPair({ cut: () => ++size })
    write(one, 'abcdef')
    expect([read(other), read(other), read(other)]).toEqual(['a', 'bc', 'def'])
    expect(() => memoryPair({ cut: 0 })).toThrow(expect.objectContaining({ code: 'GYRE_BAD_OPTION' }))
    expect(() => memoryPair({ capacity: 0 })).toThrow(expect.objectContaining({ code: 'GYRE_BAD_OPTION' }))
  })

  test('half closed: one side ends, the other goes on', () => {
    const [client, server] = memoryPair()
    write(client, 'x')
    client.shutdown()
    expect([read(server), read(server)]).toEqual(['x', END])
    write(server, 'y')
    expect(read(client)).toBe('y')
    expect(() => write(client, 'z')).toThrow(expect.objectContaining({ code: 'GYRE_PEER_GONE' }))
  })

  test('a reset loses what was not read', () => {
    const [client, server] = memoryPair()
    const told: boolean[] = []
    server.watcher = { hungUp: (broken) => told.push(broken) }
    write(client, 'lost')
    client.reset()
    expect(told).toEqual([true])
    expect(() => read(server)).toThrow(expect.objectContaining({ code: 'GYRE_PEER_GONE' }))
  })

  test('closing with unread bytes is a reset; closing without is an end', () => {
    const [client, server] = memoryPair()
    write(client, 'unread')
    write(server, 'answer')
    server.close()
    expect(() => read(client)).toThrow(expect.objectContaining({ code: 'GYRE_PEER_GONE' }))
    const [other, end] = memoryPair()
    write(end, 'answer')
    end.close()
    expect([read(other), read(other)]).toEqual(['answer', END])
  })

  test('writing to one who has closed is answered by a reset, which the next try finds', () => {
    const [client, server] = memoryPair()
    server.close()
    expect(write(client, 'x')).toBe(1)
    expect(() => write(client, 'y')).toThrow(expect.objectContaining({ code: 'GYRE_PEER_GONE' }))
  })
})

describe('a recorder', () => {
  test('keeps what a server and a client said, however it was cut', async () => {
    const server = createServer(function* (request, response) {
      response.headers.set('Date', 'now')
      response.text(yield* request.text())
    })
    for (const cut of [1, 3, 1000]) {
      const [client, serverEnd] = memoryPair({ cut })
      const recorder = record(client)
      server.serve(serverEnd)
      await run(function* () {
        const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi'
        yield* writeAll(recorder, Buffer.from(request))
        while ((yield* readSome(recorder, Buffer.alloc(100))) !== END);
        recorder.shutdown()
        recorder.close()
      })
      expect(recorder.lines).toEqual([
        '> POST / HTTP/1.1',
        '> Host: a',
        '> Content-Length: 2',
        '> Connection: close',
        '> ',
        '> hi…',
        '< HTTP/1.1 200 OK',
        '< Content-Type: text/plain; charset=utf-8',
        '< Date: now',
        '< Content-Length: 2',
        '< Connection: close',
        '< ',
        '< hi…',
        'ended',
        'shutdown',
        'closed',
      ])
    }
  })

  test('shows what cannot be seen, and how a connection broke', () => {
    const [client, server] = memoryPair()
    const recorder = record(client)
    write(recorder, 'a\nb\0\t\r\n\x7f\\')
    server.reset()
    expect(() => read(recorder)).toThrow()
    expect(() => read(recorder)).toThrow()
    recorder.reset()
    expect(recorder.lines).toEqual(['> a\\nb\\x00\\t', '> \\x7f\\\\…', 'gone', 'reset'])
  })
})
