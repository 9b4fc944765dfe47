/*
 * The contract of a lock, beyond that of a semaphore with one permit: it has an owner.
 */
import { describe, expect, test } from 'vitest'
import { currentTask, giveWay, sleep } from '../../../lib/kernel/index.ts'
import { holding } from '../../../lib/sync/index.ts'
import type { Lock } from '../../../lib/sync/index.ts'
import { caughtBy } from '../../support/caught.ts'
import { resultOf } from '../../support/mock-host.ts'

export function aLock(name: string, make: () => Lock): void {
  describe(`a lock: ${name}`, () => {
    test('belongs to the task that acquired it', () => {
      resultOf(function* () {
        const lock = make()
        expect([lock.held, lock.mine]).toEqual([false, false])
        yield* lock.acquire()
        expect([lock.held, lock.mine]).toEqual([true, true])
        const other = currentTask().kernel.spawn(function* () {
          expect(lock.mine).toBe(false)
          lock.release()
        })
        expect(yield* caughtBy(other)).toMatchObject({ code: 'GYRE_TASK_MISUSE' })
        lock.release()
        expect(() => lock.release()).toThrow('only the task that holds a lock can release it')
      })
    })

    test('belongs to the next in line as soon as it is released', () => {
      resultOf(function* () {
        const lock = make()
        yield* lock.acquire()
        const next = currentTask().kernel.spawn(holding(lock, sleep(1)), { name: 'next' })
        yield* giveWay()
        expect(lock.statistics()).toEqual({ held: true, owner: 'main', depth: 1, waiting: 1 })
        lock.release()
        expect(lock.statistics()).toEqual({ held: true, owner: 'next', depth: 1, waiting: 0 })
        yield* next
        expect(lock.statistics()).toEqual({ held: false, owner: undefined, depth: 0, waiting: 0 })
      })
    })

    test('is released when the work throws', () => {
      resultOf(function* () {
        const lock = make()
        const caught = yield* caughtBy(
          holding(lock, function* () {
            yield* sleep(1)
            throw new Error('spilt')
          }),
        )
        expect([caught.message, lock.held]).toEqual(['spilt', false])
      })
    })
  })
}
