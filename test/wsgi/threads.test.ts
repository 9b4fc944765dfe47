/*
 * The threads way: what blocks, what is ended, what is replaced, and what others notice of it.
 */
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/serve.ts'
import { builtWsgi, fixture, host, notes, threads } from './support.ts'

const APP = fixture('thread-app.mjs')
const ask = async (url: string): Promise<[number, string]> => {
  const answer = await fetch(url)
  return [answer.status, await answer.text()]
}

describe('what blocks only its thread', () => {
  test('a read waits for a body that is large and comes slowly, and others are served meanwhile', async () => {
    const { path, read } = notes()
    const app = threads(APP, { threads: 2 })
    const { connect, url } = await host(app)
    const client = await connect()
    client.send(
      `POST /count?${encodeURIComponent(path)} HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\nConnection: close\r\n\r\nhello`,
    )
    await eventually(() => read() === 'first hello\n', 'the first read')
    expect(app.statistics().busy).toBe(1)
    expect(await ask(`${url}thread`)).toEqual([200, expect.stringContaining('"way":"threads"')])
    client.send('x'.repeat(199_995))
    expect(await client.end()).toMatch(/\r\n\r\n200000$/)
  })

  test('write() waits for a client that does not read', async () => {
    const { path, read } = notes()
    const { connect, url } = await host(threads(APP, { threads: 2 }))
    const client = await connect()
    client.socket.pause()
    client.send(`GET /flood?${encodeURIComponent(path)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    await eventually(() => read().length > 0)
    let before = -1
    // It stands still when two looks, with a request of another client between them, see the same.
    await eventually(() => {
      const now = read().length
      const still = now === before
      before = now
      return still
    })
    expect((await ask(`${url}thread`))[0]).toBe(200)
    expect(before).toBeLessThan(200)
    client.socket.resume()
    expect((await client.end()).length).toBeGreaterThan(20_000_000)
  })

  test('a thread that computes for two seconds leaves the loop to native requests', async () => {
    const app = threads(APP)
    const { url } = await host((request, response) =>
      request.path === '/native' ? response.text('native') : app(request, response),
    )
    await app.ready
    const computed = ask(`${url}compute?2000`)
    let over = false
    void computed.then(() => (over = true))
    const times: number[] = []
    while (!over) {
      const from = performance.now()
      await ask(`${url}native`)
      times.push(performance.now() - from)
    }
    expect(await computed).toEqual([200, 'computed'])
    times.sort((one, other) => one - other)
    // The aim is 20 ms on a machine of its own; a loop that stood still would show 2,000.
    expect(times[Math.floor(times.length * 0.99)]).toBeLessThan(200)
    expect(times.length).toBeGreaterThan(50)
  })

  test('bodies of all sizes come back whole, by length and in chunks', async () => {
    const { url } = await host(threads(APP, { threads: 2 }))
    for (const size of [0, 1, 32_768, 32_769, 65_536, 70_000, 900_000]) {
      const body = Buffer.alloc(size, 'abcdefghij')
      for (const stream of [false, true]) {
        const sent = stream ? new Blob([body]).stream() : body
        const answer = await fetch(`${url}echo`, { method: 'POST', body: sent, duplex: 'half' })
        expect(Buffer.from(await answer.arrayBuffer()).equals(body)).toBe(true)
      }
    }
  })
})

describe('ends', () => {
  test('a request that takes too long ends its thread, which is replaced', async () => {
    // Longer than a thread takes to start, which the request after it waits for.
    const app = threads(APP, { requestTime: 3000 })
    const { url, events } = await host(app)
    const [, before] = await ask(`${url}thread`)
    expect((await ask(`${url}forever`))[0]).toBe(504)
    expect(events.at(-1)).toMatchObject({
      code: 'GYRE_WSGI_TIMEOUT',
      reason: expect.stringContaining('GET /forever') as string,
    })
    const [status, after] = await ask(`${url}thread`)
    expect(status).toBe(200)
    expect((JSON.parse(after) as { threadId: number }).threadId).not.toBe(
      (JSON.parse(before) as { threadId: number }).threadId,
    )
    expect(app.statistics()).toMatchObject({ threads: 1, timedOut: 1, crashed: 0 })
  })

  test('the time that a request waits for its client does not count', async () => {
    const { connect } = await host(threads(APP, { requestTime: 400 }))
    const client = await connect()
    client.send('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\nConnection: close\r\n\r\n')
    const began = performance.now()
    client.send('x'.repeat(10_000))
    await eventually(() => performance.now() - began > 1000)
    client.send('x'.repeat(30_000))
    expect(await client.end()).toMatch(/^HTTP\/1.1 200/)
  })

  test.each([
    ['/exit', 'it has ended itself'],
    ['/memory', 'memory limit'],
  ])('a thread that dies over %s is answered with 502, told with the request, and replaced', async (path, why) => {
    const app = threads(APP, { threadMemory: 33_554_432 })
    const { url, events } = await host(app)
    expect((await ask(`${url}${path.slice(1)}`))[0]).toBe(502)
    expect(events.at(-1)).toMatchObject({
      code: 'GYRE_WSGI_THREAD',
      reason: expect.stringContaining(`GET ${path}`) as string,
    })
    expect(events.at(-1)?.reason).toContain(why)
    expect((await ask(`${url}thread`))[0]).toBe(200)
    expect(app.statistics().crashed).toBe(1)
  })

  test('after so many requests a thread is replaced, and nothing is refused meanwhile', async () => {
    const app = threads(APP, { requestsPerThread: 10 })
    const { url } = await host(app)
    const ids = new Set<number>()
    for (let count = 0; app.statistics().recycled < 2 || ids.size < 3; count++) {
      const [status, text] = await ask(`${url}thread`)
      expect(status).toBe(200)
      ids.add((JSON.parse(text) as { threadId: number }).threadId)
      expect(count).toBeLessThan(2000)
    }
  })

  test('a full queue is answered with 503 and Retry-After', async () => {
    const app = threads(APP, { queue: 1 })
    const { url } = await host(app)
    await app.ready
    const first = ask(`${url}wait?500`)
    await eventually(() => app.statistics().busy === 1)
    const second = ask(`${url}thread`)
    await eventually(() => app.statistics().waiting === 1)
    const third = await fetch(`${url}thread`)
    expect([third.status, third.headers.get('retry-after')]).toEqual([503, '1'])
    expect((await first)[0]).toBe(200)
    expect((await second)[0]).toBe(200)
    expect(app.statistics().refused).toBe(1)
  })

  test('who waits in the queue for requestTime is answered with 503, and his request is not worked on', async () => {
    const app = threads(APP, { requestTime: 300 })
    const { url } = await host(app)
    await app.ready
    const busy = ask(`${url}forever`)
    await eventually(() => app.statistics().busy === 1)
    const waiting = await fetch(`${url}exit`)
    expect([503, 502]).toContain(waiting.status)
    expect((await busy)[0]).toBe(504)
  })

  test('close() lets what runs end, then ends the threads; later requests get 503', async () => {
    const app = threads(APP, { stopTime: 5000 })
    const { url } = await host(app)
    await app.ready
    const running = ask(`${url}wait?300`)
    await eventually(() => app.statistics().busy === 1)
    await app.close()
    expect(await running).toEqual([200, 'waited'])
    expect(app.statistics().threads).toBe(0)
    expect((await ask(`${url}thread`))[0]).toBe(503)
  })
})

describe('the start', () => {
  test.each([
    ['broken-app.mjs', 'broken while it loads'],
    ['no-app.mjs', 'no default export'],
    ['none.mjs', 'none.mjs'],
  ])('of %s fails once, and requests are told', async (name, why) => {
    const app = threads(fixture(name), { threads: 2 })
    await expect(app.ready).rejects.toMatchObject({
      code: 'GYRE_WSGI_MODULE',
      message: expect.stringContaining(why) as string,
    })
    const { url, events } = await host(app)
    expect((await ask(`${url}thread`))[0]).toBe(500)
    expect(events[0]?.code).toBe('GYRE_WSGI_MODULE')
    await eventually(() => app.statistics().threads === 0)
  })

  test('options are checked where they are written', () => {
    expect(() => builtWsgi.wsgiThreads('./app.js' as never)).toThrow(/URL/)
    expect(() => builtWsgi.wsgiThreads(APP, { limits: { threads: 0 } })).toThrow(/threads/)
    expect(() => builtWsgi.wsgiThreads(APP, { limits: { thread: 1 } as never })).toThrow(/there are/)
  })

  test('what it tells the application is true', async () => {
    for (const count of [1, 2]) {
      const { url } = await host(threads(APP, { threads: count }))
      expect(JSON.parse((await ask(`${url}thread`))[1])).toMatchObject({ multithread: count > 1, way: 'threads' })
    }
  })
})
