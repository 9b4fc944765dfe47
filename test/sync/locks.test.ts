/*
 * Locks, semaphores, limiters and conditions: the common contract, and what is each one's own.
 */
import { describe, expect, test } from 'vitest'
import { currentTask, giveWay, nursery, sleep } from '../../lib/kernel/index.ts'
import type { Coroutine } from '../../lib/kernel/index.ts'
import {
  BoundedSemaphore,
  CapacityLimiter,
  Condition,
  Lock,
  RLock,
  Semaphore,
  all,
  holding,
  moveOnAfter,
} from '../../lib/sync/index.ts'
import { resultOf, checkMock } from '../support/mock-host.ts'
import { caughtBy } from '../support/caught.ts'
import { aLock } from './contracts/a-lock.ts'
import { aSemaphore } from './contracts/a-semaphore.ts'

const ofLock = {
  waiting: (lock: Lock) => lock.statistics().waiting,
  taken: (lock: Lock) => Number(lock.statistics().held),
}
const limiter = {
  name: 'CapacityLimiter',
  make: (total: number) => new CapacityLimiter(total),
  waiting: (object: CapacityLimiter) => object.statistics().waiting,
  taken: (object: CapacityLimiter) => object.statistics().borrowers.length,
}
const ofSemaphore = (name: string, Kind: typeof Semaphore) => {
  const totals = new WeakMap<Semaphore, number>()
  return {
    name,
    make: (permits: number) => {
      const object = new Kind(permits)
      totals.set(object, permits)
      return object
    },
    waiting: (object: Semaphore) => object.statistics().waiting,
    taken: (object: Semaphore) => (totals.get(object) ?? NaN) - object.free,
  }
}

aSemaphore({ name: 'Lock', make: () => new Lock(), ...ofLock }, 1)
aSemaphore({ name: 'RLock', make: () => new RLock(), ...ofLock }, 1)
aSemaphore(ofSemaphore('Semaphore', Semaphore), 3)
aSemaphore(ofSemaphore('BoundedSemaphore', BoundedSemaphore), 3)
aSemaphore(limiter, 3)

aLock('Lock', () => new Lock())
aLock('RLock', () => new RLock())
aLock('the lock of a Condition', () => new Condition().lock)

