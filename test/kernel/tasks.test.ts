import { describe, expect, test } from 'vitest'
import {
  Cancelled,
  ParkingLot,
  Spot,
  TASK_STATES,
  currentTask,
  giveWay,
  nursery,
  park,
  shield,
  sleep,
  waitPromise,
  withScope,
  withTimeout,
} from '../../lib/kernel/index.ts'
import type { Coroutine, Nursery, Scope, Task } from '../../lib/kernel/index.ts'
import { MockHost, resultOf, runMock } from '../support/mock-host.ts'

function* forever(log: string[], name: string): Coroutine<never> {
  try {
    for (;;) yield* sleep(1000)
  } finally {
    log.push(name)
  }
}

describe('running', () => {
  test('sleeps take the time that they say, side by side', () => {
    const { elapsed } = runMock(function* () {
      yield* nursery(function* (children) {
        children.spawn(sleep(30))
        children.spawn(sleep(50))
        yield* sleep(40)
      })
    })
    expect(elapsed).toBe(50)
  })

  test('tasks that are ready take turns, in order', () => {
    const log: string[] = []
    function* turns(name: string): Coroutine<void> {
      for (let turn = 1; turn <= 2; turn++) {
        log.push(name + String(turn))
        yield* giveWay()
      }
    }
    runMock(function* () {
      yield* nursery(function* (children) {
        children.spawn(turns('a'))
        children.spawn(turns('b'))
        yield* turns('main')
      })
    })
    expect(log).toEqual(['main1', 'a1', 'b1', 'main2', 'a2', 'b2'])
  })

  test('a thousand sleepers wake in the order of their times', () => {
    const woken: number[] = []
    runMock(function* () {
      yield* nursery(function* (children) {
        for (let index = 0; index < 1000; index++) {
          const time = (index * 7919) % 1000
          children.spawn(function* () {
            yield* sleep(time + 1)
            woken.push(time)
          })
        }
      })
    })
    expect(woken).toEqual([...woken].sort((one, other) => one - other))
    expect(woken).toHaveLength(1000)
  })

  test('joining gives the result, and throws the error', () => {
    expect(
      resultOf(function* () {
        const { kernel } = currentTask()
        const good = kernel.spawn(function* () {
          yield* sleep(1)
          return 7
        })
        const bad = kernel.spawn(function* (): Coroutine<never> {
          throw new Error('bad')
        })
        let message = ''
        try {
          yield* bad
        } catch (error) {
          message = (error as Error).message
        }
        return [yield* good, yield* good, message]
      }),
    ).toEqual([7, 7, 'bad'])
  })

  test('a failure that nobody waits for is told to the host; one that is joined in time is not', () => {
    const { host } = runMock(function* () {
      const { kernel } = currentTask()
      kernel.spawn(function* (): Coroutine<never> {
        throw new Error('lost')
      })
      const joined = kernel.spawn(function* (): Coroutine<never> {
        throw new Error('found')
      })
      try {
        yield* joined
      } catch {
        // Found.
      }
    })
    expect(host.failures.map(String)).toEqual(['Error: lost'])
  })

  test('a bare yield of something else is told what to do instead', () => {
    expect(() =>
      resultOf(function* () {
        yield 5 as never
      }),
    ).toThrow('use yield* instead of yield')
  })

  test('two tasks cannot wait on one spot', () => {
    expect(() =>
      resultOf(function* () {
        const spot = new Spot('a thing')
        yield* nursery(function* (children) {
          children.spawn(park(spot))
          children.spawn(park(spot))
        })
      }),
    ).toThrow('two tasks cannot both wait for "a thing"')
  })

  test('a parking lot wakes in the order of coming, and forgets those that were cancelled', () => {
    const lot = new ParkingLot('a turn')
    const log: string[] = []
    runMock(function* () {
      yield* nursery(function* (children) {
        const tasks = ['a', 'b', 'c'].map((name) =>
          children.spawn(function* () {
            yield* park(lot)
            log.push(name)
          }),
        )
        yield* giveWay()
        expect(lot.size).toBe(3)
        tasks[0]?.cancel()
        expect(lot.size).toBe(2)
        lot.wakeOne()
        yield* giveWay()
        expect(log).toEqual(['b'])
        lot.wakeAll()
      })
    })
    expect(log).toEqual(['b', 'c'])
  })

  test('one that gives up in the middle, or at either end, leaves the others in their order', () => {
    const lot = new ParkingLot('a turn')
    const log: number[] = []
    runMock(function* () {
      yield* nursery(function* (children) {
        const tasks = [0, 1, 2, 3, 4].map((number) =>
          children.spawn(function* () {
            log.push(yield* park<number>(lot))
            log.push(number)
          }),
        )
        yield* giveWay()
        for (const number of [2, 0, 4]) tasks[number]?.cancel()
        children.spawn(park(lot))
        yield* giveWay()
        expect(lot.statistics()).toEqual({ waiting: 3 })
        expect([lot.wakeOne(10), lot.wakeOne(20), lot.wakeOne(30), lot.wakeOne()]).toEqual([true, true, true, false])
      })
    })
    expect(log).toEqual([10, 1, 20, 3])
  })

  test('to wake them one by one takes as long for each, however many wait', () => {
    const host = new MockHost()
    const lot = new ParkingLot('a turn')
    for (let count = 0; count < 100_000; count++) host.kernel.spawn(park(lot))
    host.settle()
    const began = performance.now()
    while (lot.wakeOne());
    // Over a Set it is 1.7 s here, over the list 40 ms.
    expect(performance.now() - began).toBeLessThan(800)
    host.settle()
    expect(host.kernel.statistics().tasks).toBe(0)
  })
})

