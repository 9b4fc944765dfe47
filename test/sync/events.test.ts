/*
 * Events and async results: one contract, and what is each one's own.
 */
import { describe, expect, test } from 'vitest'
import { currentTask, giveWay, sleep, withTimeout } from '../../lib/kernel/index.ts'
import type { Operation } from '../../lib/kernel/index.ts'
import { AsyncResult, Event, waitFor } from '../../lib/sync/index.ts'
import type { Waitable } from '../../lib/sync/index.ts'
import { caughtBy } from '../support/caught.ts'
import { resultOf } from '../support/mock-host.ts'

interface Occasion {
  readonly waitable: Waitable
  occur(): void
  wait(): Operation<unknown>
  waiting(): number
}

function anEvent(name: string, make: () => Occasion): void {
  describe(`an event: ${name}`, () => {
    test('wakes all who wait, in order, and lets those pass who come later', () => {
      resultOf(function* () {
        const event = make()
        const woken: number[] = []
        const waiters = [1, 2, 3].map((number) =>
          currentTask().kernel.spawn(function* () {
            yield* event.wait()
            woken.push(number)
          }),
        )
        yield* giveWay()
        expect([event.waiting(), event.waitable.ready]).toEqual([3, false])
        event.occur()
        expect([event.waiting(), event.waitable.ready]).toEqual([0, true])
        for (const waiter of waiters) yield* waiter
        expect(woken).toEqual([1, 2, 3])
        yield* event.wait()
      })
    })

    test('who gives up waiting leaves nothing behind', () => {
      resultOf(function* () {
        const event = make()
        expect(yield* caughtBy(withTimeout(1, event.wait()))).toMatchObject({ code: 'GYRE_TIMEOUT' })
        expect(yield* waitFor([event.waitable], { timeout: 1 })).toEqual([])
        expect(event.waiting()).toBe(0)
        event.occur()
      })
    })

    test('who was woken and then cancelled was woken', () => {
      resultOf(function* () {
        const event = make()
        let woken = false
        const waiter = currentTask().kernel.spawn(function* () {
          yield* event.wait()
          woken = true
          yield* sleep(1)
        })
        yield* giveWay()
        event.occur()
        waiter.cancel()
        yield* sleep(2)
        expect([woken, waiter.state]).toEqual([true, 'cancelled'])
      })
    })
  })
}

anEvent('Event', () => {
  const event = new Event()
  return {
    waitable: event,
    occur: () => event.set(),
    wait: () => event.wait(),
    waiting: () => event.statistics().waiting,
  }
})
anEvent('AsyncResult', () => {
  const result = new AsyncResult<number>()
  return {
    waitable: result,
    occur: () => result.set(1),
    wait: () => result.get(),
    waiting: () => result.statistics().waiting,
  }
})

test('an event can be cleared; who waited when it was set goes on all the same', () => {
  resultOf(function* () {
    const event = new Event()
    const waiter = currentTask().kernel.spawn(event.wait())
    yield* giveWay()
    event.set()
    event.set()
    event.clear()
    yield* waiter
    expect(event.statistics()).toEqual({ set: false, waiting: 0 })
    yield* caughtBy(withTimeout(1, event.wait()))
  })
})

test('an async result brings a value', () => {
  resultOf(function* () {
    const result = new AsyncResult<string>()
    expect(result.tryGet()).toBeUndefined()
    const waiter = currentTask().kernel.spawn(result.get())
    yield* giveWay()
    result.set('bread')
    expect([yield* waiter, yield* result.get(), result.tryGet()]).toEqual(['bread', 'bread', 'bread'])
    expect(result.statistics()).toEqual({ state: 'value', waiting: 0 })
  })
})

test('an async result brings an error, to all who ask', () => {
  resultOf(function* () {
    const result = new AsyncResult<string>()
    const error = new Error('sold out')
    const waiter = currentTask().kernel.spawn(caughtBy(result.get()))
    yield* giveWay()
    result.setError(error)
    expect(yield* waiter).toBe(error)
    expect(yield* caughtBy(result.get())).toBe(error)
    expect(() => result.tryGet()).toThrow(error)
    expect(result.statistics().state).toBe('error')
  })
})

test('an async result is set once', () => {
  const result = new AsyncResult<string>()
  result.set('bread')
  expect(() => result.set('milk')).toThrow('set once')
  expect(() => result.setError(new Error('late'))).toThrow('set once')
  expect(result.tryGet()).toBe('bread')
})