const code = (body: () => unknown): string | undefined => {
  try {
    body()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return undefined
}

describe('RLock', () => {
  test('is free after as many releases as acquires', () => {
    resultOf(function* () {
      const lock = new RLock()
      yield* lock.acquire()
      yield* lock.acquire()
      expect(lock.statistics()).toEqual({ held: true, owner: 'main', depth: 2, waiting: 0 })
      lock.release()
      expect(lock.held).toBe(true)
      lock.release()
      expect(lock.held).toBe(false)
    })
  })

  test('handed over, it starts at one', () => {
    resultOf(function* () {
      const lock = new RLock()
      yield* lock.acquire()
      yield* lock.acquire()
      const other = currentTask().kernel.spawn(holding(lock, sleep(5)))
      yield* giveWay()
      lock.release()
      lock.release()
      expect(lock.statistics().depth).toBe(1)
      yield* other
      expect(lock.held).toBe(false)
    })
  })
})

describe('misuse', () => {
  test('of a lock: acquired twice, or left behind by a task that ended', () => {
    resultOf(function* () {
      const lock = new Lock()
      yield* currentTask().kernel.spawn(() => lock.acquire(), { name: 'careless' })
      expect((yield* caughtBy(lock.acquire())).message).toBe(
        'task careless ended without releasing a lock; use holding()',
      )
      const own = new Lock()
      yield* own.acquire()
      expect(() => own.tryAcquire()).toThrow('would wait for itself')
    })
  })

  test('of counts', () => {
    for (const wrong of [-1, 1.5, NaN]) expect(code(() => new Semaphore(wrong))).toBe('GYRE_TASK_MISUSE')
    for (const wrong of [0, 1.5, NaN]) expect(code(() => new CapacityLimiter(wrong))).toBe('GYRE_TASK_MISUSE')
    expect(code(() => new BoundedSemaphore(1).release())).toBe('GYRE_TASK_MISUSE')
  })

  test('of a limiter: two tokens for one task, or a token given back by another', () => {
    resultOf(function* () {
      const tokens = new CapacityLimiter(2)
      yield* tokens.acquire()
      expect(() => tokens.tryAcquire()).toThrow('can borrow one token')
      const other = currentTask().kernel.spawn(function* () {
        return code(() => tokens.release())
      })
      expect(yield* other).toBe('GYRE_TASK_MISUSE')
    })
  })

  test('outside of every task', () => {
    expect(code(() => new Lock().tryAcquire())).toBe('GYRE_TASK_MISUSE')
  })
})

test('a semaphore may start with none, and be released by anybody', () => {
  resultOf(function* () {
    const semaphore = new Semaphore(0)
    const waiter = currentTask().kernel.spawn(semaphore.acquire())
    yield* giveWay()
    semaphore.release()
    yield* waiter
    semaphore.release()
    expect(semaphore.free).toBe(1)
  })
})

test('more tokens of a limiter serve who waits, fewer count as tokens come back', () => {
  resultOf(function* () {
    const tokens = new CapacityLimiter(1)
    let inside = 0
    function* visit(): Coroutine<void> {
      inside++
      yield* sleep(10)
      inside--
    }
    yield* nursery(function* (children) {
      for (const name of ['a', 'b', 'c', 'd']) children.spawn(holding(tokens, visit), name)
      yield* sleep(1)
      expect(tokens.statistics()).toEqual({ total: 1, borrowers: ['a'], waiting: 3 })
      tokens.total = 3
      yield* giveWay()
      expect(inside).toBe(3)
      tokens.total = 1
      expect(tokens.available).toBe(0)
      yield* sleep(15)
      // Three came back, one went out again.
      expect(tokens.statistics()).toEqual({ total: 1, borrowers: ['d'], waiting: 0 })
    })
  })
})

describe('Condition', () => {
  test('waiting lets the lock go, and has it again afterwards', () => {
    const log: string[] = []
    checkMock(function* () {
      const condition = new Condition()
      yield* all([
        holding(condition, function* () {
          log.push('waits')
          yield* condition.wait()
          expect(condition.lock.mine).toBe(true)
          log.push('was told')
        }),
        holding(condition, function* () {
          condition.notify()
          yield* sleep(1)
          log.push('tells, and lets go')
        }),
      ])
      expect(condition.statistics()).toMatchObject({ waiting: 0, lock: { held: false, waiting: 0 } })
    })
    expect(log).toEqual(['waits', 'tells, and lets go', 'was told'])
  })

  test('notify wakes so many, in order; notifyAll the rest', () => {
    const woken: string[] = []
    checkMock(function* () {
      const condition = new Condition()
      yield* nursery(function* (children) {
        for (const name of ['a', 'b', 'c', 'd'])
          children.spawn(
            holding(condition, function* () {
              yield* condition.wait()
              woken.push(name)
            }),
          )
        yield* sleep(1)
        yield* holding(condition, function* () {
          condition.notify(2)
        })
        yield* sleep(1)
        expect(woken).toEqual(['a', 'b'])
        yield* holding(condition, function* () {
          condition.notifyAll()
        })
      })
    })
    expect(woken).toEqual(['a', 'b', 'c', 'd'])
  })

  test('cancelled while it waits, it ends with the lock held, as the code around believes', () => {
    resultOf(function* () {
      const condition = new Condition()
      let held: boolean | undefined
      const waiter = currentTask().kernel.spawn(
        holding(condition, function* () {
          try {
            yield* condition.wait()
          } finally {
            held = condition.lock.mine
          }
        }),
      )
      yield* giveWay()
      yield* condition.acquire()
      waiter.cancel()
      yield* sleep(1)
      expect([waiter.ended, held]).toEqual([false, undefined])
      condition.release()
      yield* sleep(1)
      expect([waiter.state, held]).toEqual(['cancelled', true])
      expect(condition.statistics()).toMatchObject({ waiting: 0, lock: { held: false, waiting: 0 } })
    })
  })

  test('cancelled after the notice, while it waits for the lock, it still has the lock in the end', () => {
    resultOf(function* () {
      const condition = new Condition()
      let held: boolean | undefined
      const waiter = currentTask().kernel.spawn(
        holding(condition, function* () {
          yield* condition.wait()
          held = condition.lock.mine
          yield* sleep(1)
        }),
      )
      yield* giveWay()
      yield* condition.acquire()
      condition.notify()
      yield* sleep(1)
      waiter.cancel()
      yield* sleep(1)
      expect(waiter.ended).toBe(false)
      condition.release()
      yield* sleep(1)
      expect([waiter.state, held, condition.lock.held]).toEqual(['cancelled', true, false])
    })
  })

  test('a notice and a cancel in the same step: the notice is not lost', () => {
    resultOf(function* () {
      const condition = new Condition()
      let stock = 0
      const taken: string[] = []
      const buyer = (name: string) =>
        holding(condition, function* () {
          yield* condition.waitFor(() => stock > 0)
          stock--
          taken.push(name)
        })
      const { kernel } = currentTask()
      const first = kernel.spawn(buyer('first'))
      const second = kernel.spawn(buyer('second'))
      yield* giveWay()
      yield* holding(condition, function* () {
        stock++
        condition.notify()
        first.cancel()
      })
      yield* moveOnAfter(10, second)
      // Whoever was told has taken what it was told of.
      expect([stock, taken]).toEqual([0, ['first']])
      second.cancel()
    })
  })

  test('misuse: waiting or telling without the lock, waiting with a lock held twice', () => {
    resultOf(function* () {
      const condition = new Condition()
      expect(code(() => condition.notify())).toBe('GYRE_TASK_MISUSE')
      expect((yield* caughtBy(condition.wait())).message).toBe('only the task that holds a lock can release it')
      const twice = new Condition(new RLock())
      yield* twice.acquire()
      yield* twice.acquire()
      expect(yield* caughtBy(twice.wait())).toMatchObject({ code: 'GYRE_TASK_MISUSE' })
    })
  })
})