test('a listener to the end of a task can be taken back', () => {
  const log: string[] = []
  runMock(function* () {
    const task = currentTask().kernel.spawn(sleep(1))
    const takeBack = task.whenEnded(() => log.push('taken back'))
    task.whenEnded(() => log.push('kept'))
    takeBack()
    yield* task
    task.whenEnded(() => log.push('at once'))()
  })
  expect(log).toEqual(['kept', 'at once'])
})

describe('cancelling', () => {
  test('runs every finally, which may itself wait', () => {
    const log: string[] = []
    const { task, kernel } = runMock(function* () {
      const { kernel } = currentTask()
      const victim = kernel.spawn(function* () {
        try {
          yield* forever(log, 'inner')
        } finally {
          yield* sleep(10)
          log.push('outer')
        }
      })
      yield* sleep(1)
      victim.cancel('enough')
      try {
        yield* victim
      } catch (error) {
        log.push((error as Error).message)
      }
    })
    expect(log).toEqual(['inner', 'outer', 'cancelled: enough'])
    expect(task.state).toBe('done')
    expect(kernel.statistics()).toMatchObject({ tasks: 0, ready: 0, deadlines: 0 })
  })

  test('the hole of generator.return(): an inner finally that yields does not let the code run on', () => {
    const log: string[] = []
    runMock(function* () {
      const { kernel } = currentTask()
      const victim = kernel.spawn(function* () {
        try {
          yield* sleep(1000)
        } finally {
          yield* sleep(1)
        }
        log.push('ran on')
      })
      yield* sleep(1)
      victim.cancel()
    })
    expect(log).toEqual([])
  })

  test('one who swallows it gains the grace and no more, and is dropped if it still goes on', () => {
    let laps = 0
    const { host, kernel, elapsed } = runMock(function* () {
      const { kernel } = currentTask()
      const stubborn = kernel.spawn(function* () {
        for (;;) {
          try {
            yield* sleep(10)
            laps++
          } catch {
            // Go on regardless.
          }
        }
      })
      yield* sleep(1)
      stubborn.grace = 100
      stubborn.cancel('stop')
      try {
        yield* stubborn
      } catch (error) {
        expect(error).toBeInstanceOf(Cancelled)
      }
    })
    expect(host.failures).toMatchObject([{ code: 'GYRE_CANCEL_IGNORED' }])
    expect(laps).toBeLessThanOrEqual(10)
    expect(elapsed).toBeLessThanOrEqual(102)
    expect(kernel.statistics()).toMatchObject({ tasks: 0, deadlines: 0 })
  })

  test('reaches children, their children, and scopes inside, but not behind a shield', () => {
    const log: string[] = []
    runMock(function* () {
      const left = yield* withScope(function* (scope) {
        yield* nursery(function* (children) {
          children.spawn(forever(log, 'child'))
          children.spawn(function* () {
            yield* nursery(function* (grandchildren) {
              grandchildren.spawn(forever(log, 'grandchild'))
            })
          })
          children.spawn(function* () {
            yield* shield(sleep(20))
            log.push('shielded work is whole')
            yield* sleep(1)
            log.push('never')
          })
          yield* sleep(5)
          scope.cancel()
          yield* withTimeout(1000, forever(log, 'body'))
        })
        return 'never'
      })
      log.push(String(left))
    })
    expect(log.sort()).toEqual(['body', 'child', 'grandchild', 'shielded work is whole', 'undefined'])
  })

  test('a task that was never started, or is about to run, ends all the same', () => {
    const log: string[] = []
    const { kernel } = runMock(function* () {
      const { kernel } = currentTask()
      const never = kernel.spawn(forever(log, 'never begun'))
      never.cancel()
      yield* giveWay()
    })
    expect(kernel.statistics().tasks).toBe(0)
  })

  test('a wake-up and a cancel in the same tick: the value is not lost', () => {
    expect(
      resultOf(function* () {
        const { kernel } = currentTask()
        const spot = new Spot('a value')
        const taker = kernel.spawn(function* () {
          const value = yield* park(spot)
          return value
        })
        yield* giveWay()
        spot.wake('kept')
        taker.cancel()
        return yield* taker
      }),
    ).toBe('kept')
  })

  test('a time limit inside cleanup does not have the outer cancel told again', () => {
    const log: string[] = []
    runMock(function* () {
      const victim = currentTask().kernel.spawn(function* () {
        try {
          yield* sleep(1000)
        } finally {
          try {
            yield* withTimeout(5, sleep(100))
          } catch (error) {
            log.push((error as { code: string }).code)
          }
          yield* sleep(10)
          log.push('the rest of the cleanup')
        }
      })
      yield* sleep(1)
      victim.cancel()
    })
    expect(log).toEqual(['GYRE_TIMEOUT', 'the rest of the cleanup'])
  })

  test('two scopes cancelled at once are both told, the inner one first', () => {
    const log: string[] = []
    runMock(function* () {
      yield* withScope(function* (outer) {
        yield* withScope(function* (inner) {
          inner.cancel('inner')
          outer.cancel('outer')
          try {
            yield* sleep(10)
          } catch (error) {
            log.push((error as Error).message)
            throw error
          }
        })
        try {
          yield* sleep(10)
        } catch (error) {
          log.push((error as Error).message)
          throw error
        }
      })
      log.push('after')
      yield* sleep(10)
      log.push('free')
    })
    expect(log).toEqual(['cancelled: inner', 'cancelled: outer', 'after', 'free'])
  })

  test('cancelling what has ended does nothing, and leaves no timer', () => {
    const { kernel } = runMock(function* () {
      const { kernel } = currentTask()
      const done = kernel.spawn(sleep(1))
      let left: Scope | undefined
      yield* withScope(function* (scope) {
        left = scope
        yield* done
      })
      done.cancel()
      left?.cancel()
      expect([done.state, done.cancelled, left?.cancelled]).toEqual(['done', null, null])
      expect(kernel.statistics().deadlines).toBe(0)
      yield* sleep(1)
    })
    expect(kernel.statistics().deadlines).toBe(0)
  })

  test('what was spawned into a scope ends with it', () => {
    const log: string[] = []
    runMock(function* () {
      const { kernel } = currentTask()
      const owner = kernel.spawn(sleep(10))
      kernel.spawn(forever(log, 'part'), { scope: owner })
      yield* owner
      yield* giveWay()
      expect(log).toEqual(['part'])
      expect(kernel.statistics().deadlines).toBe(0)
    })
  })
})

