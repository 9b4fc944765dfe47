/*
 * The checklist, 9.2: what one client can make the server spend, in memory, in processor time and in descriptors.
 * Times of limits are in test/security/pure; floods of connections and descriptors in test/e2e/weight.test.ts.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { Server } from '../../lib/server/index.ts'
import { homeKernel } from '../../lib/io/index.ts'
import { memoryPair } from '../../lib/testing/index.ts'
import { wsgi } from '../../lib/wsgi/index.ts'
import { answers } from '../support/client.ts'
import { besiege, onlyGoodIsLeft, request } from '../support/hostile.ts'
import { cpuTime, startServer } from '../support/process.ts'
import type { ServerProcess } from '../support/process.ts'
import { eventually, serve } from '../support/serve.ts'

const KB = 1024
const MB = 1024 * KB
const GET = request([], '', '/', 'GET')
let started: ServerProcess | undefined
const open: Socket[] = []
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy()
  const one = started
  started = undefined
  await one?.stop()
})

/** Bytes of the heap and of buffers, after a collection. */
function memory(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

describe('D2 CVE-2018-12121: heads', () => {
  test('a head over 16 KB is refused with 431', async () => {
    const site = await besiege()
    const client = await site.connect()
    const text = await client.send(request([`X: ${'y'.repeat(16_400)}`])).end()
    expect(answers(text)).toMatchObject([{ status: 431, headers: { connection: 'close' } }])
    expect(site.server.statistics().limitsHit).toEqual({ headBytes: 1 })
    await site.unharmed()
  })

  test('unfinished ones hold little each, and it is all given back', async () => {
    started = await startServer('(request, response) => { response.text("fine") }', '{ log: false }', {
      flags: ['--max-semi-space-size=1'],
    })
    const { port } = started
    const statistics = (): ReturnType<ServerProcess['statistics']> => (started as ServerProcess).statistics()
    const begin = (count: number): void => {
      for (let at = 0; at < count; at++) {
        const socket = connect({ port, host: '127.0.0.1' })
        socket.on('error', () => undefined)
        socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(900)}`)
        open.push(socket)
      }
    }
    const untilThereAre = async (count: number): Promise<number> => {
      for (let tries = 0; tries < 200; tries++) {
        const { connections, heap } = await statistics()
        if (connections === count) return heap
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
      throw new Error(`there were never ${count} connections`)
    }
    const end = (): void => {
      for (const socket of open.splice(0)) socket.destroy()
    }
    begin(200)
    await untilThereAre(200)
    end()
    const before = await untilThereAre(0)
    const count = 600
    begin(count)
    const each = Math.round(((await untilThereAre(count)) - before) / count)
    const { kind } = (await statistics()).io
    console.info(`a connection of the ${kind} io with 930 bytes of a head: ${each} bytes of heap and buffers`)
    expect(each).toBeLessThan(kind === 'epoll' ? 8 * KB : 30 * KB)
    end()
    expect((await untilThereAre(0)) - before).toBeLessThan(2 * MB)
  })
})

describe('D3 CVE-2024-22019 CVE-2023-39326 CVE-2024-21647: framing without a body', () => {
  const cases: [what: string, opening: string, more: string][] = [
    ['an extension without end', '1;a=', 'x'],
    ['extensions of every chunk', '', `1;${'a'.repeat(1_000)}\r\nx\r\n`],
    ['leading zeros', '', '0'],
    ['chunks of one byte with many zeros', '', '000000000000001\r\nx\r\n'],
  ]
  const all = cases.flatMap(([what, opening, more]) =>
    ['/', '/ignore'].map((path) => [what, path, opening, more] as const),
  )
  test.each(all)('%s, at %s', async (_what, path, opening, more) => {
    const site = await besiege()
    const client = await site.connect({ allowHalfOpen: true })
    client.send(request(['Transfer-Encoding: chunked'], opening, path))
    const piece = more.repeat(Math.ceil((64 * KB) / more.length))
    let sent = 0
    const used = process.cpuUsage()
    for (; sent < 64 * MB && !client.ended; sent += piece.length) {
      client.send(piece)
      await new Promise((resolve) => client.socket.once('drain', resolve).once('close', resolve).once('end', resolve))
    }
    const { user, system } = process.cpuUsage(used)
    // Refused by a few KB; what comes until the client has seen it is dropped unread, and that is bounded too.
    expect(sent).toBeLessThan(32 * MB)
    expect((user + system) / 1_000).toBeLessThan(3_000)
    const [answer] = answers(client.text.length === 0 ? '' : client.text)
    if (answer !== undefined) expect(answer.status).toBe(path === '/' ? 400 : 200)
    client.close()
    await onlyGoodIsLeft(site)
    await site.unharmed()
  })
})

describe('D4 CVE-2025-69229: a million chunks of one byte', () => {
  test('cost what they weigh, and others are served meanwhile', async () => {
    started = await startServer(
      `function* (request, response) { response.text(String(request.method === 'GET' ? 0 : (yield* request.bytes()).length)) }`,
    )
    const { port, child } = started
    let slowest = 0
    const upload = async (count: number): Promise<number> => {
      const used = cpuTime(child.pid)
      const socket = connect({ port, host: '127.0.0.1' })
      let text = ''
      socket.on('data', (bytes) => (text += String(bytes)))
      socket.write(request(['Transfer-Encoding: chunked', 'Connection: close']))
      const piece = Buffer.from('1\r\nx\r\n'.repeat(1_000))
      for (let sent = 0; sent < count; sent += 1_000)
        if (!socket.write(piece)) {
          await new Promise((resolve) => socket.once('drain', resolve))
          const began = performance.now()
          await (await fetch(`http://127.0.0.1:${port}/`)).text()
          slowest = Math.max(slowest, performance.now() - began)
        }
      socket.write('0\r\n\r\n')
      await new Promise((resolve) => socket.once('end', resolve))
      expect(text).toMatch(new RegExp(`${count}$`))
      return cpuTime(child.pid) - used
    }
    await (await fetch(`http://127.0.0.1:${port}/`)).text()
    await upload(100_000)
    slowest = 0
    const quarter = await upload(250_000)
    const whole = await upload(1_000_000)
    console.info(
      `chunks of one byte: 250,000 took ${quarter} ms, 1,000,000 took ${whole} ms; others waited ${slowest.toFixed(0)} ms at most`,
    )
    expect(whole).toBeLessThan(quarter * 12 + 500)
    expect(slowest).toBeLessThan(1_000)
  }, 60_000)
})

