/*
 * The contract of everything that is acquired and released, a given number of times at once: order, no
 * barging, and cancels at every place where they can come.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { currentTask, giveWay, nursery, sleep, withTimeout } from '../../../lib/kernel/index.ts'
import type { Coroutine, Task } from '../../../lib/kernel/index.ts'
import { hold, holding, killAll } from '../../../lib/sync/index.ts'
import type { Holdable } from '../../../lib/sync/index.ts'
import { resultOf, checkMock } from '../../support/mock-host.ts'

export interface Acquirable extends Holdable {
  tryAcquire(): boolean
}

export interface SemaphoreKind<A extends Acquirable> {
  readonly name: string
  readonly make: (permits: number) => A
  /** Tasks that wait, and permits that are taken. */
  readonly waiting: (object: A) => number
  readonly taken: (object: A) => number
}

/** What a task of a random program does next. */
type Step =
  | { readonly do: 'hold' | 'try' | 'sleep'; readonly time: number }
  | { readonly do: 'holdWithin'; readonly time: number; readonly limit: number }
  | { readonly do: 'cancel'; readonly whom: number }

const time = fc.integer({ min: 0, max: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('hold' as const, 'try' as const, 'sleep' as const), time }),
  fc.record({ do: fc.constant('holdWithin' as const), time, limit: time }),
  fc.record({ do: fc.constant('cancel' as const), whom: fc.nat({ max: 7 }) }),
)
const program = fc.array(fc.array(step, { maxLength: 6 }), { minLength: 1, maxLength: 8 })

/** @param most - permits of the largest object that can be made */
export function aSemaphore<A extends Acquirable>({ name, make, waiting, taken }: SemaphoreKind<A>, most: number): void {
  describe(`a semaphore: ${name}`, () => {
    test('lets as many in as it has permits, and the rest when they leave', () => {
      let inside = 0
      let highest = 0
      const { elapsed } = checkMock(function* () {
        const object = make(most)
        yield* nursery(function* (children) {
          for (let index = 0; index < most * 3; index++)
            children.spawn(
              holding(object, function* () {
                highest = Math.max(highest, ++inside)
                yield* sleep(10)
                inside--
              }),
            )
        })
        expect(taken(object)).toBe(0)
      })
      expect(highest).toBe(most)
      expect(elapsed).toBe(30)
    })

    test('serves in the order of asking, and nobody barges in', () => {
      const order: string[] = []
      checkMock(function* () {
        const object = make(1)
        function* visitor(who: string): Coroutine<void> {
          yield* object.acquire()
          order.push(who)
          yield* giveWay()
          object.release()
          // The permit belongs to the next in line already, though that has not run yet.
          if (waiting(object) > 0 && object.tryAcquire()) order.push(`${who} barged in`)
        }
        yield* nursery(function* (children) {
          for (const who of ['a', 'b', 'c', 'd']) children.spawn(visitor(who))
        })
      })
      expect(order).toEqual(['a', 'b', 'c', 'd'])
    })

    test('tryAcquire never waits', () => {
      resultOf(function* () {
        const object = make(1)
        expect(object.tryAcquire()).toBe(true)
        const other = currentTask().kernel.spawn(function* () {
          return object.tryAcquire()
        })
        expect(yield* other).toBe(false)
        object.release()
        expect(object.tryAcquire()).toBe(true)
      })
    })

    test('who is cancelled while it waits leaves the line, and the next is served', () => {
      resultOf(function* () {
        const object = make(1)
        const { kernel } = currentTask()
        yield* object.acquire()
        const first = kernel.spawn(holding(object, sleep(1)))
        const second = kernel.spawn(holding(object, sleep(1)))
        yield* giveWay()
        expect(waiting(object)).toBe(2)
        first.cancel()
        expect(waiting(object)).toBe(1)
        object.release()
        yield* second
        expect([waiting(object), taken(object)]).toEqual([0, 0])
      })
    })

    test('handed over and cancelled in the same step, the permit is not lost', () => {
      resultOf(function* () {
        const object = make(1)
        const { kernel } = currentTask()
        yield* object.acquire()
        const waiter = kernel.spawn(holding(object, sleep(1)))
        yield* giveWay()
        object.release()
        waiter.cancel()
        yield* giveWay()
        yield* giveWay()
        expect(waiter.state).toBe('cancelled')
        expect(object.tryAcquire()).toBe(true)
      })
    })

    test('hold releases at the end of the block, once', () => {
      resultOf(function* () {
        const object = make(1)
        {
          using held = yield* hold(object)
          expect(taken(object)).toBe(1)
          held.release()
          expect(taken(object)).toBe(0)
        }
        expect(taken(object)).toBe(0)
      })
    })

    test('random programs with cancels keep every permit, in order', () => {
      fc.assert(
        fc.property(program, fc.integer({ min: 1, max: most }), (tasks, permits) => {
          resultOf(function* () {
            const object = make(permits)
            const running: Task[] = []
            let inside = 0
            let asked = 0
            let served = -1
            const inTurn = (turn: number, duration: number) =>
              function* (): Coroutine<void> {
                // With several permits, one that is handed over and one that was free may begin in either order.
                if (permits === 1) expect(turn).toBeGreaterThan(served)
                served = turn
                yield* stay(duration)
              }
            function* stay(duration: number): Coroutine<void> {
              expect(++inside).toBeLessThanOrEqual(permits)
              try {
                yield* sleep(duration)
              } finally {
                inside--
              }
            }
            function* follow(steps: readonly Step[]): Coroutine<void> {
              for (const one of steps) {
                if (one.do === 'sleep') yield* sleep(one.time)
                else if (one.do === 'cancel') running[one.whom]?.cancel()
                else if (one.do === 'hold') yield* holding(object, inTurn(asked++, one.time))
                else if (one.do === 'holdWithin') {
                  try {
                    yield* withTimeout(one.limit, holding(object, inTurn(asked++, one.time)))
                  } catch (error) {
                    if ((error as { code?: string }).code !== 'GYRE_TIMEOUT') throw error
                  }
                } else if (object.tryAcquire()) {
                  try {
                    yield* stay(one.time)
                  } finally {
                    object.release()
                  }
                }
              }
            }
            for (const steps of tasks) running.push(currentTask().kernel.spawn(follow(steps)))
            yield* sleep(100)
            // Whatever waits now would wait for ever.
            for (const one of running) if (!one.ended) expect.fail(`it waits for ${String(one.waitingFor)}`)
            for (const outcome of yield* killAll(running)) if (outcome.state === 'failed') throw outcome.error
            expect([inside, waiting(object), taken(object)]).toEqual([0, 0, 0])
            for (let left = permits; left > 0; left--) yield* currentTask().kernel.spawn(tryOnce(object))
          })
        }),
        { numRuns: 300 },
      )
    })
  })
}

function* tryOnce(object: Acquirable): Coroutine<void> {
  expect(object.tryAcquire()).toBe(true)
}