describe('time limits', () => {
  test('one that is kept costs nothing, one that is not throws GYRE_TIMEOUT after every finally', () => {
    const log: string[] = []
    const { kernel, elapsed } = runMock(function* () {
      expect(yield* withTimeout(100, value(5, 'in time'))).toBe('in time')
      try {
        yield* withTimeout(100, forever(log, 'unwound'))
      } catch (error) {
        log.push((error as { code: string }).code)
      }
    })
    expect(log).toEqual(['unwound', 'GYRE_TIMEOUT'])
    expect(elapsed).toBe(105)
    expect(kernel.statistics().deadlines).toBe(0)
  })

  test('of two nested ones the outer may be the shorter', () => {
    expect(() =>
      resultOf(function* () {
        yield* withTimeout(10, withTimeout(1000, sleep(5000)))
      }),
    ).toThrow('not done within 10 ms')
  })

  test('an error of the work is itself, also while it is being cancelled', () => {
    expect(() =>
      resultOf(function* () {
        yield* withTimeout(10, function* () {
          try {
            yield* sleep(1000)
          } finally {
            throw new Error('cleanup failed')
          }
        })
      }),
    ).toThrow('cleanup failed')
  })
})

describe('nurseries', () => {
  test('the first failure cancels the others and the body, and reaches the parent', () => {
    const log: string[] = []
    expect(() =>
      resultOf(function* () {
        yield* nursery(function* (children) {
          children.spawn(forever(log, 'sibling'))
          children.spawn(function* () {
            yield* sleep(5)
            throw new Error('first')
          })
          yield* forever(log, 'body')
        })
      }),
    ).toThrow('first')
    expect(log.sort()).toEqual(['body', 'sibling'])
  })

  test('several failures arrive together, none lost', () => {
    let caught: unknown
    runMock(function* () {
      try {
        yield* nursery(function* (children) {
          children.spawn(function* () {
            yield* sleep(1)
            throw new Error('one')
          })
          children.spawn(function* () {
            try {
              yield* sleep(100)
            } finally {
              throw new Error('two')
            }
          })
          yield* sleep(100)
        })
      } catch (error) {
        caught = error
      }
    })
    expect(caught).toBeInstanceOf(AggregateError)
    expect((caught as AggregateError).errors.map(String)).toEqual(['Error: one', 'Error: two'])
  })

  test('waits for children that the body leaves behind, and gives the result of the body', () => {
    const { elapsed } = runMock(function* () {
      const result = yield* nursery(function* (children) {
        children.spawn(sleep(50))
        return 'body'
      })
      expect(result).toBe('body')
    })
    expect(elapsed).toBe(50)
  })

  test('one that has ended takes no more children', () => {
    expect(() =>
      resultOf(function* () {
        let kept: Nursery | undefined
        yield* nursery(function* (children) {
          kept = children
        })
        kept?.spawn(sleep(1))
      }),
    ).toThrow('a nursery that has ended takes no more children')
  })

  test('cancelled from outside while it waits for its children, it has not done its work', () => {
    const log: string[] = []
    expect(() =>
      resultOf(function* () {
        yield* withTimeout(10, function* () {
          yield* nursery(function* (children) {
            children.spawn(forever(log, 'child'))
          })
          log.push('never')
        })
      }),
    ).toThrow('not done within 10 ms')
    expect(log).toEqual(['child'])
  })

  test('cancelled from inside it ends quietly', () => {
    const log: string[] = []
    expect(
      resultOf(function* () {
        return yield* nursery(function* (children) {
          children.spawn(forever(log, 'child'))
          yield* sleep(1)
          children.cancel()
          yield* sleep(1)
          return 'never'
        })
      }),
    ).toBeUndefined()
    expect(log).toEqual(['child'])
  })
})

