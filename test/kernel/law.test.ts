/*
 * The law of cancellation, held against random programs; and one small test for each fault that this
 * has found. Set GYRE_LAW_RUNS for a longer hunt.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  Cancelled,
  Kernel,
  Scope,
  currentTask,
  giveWay,
  nursery,
  operationOf,
  park,
  ParkingLot,
  shield,
  sleep,
  withScope,
  withTimeout,
} from '../../lib/kernel/index.ts'
import type { Coroutine, Nursery, Operation, Runnable, Task } from '../../lib/kernel/index.ts'
import { MockHost, resultOf, runMock } from '../support/mock-host.ts'
import { cases } from './law-program.ts'
import { runProgram } from './law-run.ts'

const RUNS = Number(process.env['GYRE_LAW_RUNS'] ?? 1500)

test(
  'whatever is cancelled whenever: the law of cancellation holds',
  () => {
    fc.assert(
      fc.property(cases, (given) => {
        expect(runProgram(given)).toEqual([])
      }),
      { numRuns: RUNS },
    )
  },
  30_000 + RUNS * 20,
)

test('why cancels go in by throw(): after return(), an inner finally that yields has the outer code run on', () => {
  const log: string[] = []
  function* inner(): Generator<string, void> {
    try {
      yield 'at work'
    } finally {
      yield 'cleaning up'
    }
  }
  function* outer(): Generator<string, void> {
    yield* inner()
    log.push('ran on')
  }
  const returned = outer()
  returned.next()
  expect(returned.return().value).toBe('cleaning up')
  returned.next()
  expect(log).toEqual(['ran on'])

  log.length = 0
  const thrown = outer()
  thrown.next()
  expect(thrown.throw(new Error('cancel')).value).toBe('cleaning up')
  expect(() => thrown.next()).toThrow('cancel')
  expect(log).toEqual([])
})

describe('cleanup', () => {
  /** A cleanup that takes 20 ms. */
  function* cleaning(log: string[], work: Operation<unknown>): Coroutine<void> {
    try {
      yield* work
    } finally {
      yield* sleep(20)
      log.push('clean')
    }
  }

  test('that a cancel has led to is not broken off when a scope which it leaves is cancelled as well', () => {
    const log: string[] = []
    const { task } = runMock(function* () {
      const victim = currentTask().kernel.spawn(withTimeout(15, cleaning(log, sleep(1000))))
      yield* sleep(10)
      victim.cancel()
      yield* sleep(100)
      return victim.state
    })
    expect(log).toEqual(['clean'])
    expect(outcome(task)).toBe('cancelled')
  })

  test('of a child is not broken off when a sibling fails meanwhile', () => {
    const log: string[] = []
    runMock(function* () {
      yield* withScope(function* (scope) {
        yield* nursery(function* (children) {
          children.spawn(cleaning(log, sleep(1000)))
          children.spawn(function* () {
            try {
              yield* sleep(1000)
            } finally {
              throw new Error('sibling')
            }
          })
          yield* sleep(1)
          scope.cancel()
        })
      })
    })
    expect(log).toEqual(['clean'])
  })

  test('around a nursery is not broken off by the cancel that its children were told of first', () => {
    const log: string[] = []
    runMock(function* () {
      yield* withScope(function* (scope) {
        yield* cleaning(
          log,
          nursery(function* (children) {
            children.spawn(sleep(1000))
            children.spawn(function* () {
              scope.cancel()
            })
          }),
        )
      })
    })
    expect(log).toEqual(['clean'])
  })

  test('is not broken off by a cancel that came first by way of a task which it had joined', () => {
    const log: string[] = []
    runMock(function* () {
      const { kernel } = currentTask()
      const victim = kernel.spawn(function* () {
        const part = kernel.spawn(sleep(1000), { scope: currentTask() })
        yield* cleaning(log, withTimeout(1, waitBoth(sleep(1000), part)))
      })
      yield* sleep(1)
      victim.cancel()
    })
    expect(log).toEqual(['clean'])
  })

  test('goes on where a piece of it has joined what an inner cancel had ended', () => {
    const log: string[] = []
    runMock(function* () {
      const { kernel } = currentTask()
      const inside = withScope(function* (inner) {
        const part = kernel.spawn(waitBoth(shield(sleep(5)), sleep(1000)), { scope: inner })
        const ending = function* (): Coroutine<void> {
          inner.cancel()
          yield* sleep(10)
          yield* waitEnd(part)
        }
        yield* cleaning(log, waitBoth(sleep(1000), ending))
      })
      const victim = kernel.spawn(cleaning(log, inside))
      yield* sleep(1)
      victim.cancel()
    })
    expect(log).toEqual(['clean', 'clean'])
  })

  test('in a child that a cleanup has spawned is not broken off by a cancel that came by way of its own child', () => {
    const log: string[] = []
    runMock(function* () {
      const victim = currentTask().kernel.spawn(function* () {
        try {
          yield* sleep(1000)
        } finally {
          yield* nursery(function* (children) {
            children.spawn(
              cleaning(
                log,
                nursery(function* (grandchildren) {
                  grandchildren.spawn(sleep(1000))
                  grandchildren.spawn(function* () {
                    children.cancel()
                  })
                }),
              ),
            )
          })
        }
      })
      yield* giveWay()
      victim.cancel()
      yield* waitEnd(victim)
    })
    expect(log).toEqual(['clean'])
  })

  test('has no longer than the grace of the outer cancel, also where an inner scope is cancelled late', () => {
    const { elapsed } = runMock(function* () {
      const victim = currentTask().kernel.spawn(function* () {
        try {
          yield* sleep(1000)
        } finally {
          yield* withTimeout(90, cleaning([], cleaning([], sleep(1000))))
        }
      })
      yield* sleep(1)
      victim.grace = 100
      victim.cancel()
      yield* waitEnd(victim)
    })
    expect(elapsed).toBe(101)
  })

  test('may spawn, and its children have the grace as well; their own nursery can still cancel them', () => {
    const log: string[] = []
    const { elapsed } = runMock(function* () {
      const victim = currentTask().kernel.spawn(function* () {
        try {
          yield* sleep(1000)
        } finally {
          yield* nursery(function* (children) {
            children.spawn(cleaning(log, sleep(30)))
            children.spawn(cleaning(log, sleep(1000)))
            yield* sleep(60)
            log.push('body')
            children.cancel()
          })
        }
      })
      yield* giveWay()
      victim.cancel()
      yield* waitEnd(victim)
    })
    expect(log).toEqual(['clean', 'body', 'clean'])
    expect(elapsed).toBe(80)
  })

  test('of many nested finally blocks is run through after the grace as well', () => {
    let runs = 0
    function* nested(depth: number): Coroutine<void> {
      if (depth === 0) return yield* sleep(1000)
      try {
        yield* nested(depth - 1)
      } finally {
        runs++
        yield* sleep(1)
      }
    }
    const { host } = runMock(function* () {
      const victim = currentTask().kernel.spawn(nested(200))
      yield* giveWay()
      victim.grace = 10
      victim.cancel()
      yield* waitEnd(victim)
    })
    expect(runs).toBe(200)
    expect(host.failures).toEqual([])
  })
})

