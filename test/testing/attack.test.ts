/*
 * The bad clients: they find what is wrong, in handlers, servers and at addresses, and nothing where nothing
 * is. Our own server under attack over sockets is in test/server/attack.test.ts.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { createServer, run, sleep } from '../../lib/index.ts'
import type { Handler } from '../../lib/index.ts'
import {
  ATTACKS,
  attack,
  byteAtATime,
  earlyGarbage,
  endlessChunkExtension,
  endlessHead,
  endlessTrailers,
  halfClose,
  oneByteChunks,
  pipelining,
  resetAt,
  slowReader,
  stallAt,
  tlsHelloOnPlainPort,
} from '../../lib/testing/index.ts'
import type { AttackReport, Trial } from '../../lib/testing/index.ts'
import { smugglingCases } from '../../lib/testing/attacks/smuggling-cases.ts'
import { Random } from '../../lib/testing/random.ts'
import { startWeakServer } from '../support/weak-server.ts'
import type { Weakness } from '../support/weak-server.ts'

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

const reading: Handler = function* (request, response) {
  response.text(yield* request.text())
}
const large: Handler = function* (_request, response) {
  for (let piece = 0; piece < 20; piece++) yield* response.write(Buffer.alloc(20_000, 'x'))
}

const names = (report: AttackReport): string[] => report.failures.map(({ name }) => name)

describe('handlers, in memory and in virtual time', () => {
  const handlers: [what: string, handler: Handler][] = [
    ['that reads the body', reading],
    ['that ignores the body', (_request, response) => response.text('x')],
    [
      'that takes its time',
      function* (request, response) {
        yield* sleep(2000)
        response.text(request.path)
      },
    ],
    [
      'that is async, and streams',
      async (request, response) => {
        for await (const chunk of request) await response.write(chunk)
      },
    ],
    [
      'that answers before it reads',
      function* (request, response) {
        yield* response.write('first')
        yield* response.write(yield* request.bytes())
      },
    ],
    ['whose answer is larger than all buffers', large],
    [
      'that refuses POST',
      function* (request, response) {
        if (request.method === 'POST') response.text('no', 405)
      },
    ],
  ]
  test.each(handlers)('one %s stands them all', async (_what, handler) => {
    const report = await attack(handler)
    expect(String(report)).toMatch(/^0 of \d{3} attacks found a fault \(seed 1\)$/)
    expect(report.passed).toBe(true)
  })

  test('every seed, and the same seed gives the same verdicts', async () => {
    for (const seed of [2, 3, 4, 5]) expect(names(await attack(reading, { seed }))).toEqual([])
    const all = async () => (await attack(reading, { seed: 77 })).verdicts
    expect(await all()).toEqual(await all())
  })

  test('one that fails is told apart: limits that are too tight, a handler that never ends', async () => {
    const { passed, why } = await slowReader(large, { server: { limits: { writeStallTime: 1 } } })
    expect([passed, why]).toEqual([false, expect.stringContaining('should have been answered 200')])
    const stuck: Handler = function* (request) {
      if (request.method === 'POST') yield* sleep(1e9)
    }
    const report = await attack(stuck, { only: ['resetAt'], server: { cancelOnDisconnect: false } })
    expect(names(report)).toContain('nothingLeft')
  })
})

test('a server in memory, in its own time; as a task and awaited', async () => {
  const server = createServer({ log: false, limits: { headTime: 50, bodyIdleTime: 50, writeStallTime: 50 } }, reading)
  const report = await run(function* () {
    return yield* attack(server, { patience: 5000, only: ['stallAt', 'earlyGarbage', 'halfClose'] })
  })
  expect(String(report)).toMatch(/^0 of 7 /)
  expect(server.statistics()).toMatchObject({ connections: 0, running: 0 })
})

describe('a weak server', () => {
  const verdict = async (weakness: Weakness, one: (port: number) => Trial) => {
    const { port, stop } = await startWeakServer(weakness)
    stops.push(stop)
    return await one(port)
  }
  const quick = { patience: 400 }
  const cases: [name: string, weakness: Weakness, one: (port: number) => Trial, why: string][] = [
    ['byteAtATime', { packets: true }, (port) => byteAtATime({ port }), 'answered 400'],
    ['stallAt before', {}, (port) => stallAt({ port }, 'beforeFirstByte', quick), 'left open'],
    ['stallAt midHead', {}, (port) => stallAt({ port }, 'midHead', quick), 'left open'],
    ['stallAt midBody', {}, (port) => stallAt({ port }, 'midBody', quick), 'left open'],
    ['stallAt whileReading', {}, (port) => stallAt({ port }, 'whileReading'), 'took 251'],
    ['resetAt', { brittle: true }, (port) => resetAt({ port }, 20), 'others are answered 500'],
    ['halfClose', {}, (port) => halfClose({ port }, quick), 'left open'],
    ['pipelining', { forgetful: true }, (port) => pipelining({ port }, 20, quick), 'left open'],
    ['endlessHead', {}, (port) => endlessHead({ port }, { patience: 10_000 }), 'took 167'],
    ['endlessChunkExtension', {}, (port) => endlessChunkExtension({ port }, { patience: 10_000 }), 'took 167'],
    ['endlessTrailers', {}, (port) => endlessTrailers({ port }, { patience: 10_000 }), 'took 167'],
    ['oneByteChunks', { noChunks: true }, (port) => oneByteChunks({ port }, quick), 'no answer'],
    ['earlyGarbage', {}, (port) => earlyGarbage({ port }, quick), ''],
    ['tlsHelloOnPlainPort', {}, (port) => tlsHelloOnPlainPort({ port }, quick), 'left open'],
  ]
  test.each(cases)('fails %s %j', async (_name, weakness, one, why) => {
    const found = await verdict(weakness, one)
    expect(found).toMatchObject({ passed: false, why: expect.stringContaining(why) as string })
  })

  test('fails nearly all of smuggling, but not what is right', async () => {
    const { port, stop } = await startWeakServer()
    stops.push(stop)
    const report = await attack({ port }, { ...quick, only: ['smuggling'] })
    expect(report.failures.length).toBeGreaterThan(report.verdicts.length * 0.9)
    // It knows no chunks, so it stumbles over right ones as well.
    expect(names(report).filter((name) => /right:(?!.*(chunk|trailer))/.test(name))).toEqual([])
    expect(String(report)).toMatch(/✗ smuggling H1: .*\n {4}answered 200.*\n {4}sent back: HTTP\/1.1 200 X\\r\\n/)
  })

  test('a target that does not answer is a mistake of the caller, and not a finding', async () => {
    const { port, stop } = await startWeakServer()
    stop()
    await expect(attack({ port })).rejects.toMatchObject({
      code: 'GYRE_PEER_GONE',
      message: expect.stringContaining('ECONNREFUSED') as string,
    })
    expect(await byteAtATime({ port })).toMatchObject({
      passed: false,
      why: expect.stringContaining('no connection') as string,
    })
  })
})

test('the cases of smuggling are many, have names of their own, and each hides a request', () => {
  const cases = smugglingCases('localhost', '/', new Random(1, 'x'))
  expect(cases.length).toBeGreaterThan(400)
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
  for (const { must, bytes } of cases)
    if (must !== 'served')
      expect(bytes).toMatch(/GET \/hidden HTTP\/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n$/)
  // Another seed changes spellings only.
  const others = smugglingCases('localhost', '/', new Random(2, 'x'))
  expect(others.map(({ name }) => name)).toEqual(cases.map(({ name }) => name))
  expect(others.map(({ bytes }) => bytes)).not.toEqual(cases.map(({ bytes }) => bytes))
  expect(ATTACKS).toHaveLength(13)
})

test('chance is the same on every machine', () => {
  const random = new Random(1, 'x')
  const numbers = Array.from({ length: 1000 }, () => random.below(10))
  expect(numbers.slice(0, 8)).toMatchInlineSnapshot(`
    [
      7,
      5,
      2,
      5,
      8,
      1,
      4,
      6,
    ]
  `)
  for (let digit = 0; digit < 10; digit++) expect(numbers.filter((one) => one === digit).length).toBeGreaterThan(60)
})
