/*
 * The generator way: waits between chunks, and what is thrown in where the application stands.
 */
import { describe, expect, test } from 'vitest'
import { Event, nursery, shield, sleep, spawn } from '../../lib/index.ts'
import { inject } from '../../lib/testing/index.ts'
import { wsgiGenerator } from '../../lib/wsgi/index.ts'
import type { StartResponse, TaskEnviron, WsgiTaskApp } from '../../lib/wsgi/index.ts'
import { eventually, serve } from '../support/serve.ts'

const TEXT = [['Content-Type', 'text/plain']] as const
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const text = async (app: WsgiTaskApp, request = {}): Promise<string> =>
  (await inject(wsgiGenerator(app), request)).text()

describe('waits', () => {
  test('between chunks: only its own request waits', async () => {
    const gate = new Event()
    const app = wsgiGenerator(function* (environ: TaskEnviron, start: StartResponse) {
      start('200 OK', TEXT)
      yield bytes('one ')
      if (environ.PATH_INFO === '/wait') yield* gate.wait()
      else gate.set()
      yield bytes('two')
    })
    const { connect, exchange } = await serve(app)
    const client = await connect()
    client.send('GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(await client.until((got) => got.includes('one '))).not.toContain('two')
    expect((await exchange('GET /go HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))[0]?.body).toBe('one two')
    expect(await client.end()).toContain('two')
  })

  test('before start_response, and of any operation: tasks, nurseries, errors that are caught', async () => {
    const app: WsgiTaskApp = function* (_environ, start) {
      yield* sleep(1)
      const squares: number[] = []
      yield* nursery(function* (children) {
        for (const value of [1, 2, 3])
          children.spawn(function* () {
            yield* sleep(4 - value)
            squares.push(value * value)
          })
      })
      let caught = ''
      try {
        yield* spawn(function* () {
          yield* sleep(1)
          throw new Error('of a task')
        })
      } catch (error) {
        caught = (error as Error).message
      }
      start('200 OK', TEXT)
      yield bytes(`${squares.join()} ${caught}`)
    }
    expect(await text(app)).toBe('9,4,1 of a task')
  })

  test('reads are waited for, and see the body as it comes', async () => {
    const seen: string[] = []
    const { connect } = await serve(
      wsgiGenerator(function* (environ, start) {
        const input = environ['wsgi.input']
        for (let line; (line = yield* input.readline()).length > 0;) seen.push(String(line))
        start('200 OK', TEXT)
        yield bytes(`${seen.length} ${environ.CONTENT_LENGTH ?? ''}`)
      }),
    )
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nConnection: close\r\n\r\nab\nc')
    await eventually(() => seen.length === 1)
    client.send('d\nefg')
    expect(await client.end()).toMatch(/3 9\r\n0\r\n\r\n$/)
    expect(seen).toEqual(['ab\n', 'cd\n', 'efg'])
  })

  test('a body in chunks is gathered, so that its length is known', async () => {
    const app: WsgiTaskApp = function* (environ, start) {
      start('200 OK', TEXT)
      yield bytes(`${environ.CONTENT_LENGTH ?? ''} `)
      yield yield* environ['wsgi.input'].read()
    }
    expect(await text(app, { method: 'POST', body: ['abc', 'def'] })).toBe('6 abcdef')
  })

  test('each() hands lines to a function, which may wait', async () => {
    const app: WsgiTaskApp = function* (environ, start) {
      const lines: string[] = []
      yield* environ['wsgi.input'].each(function* (line) {
        yield* sleep(1)
        lines.push(line.toString().trim())
      })
      start('200 OK', TEXT)
      yield bytes(lines.join())
    }
    expect(await text(app, { method: 'POST', body: 'a\nb\nc' })).toBe('a,b,c')
  })

  test('a plain application that waits for nothing is served as inline serves it', async () => {
    const answer = await inject(
      wsgiGenerator((_environ, start) => {
        start('200 OK', TEXT)
        return [bytes('plain')]
      }),
    )
    expect([answer.text(), answer.headers.get('content-length')]).toEqual(['plain', '5'])
  })
})

describe('ends', () => {
  async function leave(app: (log: string[]) => WsgiTaskApp): Promise<string[]> {
    const log: string[] = []
    const { connect, server } = await serve(wsgiGenerator(app(log)))
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until((got) => got.includes('\r\n\r\n'))
    client.close()
    await eventually(() => server.statistics().connections === 0)
    return log
  }

  test('a client that goes is thrown in where the application waits, and its cleanup may wait', async () => {
    const log = await leave(
      (notes) =>
        function* (_environ, start) {
          start('200 OK', TEXT)
          yield bytes('begun')
          try {
            yield* sleep(60_000)
          } catch (error) {
            notes.push((error as { code: string }).code)
            throw error
          } finally {
            yield* shield(sleep(5))
            notes.push('cleaned')
          }
        },
    )
    expect(log).toEqual(['GYRE_CANCELLED', 'cleaned'])
  })

  test('and where it yields a chunk', async () => {
    const log = await leave(
      (notes) =>
        function* (_environ, start) {
          start('200 OK', TEXT)
          try {
            for (;;) yield Buffer.alloc(100_000)
          } finally {
            yield* shield(sleep(1))
            notes.push('cleaned')
          }
        },
    )
    expect(log).toEqual(['cleaned'])
  })

  test('one that will not end is left after some words', async () => {
    let words = 0
    await leave(
      () =>
        function* (_environ, start) {
          start('200 OK', TEXT)
          for (;;) {
            try {
              yield Buffer.alloc(100_000)
            } catch {
              words++
            } finally {
              words++
              yield Buffer.alloc(1)
            }
          }
        },
    )
    expect(words).toBeLessThan(100)
  })

  test('a close of its own is called once', async () => {
    let closed = 0
    const { exchange } = await serve(
      wsgiGenerator((_environ, start) => {
        start('200 OK', TEXT)
        return {
          *[Symbol.iterator]() {
            yield* sleep(1)
            throw new Error('of the application')
          },
          close: () => {
            closed++
          },
        }
      }),
    )
    expect((await exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))[0]?.status).toBe(500)
    expect(closed).toBe(1)
  })

  test('an error of the cleanup does not hide the one that came first', async () => {
    const { exchange, events } = await serve(
      wsgiGenerator(function* (_environ, start) {
        start('200 OK', TEXT)
        try {
          yield 'no bytes' as never
        } finally {
          yield* sleep(1)

          throw new Error('second')
        }
      }),
    )
    expect((await exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))[0]?.status).toBe(500)
    expect(events[0]?.code).toBe('GYRE_WSGI_CHUNK')
  })

  test('what is neither a chunk nor a wait is an error', async () => {
    const answer = await inject(
      wsgiGenerator(function* (_environ, start) {
        start('200 OK', TEXT)
        yield 'text' as never
      }),
      {},
      { server: { log: false } },
    )
    expect(answer.status).toBe(500)
  })
})