describe('what is thrown', () => {
  test('null is an error like any other, and no cancel', () => {
    const failing = function* (): Coroutine<never> {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- people do
      throw null
    }
    for (const work of [withScope(failing), withTimeout(10, failing), nursery(failing)]) {
      const { task } = runMock(work)
      expect([task.state, outcome(task)]).toEqual(['failed', null])
    }
  })

  test('a failure whose joiner was cancelled before is told to the host', () => {
    const { host } = runMock(function* () {
      const failing = currentTask().kernel.spawn(function* () {
        yield* sleep(10)
        throw new Error('lost')
      })
      const joiner = currentTask().kernel.spawn(failing)
      yield* giveWay()
      joiner.cancel()
      yield* sleep(20)
    })
    expect(host.failures.map(String)).toEqual(['Error: lost'])
  })

  test('the cancel of somebody else, thrown in the body of a nursery, ends its children', () => {
    const { task, elapsed } = runMock(function* () {
      const other = currentTask().kernel.spawn(sleep(1000))
      yield* giveWay()
      other.cancel()
      yield* nursery(function* (children) {
        children.spawn(sleep(500))
        yield* other
      })
    })
    expect(elapsed).toBe(0)
    expect(outcome(task)).toBeInstanceOf(Cancelled)
  })

  test('a child that returns a cancel which it caught is done, and its nursery too', () => {
    expect(
      resultOf(function* () {
        const other = currentTask().kernel.spawn(sleep(1000))
        yield* giveWay()
        other.cancel()
        return yield* nursery(function* (children) {
          children.spawn(function* () {
            try {
              yield* other
              return undefined
            } catch (error) {
              return error
            }
          })
          return 'done'
        })
      }),
    ).toBe('done')
  })

  test('a fault in a keeper or in the owner of a deadline does not stop the other tasks', () => {
    const host = new MockHost()
    const kernel = new Kernel(host)
    const log: string[] = []
    kernel.start(sleep(1), 'kept', null, {
      ended() {
        throw new Error('keeper')
      },
    })
    kernel.spawn(function* () {
      yield* sleep(1)
      yield* giveWay()
      log.push('went on')
    })
    expect(() => {
      host.settle()
    }).toThrow('keeper')
    host.settle()
    expect(log).toEqual(['went on'])
  })

  test('a time limit that is no number is refused', () => {
    expect(() => resultOf(withTimeout(NaN, sleep(1)))).toThrow('not NaN')
  })
})