describe('D5 CVE-2026-22815 CVE-2022-41717: trailers and names', () => {
  test('trailers are bounded like a head', async () => {
    const site = await besiege()
    const many = Array.from({ length: 101 }, (_, at) => `X-${at}: y\r\n`).join('')
    for (const trailers of [many, `X: ${'y'.repeat(17_000)}\r\n`, `${'x'.repeat(17_000)}: y\r\n`]) {
      const client = await site.connect()
      const text = await client.send(request(['Transfer-Encoding: chunked'], `0\r\n${trailers}\r\n`)).end()
      expect(answers(text)).toMatchObject([{ status: 431 }])
    }
    await site.unharmed()
  })

  test.each(['native', 'WSGI'])('names that never come again are not kept (%s)', async (kind) => {
    const application = wsgi((_environ, startResponse) => {
      startResponse('200 OK', [])
      return []
    })
    const site = await besiege((incoming, response) => {
      if (kind === 'WSGI') return application(incoming, response)
      response.json(Object.keys(incoming.headers.toObject()).length)
    })
    const client = await site.connect()
    const ask = async (from: number, count: number): Promise<void> => {
      for (let at = from; at < from + count; at++) {
        const { length } = client.received
        client.send(request([`X-${at}-${'n'.repeat(14_000)}: y`], '', '/', 'GET'))
        await client.until(() => client.received.length > length)
        client.received = Buffer.alloc(0)
      }
    }
    await ask(0, 50)
    const before = memory()
    await ask(50, 600)
    expect(memory() - before).toBeLessThan(4 * MB)
    await site.unharmed()
  })
})

