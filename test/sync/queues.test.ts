/*
 * Queues and channels: the common contract, and what is each one's own.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { currentTask, giveWay, nursery, sleep } from '../../lib/kernel/index.ts'
import { Channel, LifoQueue, PriorityQueue, Queue, each } from '../../lib/sync/index.ts'
import { caughtBy } from '../support/caught.ts'
import { resultOf } from '../support/mock-host.ts'
import { aQueue } from './contracts/a-queue.ts'
import type { Handing } from './contracts/a-queue.ts'

const ascending = (one: number, other: number): number => one - other

type AnyQueue = Queue<number> | LifoQueue<number> | PriorityQueue<number>

function handing(queue: AnyQueue): Handing {
  return {
    source: queue,
    put: (item) => queue.put(item),
    tryPut: (item) => queue.tryPut(item),
    get: () => queue.get(),
    tryGet: () => queue.tryGet(),
    shutdown: () => void queue.shutdown(),
    counts() {
      const { putting, getting, size } = queue.statistics()
      return { putting, getting, size }
    },
  }
}

function meeting(channel: Channel<number>): Handing {
  return {
    source: channel,
    put: (item) => channel.send(item),
    tryPut: (item) => channel.trySend(item),
    get: () => channel.receive(),
    tryGet: () => channel.tryReceive(),
    shutdown: () => channel.shutdown(),
    counts() {
      const { sending, receiving } = channel.statistics()
      return { putting: sending, getting: receiving, size: 0 }
    },
  }
}

aQueue('Queue of one', () => handing(new Queue(1)), 1)
aQueue('Queue of three', () => handing(new Queue(3)), 3)
aQueue('LifoQueue', () => handing(new LifoQueue(2)), 2)
aQueue('PriorityQueue', () => handing(new PriorityQueue(ascending, 2)), 2)
aQueue('Channel', () => meeting(new Channel()), 0)

describe('orders', () => {
  const taken = (queue: AnyQueue, items: readonly number[]): number[] => {
    for (const item of items) queue.tryPut(item)
    return items.map(() => queue.tryGet() as number)
  }

  test('first in first out, also over many rounds', () => {
    const items = Array.from({ length: 1000 }, (_, index) => index)
    expect(taken(new Queue(), items)).toEqual(items)
    const queue = new Queue<number>()
    let [next, expected] = [0, 0]
    for (let round = 0; round < 300; round++) {
      for (let count = round % 7; count >= 0; count--) queue.tryPut(next++)
      for (let count = round % 5; count >= 0 && queue.size > 0; count--) expect(queue.tryGet()).toBe(expected++)
    }
    expect(queue.shutdown({ immediate: true })).toEqual(
      Array.from({ length: next - expected }, (_, index) => expected + index),
    )
  })

  test('last in first out', () => {
    expect(taken(new LifoQueue(), [1, 2, 3])).toEqual([3, 2, 1])
  })

  test('by priority, equals in the order in which they came', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 5 }), fc.nat())), (items) => {
        const queue = new PriorityQueue<[number, number]>((one, other) => one[0] - other[0])
        for (const item of items) queue.tryPut(item)
        const sorted = [...items].sort((one, other) => one[0] - other[0])
        expect(items.map(() => queue.tryGet())).toEqual(sorted)
      }),
    )
  })
})

describe('join', () => {
  test('waits until the work on every item is done', () => {
    resultOf(function* () {
      const queue = new Queue<number>()
      let done = 0
      yield* nursery(function* (children) {
        for (let worker = 0; worker < 2; worker++)
          children.spawn(
            each(queue, function* () {
              yield* sleep(10)
              done++
              queue.taskDone()
            }),
          )
        for (let item = 0; item < 5; item++) yield* queue.put(item)
        expect(queue.statistics().unfinished).toBe(5)
        yield* queue.join()
        expect([done, queue.statistics().unfinished]).toEqual([5, 0])
        queue.shutdown()
      })
    })
  })

  test('does not wait for an item whose giver gave up, nor for those that a shutdown drops', () => {
    resultOf(function* () {
      const queue = new Queue<number>(1)
      yield* queue.put(1)
      const giver = currentTask().kernel.spawn(queue.put(2))
      yield* giveWay()
      giver.cancel()
      expect(queue.statistics().unfinished).toBe(1)
      const joiner = currentTask().kernel.spawn(queue.join())
      yield* giveWay()
      expect(queue.shutdown({ immediate: true })).toEqual([1])
      yield* joiner
    })
  })

  test('taskDone too often is misuse', () => {
    expect(() => new Queue().taskDone()).toThrow('called more often than items were put')
  })
})

test('shut down at once drops what is in it, also after a draining shutdown', () => {
  resultOf(function* () {
    const queue = new Queue<string>()
    queue.tryPut('a')
    queue.shutdown()
    expect([queue.closed, queue.size]).toEqual([true, 1])
    expect(queue.shutdown({ immediate: true })).toEqual(['a'])
    expect(yield* caughtBy(queue.get())).toMatchObject({ code: 'GYRE_QUEUE_CLOSED', status: 503 })
  })
})

test('using shuts down', () => {
  const kept: { queue?: Queue<number>; channel?: Channel<number> } = {}
  {
    using queue = new Queue<number>()
    using channel = new Channel<number>()
    Object.assign(kept, { queue, channel })
  }
  expect([kept.queue?.closed, kept.channel?.closed]).toEqual([true, true])
})

test('a capacity that is none is misuse', () => {
  for (const capacity of [0, -1, 1.5, NaN]) expect(() => new Queue(capacity)).toThrow('capacity of a queue')
})

test('a hundred thousand waiters are served in reasonable time', () => {
  resultOf(function* () {
    const queue = new Queue<number>()
    const { kernel } = currentTask()
    const takers = Array.from({ length: 100_000 }, () => kernel.spawn(queue.get()))
    yield* giveWay()
    const began = performance.now()
    for (let item = 0; item < takers.length; item++) queue.tryPut(item)
    // Quadratic would be several seconds.
    expect(performance.now() - began).toBeLessThan(1500)
    let sum = 0
    for (const taker of takers) sum += yield* taker
    expect(sum).toBe(4_999_950_000)
  })
})