test('promises can be waited for, and a wait that is cancelled leaves them alone', async () => {
  const { homeKernel } = await import('../../lib/io/index.ts')
  const kernel = homeKernel()
  const result = await kernel.spawn(function* () {
    const good = yield* waitPromise(Promise.resolve('good'))
    let bad = ''
    try {
      yield* waitPromise(Promise.reject(new Error('bad')))
    } catch (error) {
      bad = (error as Error).message
    }
    let late: (() => void) | undefined
    const pending = new Promise<void>((resolve) => (late = resolve))
    try {
      yield* withTimeout(1, waitPromise(pending))
    } catch {
      late?.()
    }
    yield* sleep(2)
    return [good, bad]
  })
  expect(result).toEqual(['good', 'bad'])
  await expect(kernel.spawn(failing)).rejects.toThrow('thrown on unchanged')
})

function* failing(): Coroutine<never> {
  throw new Error('thrown on unchanged')
}

function* value<T>(time: number, result: T): Coroutine<T> {
  yield* sleep(time)
  return result
}

test('tasks go the ways that TASK_STATES has, and all of them', () => {
  const seen = new Set<string>()
  const watched = <T>(task: Task<T>): Task<T> => {
    let { state } = task
    const change = (next: typeof state): void => {
      seen.add(`${state} -> ${next}`)
      state = next
    }
    Object.defineProperty(task, 'state', { get: () => state, set: change })
    return task
  }
  runMock(function* () {
    const spawn = <T>(work: () => Coroutine<T>): Task<T> => watched(currentTask().kernel.spawn(work))
    const waiting = function* (): Coroutine<void> {
      yield* giveWay()
      yield* sleep(10)
    }
    const cancelled = spawn(waiting)
    const failed = spawn(function* () {
      yield* waiting()
      throw new Error('on purpose')
    })
    const joining = spawn(function* () {
      yield* spawn(waiting)
    })
    yield* sleep(1)
    cancelled.cancel()
    yield* joining
    yield* sleep(1)
    expect([cancelled.state, failed.state, joining.state]).toEqual(['cancelled', 'failed', 'done'])
  })
  const ways = Object.entries(TASK_STATES).flatMap(([from, events]) =>
    Object.values(events as Record<string, string>).map((to) => `${from} -> ${to}`),
  )
  expect([...seen].sort()).toEqual([...new Set(ways)].sort())
})