describe('D8: readers that read nothing', () => {
  test('many that ask for much hold what the limit says', async () => {
    const piece = Buffer.alloc(256 * KB, 'x')
    let written = 0
    const site = await besiege(
      function* (_incoming, response) {
        for (let left = 160; left > 0; left--) {
          yield* response.write(piece)
          written += piece.length
        }
      },
      { limits: { writeStallTime: 10_000, outputTotal: 256 * KB } },
    )
    const before = memory()
    const clients = await Promise.all(Array.from({ length: 10 }, () => site.connect()))
    for (const client of clients) {
      client.socket.pause()
      client.send(GET)
    }
    // Until every handler waits, and no more is written.
    for (let last = -1; last !== written;) {
      last = written
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    const { io, outputHeld, limitsHit } = site.server.statistics()
    expect(outputHeld).toBeLessThanOrEqual(256 * KB)
    // Node holds a write of this size itself: there it is bounded for each connection (SIZES.nodeOutput).
    if (io.kind === 'epoll') expect(limitsHit.outputTotal).toBeGreaterThan(0)
    // Back-pressure reaches the handlers: they have not written what nobody reads.
    expect(written).toBeLessThan(10 * 20 * MB)
    expect(memory() - before).toBeLessThan(100 * MB)
    await site.unharmed()
    for (const client of clients) client.close()
    await onlyGoodIsLeft(site)
  })
})

describe('D9 CVE-2024-49769 CVE-2022-31015: clients that are gone when they are looked at', () => {
  test('neither spin nor leak', async () => {
    started = await startServer(
      '(request, response) => { response.text("fine") }',
      '{ log: false, access: () => undefined }',
    )
    const { port, child } = started
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('fine')
    const before = started.descriptors()
    for (let round = 0; round < 20; round++)
      await Promise.all(
        Array.from(
          { length: 25 },
          (_, at) =>
            new Promise<void>((resolve) => {
              const socket = connect({ port, host: '127.0.0.1' })
              socket.on('error', () => undefined).once('close', () => resolve())
              socket.once('connect', () => {
                if (at % 3 === 0) socket.write(GET)
                if (at % 2 === 0) socket.resetAndDestroy()
                else socket.destroy()
              })
            }),
        ),
      )
    for (let tries = 0; tries < 100 && (await started.statistics()).connections > 1; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20))
    const used = cpuTime(child.pid)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(cpuTime(child.pid) - used).toBeLessThan(100)
    expect(started.descriptors()).toBeLessThanOrEqual(before + 1)
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('fine')
  })
})

describe('D14: floods', () => {
  test('one address cannot take all connections, and is told so', async () => {
    const server = new Server(
      homeKernel(),
      { log: false, limits: { connections: 30, connectionsPerAddress: 10 } },
      (_incoming, response) => response.text('fine'),
    )
    const flood = Array.from({ length: 40 }, () => {
      const [client, serverEnd] = memoryPair()
      Object.assign(serverEnd, { remote: { address: '192.0.2.1', port: 1, family: 'IPv4' } })
      server.serve(serverEnd)
      return client
    })
    expect(server.statistics()).toMatchObject({
      connections: 10,
      rejected: 30,
      limitsHit: { connectionsPerAddress: 30 },
    })
    const into = Buffer.alloc(KB)
    const told = flood.at(-1)
    await eventually(() => told?.readable.ready === true, 'the word to who was turned away')
    expect(into.toString('latin1', 0, told?.tryRead(into, 0, KB))).toMatch(/^HTTP\/1.1 503 /)
    const [, other] = memoryPair()
    Object.assign(other, { remote: { address: '192.0.2.2', port: 1, family: 'IPv4' } })
    server.serve(other)
    expect(server.statistics().connections).toBe(11)
    for (const client of flood) client.close()
    await eventually(() => server.statistics().connections === 1)
    other.close()
    await server.close()
  })

  test.each([
    ['9000000000000000000', 400],
    ['18446744073709551615', 400],
    ['9007199254740992', 400],
    ['9007199254740991', 413],
  ])('Content-Length: %s and no body', async (length, status) => {
    const before = memory()
    const site = await besiege()
    const client = await site.connect()
    expect(answers(await client.send(request([`Content-Length: ${length}`])).end())).toMatchObject([{ status }])
    expect(memory() - before).toBeLessThan(20 * MB)
    await site.unharmed()
  })

  test('a storm of connections that reset at once leaves the good client alone', async () => {
    const { server, port, connect: open } = await serve((_incoming, response) => response.text('fine'))
    const good = await open()
    for (let round = 0; round < 5; round++) {
      for (let at = 0; at < 100; at++) {
        const socket = connect({ port, host: '127.0.0.1' })
        socket.on('error', () => undefined).once('connect', () => socket.resetAndDestroy())
      }
      const seen = good.text.length
      await good.send(GET).until((text) => text.length > seen)
    }
    expect(answers(good.text)).toHaveLength(5)
    await eventually(() => server.statistics().connections === 1)
  })
})
