/*
 * The virtual clock, from outside.
 */
import { expect, test } from 'vitest'
import { LIMITS, createServer, run, sleep, withTimeout } from '../../lib/index.ts'
import { Server } from '../../lib/server/index.ts'
import { VirtualHost, inject, resultOf, runVirtual } from '../../lib/testing/index.ts'

const YEAR = 365 * 24 * 3_600_000

test('a year passes at once, and its clock says so', async () => {
  const time = new VirtualHost()
  const began = performance.now()
  expect(
    await time.run(function* () {
      yield* sleep(YEAR)
      return 'done'
    }),
  ).toBe('done')
  expect(time.elapsed).toBe(YEAR)
  expect(performance.now() - began).toBeLessThan(5000)
})

test('the clock stands still while nobody waits for something of it', async () => {
  const time = new VirtualHost()
  const task = time.kernel.spawn(sleep(10))
  await run(sleep(20))
  expect([time.elapsed, task.state]).toEqual([0, 'ready'])
  time.settle()
  expect([time.elapsed, task.state]).toEqual([10, 'done'])
})

test('promises of the program have their turn before the clock jumps', async () => {
  const time = new VirtualHost()
  const steps: string[] = []
  const chain = async (): Promise<void> => {
    for (let step = 0; step < 50; step++) await Promise.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    steps.push(`promise at ${time.elapsed}`)
  }
  await time.run(function* () {
    void chain()
    yield* sleep(1)
    steps.push(`task at ${time.elapsed}`)
  })
  expect(steps).toEqual(['promise at 0', 'task at 1'])
})

test('what fails is thrown by run, and what nobody waits for is kept', async () => {
  const time = new VirtualHost()
  await expect(time.run(withTimeout(50, sleep(100)))).rejects.toMatchObject({ code: 'GYRE_TIMEOUT' })
  time.kernel.spawn(function* () {
    throw new Error('unseen')
  })
  time.settle()
  expect(time.failures).toMatchObject([{ message: 'unseen' }])
})

test('the wall clock begins with the year 2000', () => {
  const time = new VirtualHost()
  expect(new Date(time.wallTime()).toISOString()).toBe('2000-01-01T00:00:01.000Z')
})

test('runVirtual tells how long it took, resultOf what came out', () => {
  expect(runVirtual(sleep(1234))).toMatchObject({ elapsed: 1234, task: { state: 'done' } })
  expect(
    resultOf(function* () {
      yield* sleep(5)
      return 7
    }),
  ).toBe(7)
  expect(() => resultOf(withTimeout(1, sleep(2)))).toThrow(expect.objectContaining({ code: 'GYRE_TIMEOUT' }))
})

test('a program that never rests is told of', () => {
  const endless = function* () {
    for (;;) yield* sleep(1)
  }
  expect(() => runVirtual(endless)).toThrow(expect.objectContaining({ code: 'GYRE_TASK_MISUSE' }))
})

test('every time of the limits table, in no time: the server ends who dawdles, to the millisecond', async () => {
  const time = new VirtualHost()
  const server = new Server(time.kernel, {}, function* (request, response) {
    response.text(yield* request.text())
  })
  const answer = await inject(server, { method: 'POST', headers: { 'Content-Length': 5 }, body: 'abc' })
  expect([answer.status, time.elapsed]).toEqual([408, LIMITS.bodyIdleTime.value])
})

test('a server that closes waits for its handlers in virtual time', async () => {
  const time = new VirtualHost()
  const server = new Server(time.kernel, { log: false }, function* () {
    yield* sleep(YEAR)
  })
  const answer = inject(server).then(({ status }) => status)
  await time.run(function* () {
    yield* sleep(5)
    yield* server.close()
  })
  expect([await answer, time.elapsed]).toEqual([503, 5 + LIMITS.closeTime.value])
})

test('a server in virtual time and one in real time do not disturb each other', async () => {
  const handler = function* (_request: unknown, response: { text(text: string): void }) {
    yield* sleep(20)
    response.text('x')
  }
  const time = new VirtualHost()
  const real = createServer(handler)
  const [virtual, slow] = await Promise.all([inject(handler, {}, { time }), inject(real)])
  expect([virtual.text(), slow.text(), time.elapsed]).toEqual(['x', 'x', 20])
})
