/*
 * Bodies come whole and unmixed, however they are cut, whatever lies around them, and however they are read.
 */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { giveWay } from '../../lib/kernel/index.ts'
import { BufferedStream, nursery, run, sleep, spawnLater, withScope, writeAll } from '../../lib/index.ts'
import type { Coroutine, Request } from '../../lib/index.ts'
import { Gathered } from '../../lib/server/gathered.ts'
import { memoryPair } from '../../lib/testing/index.ts'
import { answers } from '../support/client.ts'
import { eventually, serve } from '../support/serve.ts'

const sum = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex')

/** Bytes of which no two places look alike; ASCII, so that they are a text as well. */
function pattern(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let at = 0, state = seed + 1; at < size; at++) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    bytes[at] = 97 + ((state >>> 16) % 26)
  }
  return bytes
}

const counted = (path: string, body: Buffer, last: boolean): Buffer =>
  Buffer.concat([head(path, `Content-Length: ${body.length}`, last), body])

function chunked(path: string, body: Buffer, chunk: number, last: boolean): Buffer {
  const parts = [head(path, 'Transfer-Encoding: chunked', last)]
  for (let at = 0; at < body.length; at += chunk) {
    const piece = body.subarray(at, at + chunk)
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from('0\r\nX-Sum: 1\r\n\r\n')])
}

function head(path: string, framing: string, last: boolean): Buffer {
  return Buffer.from(`POST ${path} HTTP/1.1\r\nHost: a\r\n${framing}\r\n${last ? 'Connection: close\r\n' : ''}\r\n`)
}

function* readAs(way: string, request: Request): Coroutine<Buffer> {
  if (way === 'bytes') return yield* request.bytes()
  if (way === 'text') return Buffer.from(yield* request.text())
  if (way === 'later') {
    yield* sleep(1)
    return yield* request.bytes()
  }
  const pieces: Buffer[] = []
  for (let piece; (piece = yield* request.read()) !== null;) pieces.push(piece)
  return Buffer.concat(pieces)
}

const SIZES = [1, 1000, 16_384, 65_536, 131_072, 200_000, 1_000_000]
const WAYS = ['bytes', 'text', 'later', 'pieces']

describe.each(WAYS)('read as %s', (way) => {
  test('bodies of all sizes that lie close together arrive as they were sent', async () => {
    const { exchange } = await serve(function* (request, response) {
      response.text(sum(yield* readAs(way, request)))
    })
    const bodies = SIZES.flatMap((size, index) => [pattern(size, index), pattern(7, index)])
    const sent = bodies.map((body, index) =>
      index % 4 < 2
        ? counted('/', body, index === bodies.length - 1)
        : chunked('/', body, body.length > 100_000 ? 50_000 : 999, index === bodies.length - 1),
    )
    const got = await exchange(Buffer.concat(sent))
    expect(got.map(({ body }) => body)).toEqual(bodies.map(sum))
  })

  test('a body that waits half read is not mixed with those of other connections', async () => {
    const waiting: (() => void)[] = []
    const { connect } = await serve(function* (request, response) {
      if (request.path === '/waits') {
        let released = false
        waiting.push(() => (released = true))
        while (!released) yield* sleep(1)
      }
      response.text(sum(yield* readAs(way, request)))
    })
    // A part of it comes with the head, and lies where others read.
    const slow = await Promise.all([1, 2, 3].map(() => connect({ allowHalfOpen: true })))
    const bodies = slow.map((_, index) => pattern(70_000, index))
    for (const [index, client] of slow.entries())
      client.send(counted('/waits', bodies[index] as Buffer, true).subarray(0, 5_000))
    await eventually(() => waiting.length === 3)
    const quick = await connect({ allowHalfOpen: true })
    const other = pattern(100_000, 9)
    expect(answers(await quick.send(counted('/', other, true)).end())[0]?.body).toBe(sum(other))
    for (const go of waiting) go()
    for (const [index, client] of slow.entries())
      client.send(counted('/waits', bodies[index] as Buffer, true).subarray(5_000))
    for (const [index, client] of slow.entries())
      expect(answers(await client.end())[0]?.body).toBe(sum(bodies[index] as Buffer))
  })
})

