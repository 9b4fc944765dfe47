/*
 * The contract of what hands items from task to task: each item to one taker, takers and givers in the
 * order in which they came, and no item lost or doubled by a cancel, wherever it comes.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { currentTask, giveWay, nursery, sleep, withTimeout } from '../../../lib/kernel/index.ts'
import type { Coroutine, Operation, Task } from '../../../lib/kernel/index.ts'
import { each, killAll, waitFor } from '../../../lib/sync/index.ts'
import type { Source, Waitable } from '../../../lib/sync/index.ts'
import { caughtBy } from '../../support/caught.ts'
import { resultOf, checkMock } from '../../support/mock-host.ts'

/** A queue or a channel, under one set of names. */
export interface Handing {
  readonly source: Source<number> & Waitable & AsyncIterable<number>
  put(item: number): Operation<void>
  tryPut(item: number): boolean
  get(): Operation<number>
  tryGet(): number | undefined
  shutdown(): void
  /** Givers and takers that wait, and items that are kept. */
  counts(): { readonly putting: number; readonly getting: number; readonly size: number }
}

type Step =
  | { readonly do: 'put' | 'get' | 'tryPut' | 'tryGet' | 'look' }
  | { readonly do: 'putWithin' | 'getWithin' | 'sleep'; readonly time: number }
  | { readonly do: 'cancel'; readonly whom: number }

const time = fc.integer({ min: 0, max: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('put' as const, 'get' as const) }),
  fc.record({ do: fc.constantFrom('tryPut' as const, 'tryGet' as const, 'look' as const) }),
  fc.record({ do: fc.constantFrom('putWithin' as const, 'getWithin' as const, 'sleep' as const), time }),
  fc.record({ do: fc.constant('cancel' as const), whom: fc.nat({ max: 7 }) }),
)
const program = fc.array(fc.array(step, { maxLength: 8 }), { minLength: 2, maxLength: 8 })

const numeric = (items: readonly number[]): number[] => [...items].sort((one, other) => one - other)

