/*
 * Pools: how many run, in which order results come, what a failure or an early end leaves behind.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { currentTask, giveWay, sleep } from '../../lib/kernel/index.ts'
import type { Coroutine } from '../../lib/kernel/index.ts'
import { Pool, each, kill, moveOnAfter } from '../../lib/sync/index.ts'
import { caughtBy } from '../support/caught.ts'
import { resultOf, checkMock } from '../support/mock-host.ts'

test('spawn waits for room, trySpawn refuses', () => {
  const { elapsed } = checkMock(function* () {
    const pool = new Pool(2)
    yield* pool.spawn(sleep(10))
    yield* pool.spawn(sleep(20))
    expect([pool.trySpawn(sleep(1)), pool.size, pool.free]).toEqual([undefined, 2, 0])
    const third = yield* pool.spawn(sleep(5), 'third')
    expect(pool.statistics()).toEqual({ capacity: 2, running: ['pool 2', 'third'], waiting: 0, spawned: 3 })
    expect(third.state).toBe('ready')
    yield* pool.join()
    expect(pool.trySpawn(sleep(1))?.state).toBe('ready')
  })
  expect(elapsed).toBe(21)
})

test('who gives up waiting for room leaves nothing behind, and takes no room', () => {
  resultOf(function* () {
    const pool = new Pool(1)
    yield* pool.spawn(sleep(10))
    yield* moveOnAfter(5, pool.spawn(sleep(100)))
    expect(pool.statistics()).toMatchObject({ waiting: 0, spawned: 1 })
    yield* pool.join()
    expect(pool.free).toBe(1)
  })
})

test('closed, it takes no more, and keeps its room', () => {
  resultOf(function* () {
    const pool = new Pool(1)
    pool.close()
    expect(() => pool.trySpawn(sleep(1))).toThrow('takes no more tasks')
    expect(yield* caughtBy(pool.spawn(sleep(1)))).toMatchObject({ code: 'GYRE_TASK_MISUSE' })
    expect(pool.free).toBe(1)
  })
})

test('room for none is misuse', () => {
  for (const capacity of [0, -1, NaN, 1.5, Infinity]) expect(() => new Pool(capacity)).toThrow(/a pool|a semaphore/)
})

describe('mappings', () => {
  const timed = (log?: string[]) =>
    function* (time: number): Coroutine<number> {
      try {
        yield* sleep(time)
      } finally {
        log?.push(`end ${time}`)
      }
      return time * 10
    }

  test('map gives the results in the order of the items', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 })), fc.integer({ min: 1, max: 5 }), (times, capacity) => {
        resultOf(function* () {
          const pool = new Pool(capacity)
          expect(yield* pool.map(times, timed())).toEqual(times.map((time) => time * 10))
          expect([pool.size, pool.free]).toEqual([0, capacity])
        })
      }),
    )
  })

  test('imap gives them one by one in that order, imapUnordered as they come', () => {
    const { elapsed } = checkMock(function* () {
      const pool = new Pool(3)
      const results: number[] = []
      for (const source of [pool.imap([30, 10, 20], timed()), pool.imapUnordered([30, 10, 20], timed())])
        yield* each(source, function* (result) {
          results.push(result)
        })
      expect(results).toEqual([300, 100, 200, 100, 200, 300])
    })
    expect(elapsed).toBe(60)
  })

  test('keep to the room of the pool, and ask for items only as room comes', () => {
    resultOf(function* () {
      let [asked, running, highest] = [0, 0, 0]
      function* endless(): Generator<number> {
        for (;;) yield asked++
      }
      const pool = new Pool(3)
      const source = pool.imapUnordered(endless(), function* () {
        highest = Math.max(highest, ++running)
        yield* sleep(10)
        running--
      })
      yield* source.next()
      yield* sleep(100)
      // Nobody asks for results: three are at work or unread, one was read.
      expect(asked).toBeLessThanOrEqual(4)
      for (let count = 0; count < 10; count++) yield* source.next()
      yield* source.close()
      expect([highest, pool.size]).toEqual([3, 0])
    })
  })

  test('share a pool that others use, also where it is full', () => {
    const { elapsed } = checkMock(function* () {
      const pool = new Pool(2)
      yield* pool.spawn(sleep(10))
      yield* pool.spawn(sleep(15))
      expect(yield* pool.map([1, 2, 3], timed())).toEqual([10, 20, 30])
    })
    // One after another in the first room that comes, from 10 on.
    expect(elapsed).toBe(16)
  })

  test('the first failure is thrown, the others are cancelled and have cleaned up', () => {
    const log: string[] = []
    const { host } = checkMock(function* () {
      const pool = new Pool(3)
      const work = function* (time: number): Coroutine<number> {
        if (time === 10) {
          yield* sleep(10)
          throw new Error('ten')
        }
        return yield* timed(log)(time)
      }
      expect((yield* caughtBy(pool.map([30, 10, 20, 40], work))).message).toBe('ten')
      expect([pool.size, pool.free]).toEqual([0, 3])
    })
    expect(log.sort()).toEqual(['end 20', 'end 30'])
    expect(host.failures).toEqual([])
  })

  test('failures that nobody reads any more are reported', () => {
    const { host } = checkMock(function* () {
      const pool = new Pool(2)
      const source = pool.imap([1, 2], function* (item): Coroutine<number> {
        yield* sleep(item === 1 ? 10 : 5)
        if (item === 2) throw new Error('unread')
        return item
      })
      expect(yield* source.next()).toEqual({ done: false, value: 1 })
      yield* source.close()
    })
    expect(host.failures.map(String)).toEqual(['Error: unread'])
  })

  test('left early or cancelled, they leave nothing at work', () => {
    resultOf(function* () {
      const pool = new Pool(3)
      const log: string[] = []
      const mapper = currentTask().kernel.spawn(pool.map([10, 20, 30], timed(log)))
      yield* sleep(5)
      yield* kill(mapper)
      expect([pool.size, log]).toEqual([0, ['end 10', 'end 20', 'end 30']])
      let returned = false
      function* items(): Generator<number> {
        try {
          yield* [1, 2, 3, 4, 5]
        } finally {
          returned = true
        }
      }
      const error = yield* caughtBy(
        each(pool.imap(items(), timed()), function* () {
          yield* giveWay()
          throw new Error('enough')
        }),
      )
      expect([error.message, pool.size, returned]).toEqual(['enough', 0, true])
    })
  })

  test('an item asked for and then not run, because the wait for room was given up, is not lost', () => {
    resultOf(function* () {
      const pool = new Pool(1)
      yield* pool.spawn(sleep(20))
      const source = pool.imap([1, 2], timed())
      expect(yield* moveOnAfter(5, source.next())).toBeUndefined()
      expect(yield* source.next()).toEqual({ done: false, value: 10 })
      expect(yield* source.next()).toEqual({ done: false, value: 20 })
      expect(yield* source.next()).toEqual({ done: true, value: undefined })
    })
  })
})