test("bytes that were read are the reader's: no later request writes over them", async () => {
  const kept: Buffer[] = []
  const { exchange } = await serve(function* (request, response) {
    kept.push(yield* request.bytes())
    yield* giveWay()
    response.text('ok')
  })
  const bodies = [3_000, 65_536, 100_000, 65_536, 3_000].map((size, index) => pattern(size, index))
  for (const body of bodies) await exchange(counted('/', body, true))
  expect(kept.map(sum)).toEqual(bodies.map(sum))
})

test('a body asked for twice by one and the same reading is read once', async () => {
  const { exchange, events } = await serve(function* (request, response) {
    const reading = request.text()
    const first = yield* reading
    response.text(first)
    yield* reading
  })
  expect(await exchange(counted('/', pattern(5, 1), true))).toMatchObject([{ status: 500 }])
  expect(events).toMatchObject([{ code: 'GYRE_BODY_USED' }])
})

test('a body whose reading whole was broken off is not read on as if it began there', async () => {
  let brokenOff = false
  const { connect, events } = await serve(function* (request, response) {
    yield* withScope(function* (scope) {
      spawnLater(1, function* () {
        scope.cancel('it takes too long')
      })
      yield* request.bytes()
    })
    brokenOff = true
    response.text(String((yield* request.read())?.length))
  })
  const client = await connect()
  client.send(head('/', 'Content-Length: 8', true)).send('1234')
  await eventually(() => brokenOff)
  client.send('5678')
  expect(answers(await client.end())).toMatchObject([{ status: 500 }])
  expect(events).toMatchObject([{ code: 'GYRE_BODY_USED' }])
})

test('two tasks that read the same body get it once between them, and nothing of what follows it', async () => {
  const { server } = await serve(function* (request, response) {
    let size = 0
    const read = function* (): Coroutine<void> {
      for (let piece; (piece = yield* request.read()) !== null;) size += piece.length
    }
    yield* nursery(function* (tasks) {
      for (let count = 0; count < 3; count++) tasks.spawn(read)
    })
    response.text(`${request.path} ${size}`)
  })
  const [client, serverEnd] = memoryPair({ capacity: 2_000_000 })
  const bodies = [262_144, 500_000].map((size, index) => counted(`/${size}`, pattern(size, index), index === 1))
  await run(writeAll(client, Buffer.concat(bodies)))
  server.serve(serverEnd)
  const stream = new BufferedStream(client)
  let text = ''
  for (let piece; (piece = await run(stream.readSome())) !== null;) text += String(piece)
  const got = answers(text)
  expect(got.map(({ body }) => body)).toEqual(['/262144 262144', '/500000 500000'])
})

test('what is announced and does not come takes no memory', async () => {
  const { connect, server } = await serve(
    function* (request, response) {
      response.text(String((yield* request.bytes()).length))
    },
    { limits: { bodyBytes: 8_388_608 } },
  )
  const before = process.memoryUsage().arrayBuffers
  const clients = await Promise.all(Array.from({ length: 32 }, () => connect()))
  for (const client of clients) client.send(head('/', 'Content-Length: 8388608', true)).send('x'.repeat(1_000))
  await eventually(() => server.statistics().requests === 32)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8_388_608)
})

test('a gathered body grows with what comes, never beyond what was announced', () => {
  const whole = new Gathered(8_000_000)
  let largest = 0
  for (let sent = 0; sent < 8_000_000; sent += 1_000) {
    whole.enlarge(1_000)
    whole.size += 1_000
    largest = Math.max(largest, whole.bytes.length / whole.size)
  }
  expect(largest).toBeLessThanOrEqual(16)
  expect(whole.take().length).toBe(8_000_000)
  expect(whole.bytes.length).toBe(8_000_000)
})