/** @param capacity - how many items fit */
export function aQueue(name: string, make: () => Handing, capacity: number): void {
  const spawn = <T>(work: () => Operation<T>): Task<T> => currentTask().kernel.spawn(work)

  describe(`a queue: ${name}`, () => {
    test('hands every item to one taker', () => {
      const got: number[] = []
      checkMock(function* () {
        const queue = make()
        yield* nursery(function* (children) {
          for (const from of [0, 100])
            children.spawn(function* () {
              for (let index = 0; index < 50; index++) yield* queue.put(from + index)
            })
          for (let taker = 0; taker < 4; taker++)
            children.spawn(function* () {
              for (let count = 0; count < 25; count++) got.push(yield* queue.get())
            })
        })
        expect(queue.counts()).toEqual({ putting: 0, getting: 0, size: 0 })
      })
      const expected = Array.from({ length: 50 }, (_, index) => [index, 100 + index]).flat()
      expect(numeric(got)).toEqual(numeric(expected))
    })

    test('takers have their turns in the order in which they came', () => {
      const order: string[] = []
      checkMock(function* () {
        const queue = make()
        const takers = ['a', 'b', 'c'].map((who) =>
          spawn(function* () {
            order.push(`${who}${yield* queue.get()}`)
          }),
        )
        yield* giveWay()
        // The first item is spoken for: who comes now does not get it.
        expect(queue.tryPut(1)).toBe(true)
        expect(queue.tryGet()).toBeUndefined()
        for (const item of [2, 3]) yield* queue.put(item)
        for (const taker of takers) yield* taker
      })
      expect(order).toEqual(['a1', 'b2', 'c3'])
    })

    test('givers have their turns in the order in which they came, and wait while it is full', () => {
      const order: number[] = []
      checkMock(function* () {
        const queue = make()
        yield* nursery(function* (children) {
          for (let item = 0; item < capacity + 3; item++)
            children.spawn(function* () {
              yield* queue.put(item)
              order.push(item)
            })
          yield* sleep(1)
          expect(queue.counts()).toEqual({ putting: 3, getting: 0, size: capacity })
          expect(queue.tryPut(99)).toBe(false)
          for (let left = capacity + 3; left > 0; left--) {
            yield* queue.get()
            yield* giveWay()
          }
        })
      })
      expect(order).toEqual(Array.from({ length: capacity + 3 }, (_, item) => item))
    })

    test('an item handed over and its taker cancelled in the same step: the taker has it', () => {
      resultOf(function* () {
        const queue = make()
        const got: number[] = []
        const taker = spawn(function* () {
          got.push(yield* queue.get())
          yield* sleep(1)
          got.push(-1)
        })
        yield* giveWay()
        queue.tryPut(7)
        taker.cancel()
        yield* sleep(5)
        expect([got, taker.state, queue.tryGet()]).toEqual([[7], 'cancelled', undefined])
      })
    })

    test('a taker that is cancelled is not in line: the item goes to the next', () => {
      resultOf(function* () {
        const queue = make()
        const first = spawn(() => queue.get())
        const second = spawn(() => queue.get())
        yield* giveWay()
        first.cancel()
        queue.tryPut(7)
        expect(yield* second).toBe(7)
        expect(queue.counts()).toEqual({ putting: 0, getting: 0, size: 0 })
      })
    })

    test('the item of a giver that is cancelled is not put', () => {
      resultOf(function* () {
        const queue = make()
        for (let item = 0; item < capacity; item++) yield* queue.put(item)
        const giver = spawn(() => queue.put(99))
        yield* giveWay()
        expect(queue.counts().putting).toBe(1)
        giver.cancel()
        expect(queue.counts().putting).toBe(0)
        for (let left = capacity; left > 0; left--) expect(yield* queue.get()).not.toBe(99)
        expect(queue.tryGet()).toBeUndefined()
      })
    })

    test('a time limit on either side leaves nothing behind', () => {
      resultOf(function* () {
        const queue = make()
        expect(yield* caughtBy(withTimeout(1, queue.get()))).toMatchObject({ code: 'GYRE_TIMEOUT' })
        for (let item = 0; item < capacity; item++) yield* queue.put(item)
        expect(yield* caughtBy(withTimeout(1, queue.put(99)))).toMatchObject({ code: 'GYRE_TIMEOUT' })
        expect(queue.counts()).toEqual({ putting: 0, getting: 0, size: capacity })
      })
    })

    test('shut down, it refuses givers, lets takers have what is in it, and then says so', () => {
      resultOf(function* () {
        const queue = make()
        for (let item = 0; item < capacity; item++) yield* queue.put(item)
        const giver = spawn(() => caughtBy(queue.put(99)))
        yield* giveWay()
        queue.shutdown()
        expect(yield* giver).toMatchObject({ code: 'GYRE_QUEUE_CLOSED' })
        expect(() => queue.tryPut(1)).toThrow('shut down')
        expect(yield* caughtBy(queue.put(1))).toMatchObject({ code: 'GYRE_QUEUE_CLOSED' })
        for (let left = capacity; left > 0; left--) yield* queue.get()
        expect(yield* caughtBy(queue.get())).toMatchObject({ code: 'GYRE_QUEUE_CLOSED' })
        expect(yield* queue.source.next()).toEqual({ done: true, value: undefined })
        queue.shutdown()
      })
    })

    test('shut down while takers wait, it tells all of them', () => {
      resultOf(function* () {
        const queue = make()
        const getting = spawn(() => caughtBy(queue.get()))
        const looping = spawn(() => queue.source.next())
        yield* giveWay()
        queue.shutdown()
        expect(yield* getting).toMatchObject({ code: 'GYRE_QUEUE_CLOSED' })
        expect(yield* looping).toEqual({ done: true, value: undefined })
      })
    })

    test('each loops over it until it is shut down and empty', () => {
      resultOf(function* () {
        const queue = make()
        const seen: number[] = []
        const loop = spawn(() =>
          each(queue.source, function* (item) {
            seen.push(item)
            yield* sleep(1)
          }),
        )
        for (const item of [1, 2, 3]) yield* queue.put(item)
        queue.shutdown()
        yield* loop
        expect(numeric(seen)).toEqual([1, 2, 3])
      })
    })

    test('for await takes its turn among tasks, and leaves no place behind when it is left', async () => {
      const queue = make()
      const iterator = queue.source[Symbol.asyncIterator]()
      const first = iterator.next()
      expect(queue.counts().getting).toBe(1)
      expect(queue.tryPut(7)).toBe(true)
      expect(await first).toEqual({ done: false, value: 7 })
      const second = iterator.next()
      await iterator.return?.()
      expect(await second).toEqual({ done: true, value: undefined })
      expect(queue.counts().getting).toBe(0)
      const seen: number[] = []
      const loop = (async () => {
        for await (const item of queue.source) seen.push(item)
      })()
      expect(queue.tryPut(8)).toBe(true)
      queue.shutdown()
      await loop
      expect(seen).toEqual([8])
    })

    test('can be waited for together with others, which takes nothing out of it', () => {
      resultOf(function* () {
        const [one, other] = [make(), make()]
        const waiting = spawn(() => waitFor([one.source, other.source], { count: 1 }))
        yield* giveWay()
        const giver = spawn(() => other.put(5))
        const ready = yield* waiting
        expect([ready.length, ready[0] === other.source]).toEqual([1, true])
        expect(other.tryGet()).toBe(5)
        yield* giver
        expect([one.counts().getting, other.counts().getting]).toEqual([0, 0])
      })
    })

    test('random programs with cancels neither lose nor double an item', () => {
      fc.assert(
        fc.property(program, (tasks) => {
          resultOf(function* () {
            const queue = make()
            const running: Task[] = []
            const [given, taken]: [number[], number[]] = [[], []]
            let item = 0
            function* put(next: number): Coroutine<void> {
              yield* queue.put(next)
              given.push(next)
            }
            function* get(): Coroutine<void> {
              taken.push(yield* queue.get())
            }
            function* follow(steps: readonly Step[]): Coroutine<void> {
              for (const one of steps) yield* take(one)
            }
            function* take(one: Step): Coroutine<void> {
              if (one.do === 'put') return yield* put(item++)
              if (one.do === 'get') return yield* get()
              if (one.do === 'sleep') return yield* sleep(one.time)
              if (one.do === 'look') {
                yield* waitFor([queue.source], { timeout: 1 })
                return
              }
              if (one.do === 'cancel') return running[one.whom]?.cancel()
              if (one.do === 'tryPut') {
                if (queue.tryPut(item)) given.push(item++)
                return
              }
              if (one.do === 'tryGet') {
                const got = queue.tryGet()
                if (got !== undefined) taken.push(got)
                return
              }
              if (!('time' in one)) return
              try {
                yield* withTimeout(one.time, one.do === 'putWithin' ? put(item++) : get())
              } catch (error) {
                if ((error as { code?: string }).code !== 'GYRE_TIMEOUT') throw error
              }
            }
            for (const steps of tasks) running.push(spawn(() => follow(steps)))
            yield* sleep(100)
            const waiting = running.filter(({ ended }) => !ended)
            const { putting, getting, size } = queue.counts()
            expect(putting + getting).toBe(waiting.length)
            // Nobody waits for what is there.
            expect(putting === 0 || size === capacity).toBe(true)
            expect(getting === 0 || (size === 0 && putting === 0)).toBe(true)
            for (const outcome of yield* killAll(running)) if (outcome.state === 'failed') throw outcome.error
            expect(queue.counts()).toEqual({ putting: 0, getting: 0, size })
            for (let left = queue.tryGet(); left !== undefined; left = queue.tryGet()) taken.push(left)
            expect(numeric(taken)).toEqual(numeric(given))
          })
        }),
        { numRuns: 400 },
      )
    })
  })
}