describe('what is spawned into a scope', () => {
  test('does not outlive withScope', () => {
    const log: string[] = []
    const { kernel, elapsed } = runMock(function* () {
      const { kernel } = currentTask()
      yield* withScope(function* (scope) {
        kernel.spawn(
          function* () {
            try {
              yield* sleep(1000)
            } finally {
              log.push('ended')
            }
          },
          { scope },
        )
        yield* sleep(1)
      })
    })
    expect(log).toEqual(['ended'])
    expect(elapsed).toBe(1)
    expect(kernel.statistics()).toMatchObject({ tasks: 0, deadlines: 0 })
  })

  test('is cancelled from the start where the scope has ended', () => {
    const { task } = runMock(function* () {
      const { kernel } = currentTask()
      const owner = kernel.spawn(giveWay())
      yield* owner
      const late = kernel.spawn(sleep(1000), { scope: owner })
      yield* waitEnd(late)
      return late.state
    })
    expect(outcome(task)).toBe('cancelled')
  })

  test('has its grace also where the scope was empty when it was cancelled', () => {
    const host = new MockHost()
    const kernel = new Kernel(host)
    const scope = new Scope(kernel, null, false)
    scope.cancel()
    expect(kernel.statistics().deadlines).toBe(0)
    const began = host.now()
    kernel.spawn(stubborn(), { scope })
    host.settle()
    expect(host.now() - began).toBe(kernel.cancelGrace)
    expect(kernel.statistics()).toMatchObject({ tasks: 0, deadlines: 0 })
  })

  test('keeps its grace where the task whose scope it is ends meanwhile', () => {
    const { kernel, elapsed } = runMock(function* () {
      const { kernel } = currentTask()
      const owner = kernel.spawn(sleep(1000))
      kernel.spawn(stubborn(), { scope: owner })
      yield* giveWay()
      owner.grace = 30
      owner.cancel()
    })
    expect(elapsed).toBe(30)
    expect(kernel.statistics()).toMatchObject({ tasks: 0, deadlines: 0 })
  })
})

describe('a nursery waits', () => {
  test('for a child that comes after the last one has ended', () => {
    const log: string[] = []
    runMock(function* () {
      let kept: Nursery | undefined
      const { kernel } = currentTask()
      kernel.spawn(function* () {
        yield* sleep(10)
        // Now the child ends and wakes the nursery, which runs after us.
        yield* giveWay()
        kept?.spawn(function* () {
          yield* sleep(5)
          log.push('late child')
        })
      })
      yield* nursery(function* (children) {
        kept = children
        children.spawn(sleep(10))
      })
      log.push('end')
    })
    expect(log).toEqual(['late child', 'end'])
  })

  test('for what was spawned into its scope by other ways', () => {
    const { task, elapsed } = runMock(function* () {
      yield* nursery(function* ({ scope }) {
        scope.kernel.spawn(sleep(10), { scope })
      })
    })
    expect(elapsed).toBe(10)
    expect(task.state).toBe('done')
  })
})

describe('a task that is dropped', () => {
  test('has its last finally blocks run, its children ended, and their failures told', () => {
    const log: string[] = []
    const lot = new ParkingLot('for ever')
    const { host, kernel } = runMock(function* () {
      const { kernel } = currentTask()
      kernel.cancelGrace = 10
      const dropped = kernel.spawn(function* () {
        try {
          yield* nursery(function* (children) {
            children.spawn(function* (): Coroutine<never> {
              yield* sleep(1)
              throw new Error('child')
            })
            children.spawn(shield(sleep(500)))
            children.spawn(park(lot))
            yield* stubborn()
          })
        } finally {
          log.push('finally')
        }
      })
      yield* waitEnd(dropped)
    })
    expect(log).toEqual(['finally'])
    expect(host.failures.map(String)).toEqual([expect.stringContaining('went on waiting'), 'Error: child'])
    expect(lot.size).toBe(0)
    expect(kernel.statistics()).toMatchObject({ tasks: 0, deadlines: 0 })
  })
})

/** Goes on whatever comes. */
function* stubborn(): Coroutine<never> {
  for (;;) {
    try {
      yield* sleep(3000)
    } catch {
      // Go on regardless.
    }
  }
}

/** The second whatever becomes of the first. */
function* waitBoth(first: Operation<unknown>, second: Runnable<unknown>): Coroutine<void> {
  try {
    yield* first
  } finally {
    yield* operationOf(second)
  }
}

function* waitEnd(task: Task): Coroutine<void> {
  try {
    yield* task
  } catch {
    // However it ended.
  }
}

function outcome(task: Task): unknown {
  let outcome: unknown
  task.whenEnded((_failed, result) => (outcome = result))
  return outcome
}
