/*
 * What clients and applications can do to a pool of threads, and what others must not notice of it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { eventually } from '../support/serve.ts'
import { fixture, host, notes, threads } from './support.ts'

const APP = fixture('faults-app.mjs')
const ask = async (url: string): Promise<[number, string]> => {
  const answer = await fetch(url)
  return [answer.status, await answer.text()]
}

/** @returns whether it came true within so many milliseconds */
async function within(milliseconds: number, condition: () => boolean): Promise<boolean> {
  for (const until = performance.now() + milliseconds; performance.now() < until;) {
    if (condition()) return true
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return condition()
}

test('a client that does not read its answer keeps no other from his, once the thread has gone on', async () => {
  const app = threads(APP)
  const { url, connect, server } = await host(app)
  await app.ready
  // Sought: a size of which the operating system takes less than all, and leaves no more than the ring has room for.
  let [least, most] = [100_000, 12_000_000]
  let found = false
  while (!found && most - least > 20_000) {
    const size = Math.floor((least + most) / 2)
    const slow = await connect()
    slow.socket.pause()
    const { requests } = server.statistics()
    slow.send(`GET /stream?${size} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await eventually(() => server.statistics().requests > requests)
    if (await within(1000, () => server.statistics().running === 0)) least = size
    else if (app.statistics().busy > 0) most = size
    else {
      found = true
      expect(await ask(`${url}ok`)).toEqual([200, 'none'])
      expect(server.statistics().running).toBe(1)
      slow.socket.resume()
      expect((await slow.until((text) => text.endsWith('\r\n0\r\n\r\n'))).length).toBeGreaterThan(size)
    }
    slow.close()
    await eventually(() => server.statistics().running === 0 && app.statistics().busy === 0)
  }
  expect(found).toBe(true)
}, 30_000)

test('an error with a message of a megabyte is an error like others', async () => {
  const { url, events } = await host(threads(APP))
  expect((await ask(`${url}large-error`))[0]).toBe(500)
  expect(events[0]?.reason).toMatch(/eeee/)
  expect(await ask(`${url}ok`)).toEqual([200, 'none'])
})

test('the input of a request that is over is not waited for', async () => {
  const { url, connect } = await host(threads(APP))
  const client = await connect()
  client.send('POST /keep-input HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\nConnection: close\r\n\r\n')
  expect(await client.until((text) => text.includes('kept'))).toContain('kept')
  client.close()
  expect(await ask(`${url}use-input`)).toEqual([200, 'GYRE_WSGI_INPUT'])
})

test('clients that leave while they wait give their places in the queue free', async () => {
  const app = threads(APP, { queue: 3 })
  const { url, connect, server } = await host(app)
  await app.ready
  const running = ask(`${url}wait?1500`)
  await eventually(() => app.statistics().busy === 1)
  for (let round = 0; round < 5; round++) {
    const leaving = await Promise.all([connect(), connect()])
    for (const client of leaving) client.send('GET /ok HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => server.statistics().connections === 3)
    for (const client of leaving) client.close()
    await eventually(() => server.statistics().connections === 1)
  }
  expect(app.statistics()).toMatchObject({ waiting: 0, refused: 0 })
  const waiting = [ask(`${url}ok`), ask(`${url}ok`), ask(`${url}ok`)]
  await eventually(() => app.statistics().waiting === 3)
  expect((await ask(`${url}ok`))[0]).toBe(503)
  expect((await Promise.all([running, ...waiting])).map(([status]) => status)).toEqual([200, 200, 200, 200])
})

test('clients that leave at once, whatever their thread was about to do, keep no thread', async () => {
  const app = threads(APP, { threads: 2 })
  const { url, connect, server } = await host(app)
  await app.ready
  for (let round = 0; round < 40; round++) {
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect()))
    for (const client of clients) client.send('POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n')
    await new Promise((resolve) => setImmediate(resolve))
    for (const client of clients) client.socket.resetAndDestroy()
  }
  await eventually(() => server.statistics().connections === 0)
  await eventually(() => app.statistics().busy === 0 && app.statistics().waiting === 0, 'idle threads')
  expect(await ask(`${url}ok`)).toEqual([200, 'none'])
  expect(app.statistics()).toMatchObject({ crashed: 0, timedOut: 0 })
})

test('a thread that dies in the middle of an answer cuts that answer, and no other', async () => {
  const app = threads(APP, { threads: 2 })
  const { url, connect, events } = await host(app)
  await app.ready
  const other = ask(`${url}wait?300`)
  const client = await connect()
  const text = await client.send('GET /crash-later HTTP/1.1\r\nHost: a\r\n\r\n').end()
  expect(text).toMatch(/^HTTP\/1.1 200 /)
  // No fake clean end (W29).
  expect(text).not.toMatch(/0\r\n\r\n$/)
  expect(events.map(({ code }) => code)).toEqual(['GYRE_WSGI_THREAD'])
  expect(await other).toEqual([200, 'waited'])
  await eventually(() => app.statistics().threads === 2)
  expect(app.statistics()).toMatchObject({ crashed: 1, busy: 0 })
})

test('a server that closes while threads are busy cuts them at closeTime, and neither waits for ever', async () => {
  const app = threads(APP, { stopTime: 300 })
  const { url, server } = await host(app, { limits: { closeTime: 200, lastCallTime: 0 } })
  await app.ready
  const running = ask(`${url}wait?60000`).catch(() => [0])
  await eventually(() => app.statistics().busy === 1)
  await server.close()
  expect([0, 503]).toContain((await running)[0])
  await app.close()
  expect(app.statistics().threads).toBe(0)
})

test('one thread is one at a time, also while it is replaced (W30)', async () => {
  const { path, read } = notes()
  const app = threads(APP, { requestsPerThread: 3 })
  const { url } = await host(app)
  while (app.statistics().recycled < 3)
    await Promise.all(Array.from({ length: 6 }, () => ask(`${url}overlap?${encodeURIComponent(path)}`)))
  const words = read().trimEnd().split('\n')
  expect(words.filter((word, at) => word !== (at % 2 === 0 ? 'in' : 'out'))).toEqual([])
})

test('close() lets an application unwind whose client has gone', async () => {
  const { path, read } = notes()
  const app = threads(APP, { stopTime: 5000 })
  const { connect, server } = await host(app)
  const client = await connect()
  client.send(`GET /unwind?${encodeURIComponent(path)} HTTP/1.1\r\nHost: a\r\n\r\n`)
  await client.until((text) => text.includes('begun'))
  client.close()
  await eventually(() => server.statistics().connections === 0)
  await app.close()
  expect(read()).toBe('close\n')
})

test('close() ends when the last answer is out, and not with stopTime', async () => {
  const app = threads(APP, { stopTime: 60_000 })
  const { connect, url } = await host(app)
  await app.ready
  const slow = await connect()
  slow.socket.pause()
  slow.send('GET /stream?4000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await eventually(() => app.statistics().busy === 1)
  const closed = app.close()
  expect((await ask(`${url}ok`))[0]).toBe(503)
  slow.socket.resume()
  expect((await slow.end()).length).toBeGreaterThan(4_000_000)
  await closed
})

test('a process whose threads are closed ends, however long they might have taken to start', async () => {
  const source = `
    import { wsgiThreads } from ${JSON.stringify(new URL('../../dist/wsgi/index.js', import.meta.url).href)}
    const app = wsgiThreads(new URL(${JSON.stringify(APP.href)}), { limits: { threads: 1, startTime: 600_000 } })
    await app.ready
    await app.close()
  `
  const file = `${notes().path}.mjs`
  writeFileSync(file, source)
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'ignore', 'inherit'] })
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [code] = (await once(child, 'exit')) as [number | null]
  clearTimeout(late)
  expect(code).toBe(0)
})
