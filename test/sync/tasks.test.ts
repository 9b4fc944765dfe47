/*
 * The toolbox around tasks: ends and links, joining, killing, groups.
 */
import { describe, expect, test } from 'vitest'
import { currentTask, giveWay, nursery, shield, sleep, withScope } from '../../lib/kernel/index.ts'
import type { Coroutine, Operation, Scope, Task } from '../../lib/kernel/index.ts'
import {
  Event,
  Queue,
  TaskGroup,
  asCompleted,
  joinAll,
  kill,
  killAll,
  link,
  linkError,
  linkValue,
  moveOnAfter,
  endingOf,
  waitFor,
} from '../../lib/sync/index.ts'
import { caughtBy } from '../support/caught.ts'
import { resultOf, checkMock } from '../support/mock-host.ts'

function* after<T>(time: number, value: T): Coroutine<T> {
  yield* sleep(time)
  return value
}
function* failing(time: number, message: string): Coroutine<never> {
  yield* sleep(time)
  throw new Error(message)
}
const spawn = <T>(work: Operation<T>, name?: string): Task<T> =>
  currentTask().kernel.spawn(work, name === undefined ? {} : { name })

describe('outcomes', () => {
  test('tell how a task ended', () => {
    resultOf(function* () {
      const [done, failed, cancelled] = [spawn(after(1, 7)), spawn(failing(1, 'no')), spawn(sleep(100))]
      expect(() => endingOf(done)).toThrow('has not ended')
      cancelled.cancel()
      yield* joinAll([done, failed, cancelled])
      expect(endingOf(done)).toEqual({ state: 'done', value: 7 })
      expect(endingOf(failed)).toEqual({ state: 'failed', error: new Error('no') })
      expect(endingOf(cancelled)).toMatchObject({ state: 'cancelled', error: { code: 'GYRE_CANCELLED' } })
    })
  })
})

describe('links', () => {
  test('call back on the end that they are for', () => {
    const log: string[] = []
    const { host } = checkMock(function* () {
      const tasks: Task[] = [spawn(after(1, 'bread'), 'a'), spawn(failing(2, 'sold out'), 'b'), spawn(sleep(9), 'c')]
      for (const task of tasks) {
        link(task, ({ name, state }) => log.push(`${name} ${state}`))
        linkValue(task, (value) => log.push(`${task.name} has ${String(value)}`))
        linkError(task, (error) => log.push(`${task.name} threw ${(error as Error).message}`))
        if (task.name === 'c') task.cancel()
      }
      yield* sleep(10)
    })
    expect(log).toEqual(['c cancelled', 'a done', 'a has bread', 'b failed', 'b threw sold out'])
    expect(host.failures).toEqual([])
  })

  test('can be taken back, and call at once where the task has ended', () => {
    const log: string[] = []
    checkMock(function* () {
      const task = spawn(after(1, 1))
      const unlink = link(task, () => log.push('taken back'))
      link(task, () => log.push('kept'))
      unlink()
      yield* task
      link(task, () => log.push('late'))
    })
    expect(log).toEqual(['kept', 'late'])
  })

  test('do not hide a failure from the host, unless they take the error', () => {
    const { host } = checkMock(function* () {
      const [seen, unseen] = [spawn(failing(1, 'seen')), spawn(failing(1, 'unseen'))]
      for (const task of [seen, unseen]) {
        link(task, () => undefined)
        linkValue(task, () => undefined)
      }
      linkError(seen, () => undefined)
      yield* sleep(5)
    })
    expect(host.failures.map(String)).toEqual(['Error: unseen'])
  })

  test('that throw are reported, and keep nobody else from being called', () => {
    const log: string[] = []
    const { host } = checkMock(function* () {
      const task = spawn(after(1, 1))
      link(task, () => {
        throw new Error('bad link')
      })
      link(task, () => log.push('next'))
      expect(yield* task).toBe(1)
    })
    expect([log, host.failures.map(String)]).toEqual([['next'], ['Error: bad link']])
  })
})

describe('joinAll', () => {
  test('waits for all, in the order in which they end, whatever the end', () => {
    const { elapsed, host } = checkMock(function* () {
      const tasks = [spawn(after(30, 0), 'slow'), spawn(failing(10, 'no'), 'bad'), spawn(after(20, 0), 'mid')]
      expect((yield* joinAll(tasks)).map(({ name }) => name)).toEqual(['bad', 'mid', 'slow'])
      expect(yield* joinAll([])).toEqual([])
      expect((yield* joinAll(tasks, { count: 2 })).length).toBe(2)
    })
    expect([elapsed, host.failures]).toEqual([30, []])
  })

  test('ends after a time or a number, and leaves the others alone', () => {
    resultOf(function* () {
      const tasks = [1, 2, 30].map((time) => spawn(after(time, time)))
      // By number: toEqual would iterate the tasks themselves.
      const numbers = (ended: readonly Task<number>[]): number[] => ended.map((task) => tasks.indexOf(task))
      expect(numbers(yield* joinAll(tasks, { timeout: 10 }))).toEqual([0, 1])
      expect(numbers(yield* joinAll(tasks, { count: 1 }))).toEqual([0])
      expect(numbers(yield* joinAll(tasks, { timeout: 0 }))).toEqual([0, 1])
      expect(yield* tasks[2] as Task).toBe(30)
    })
  })

  test('throws the first error, where that is asked for, as soon as it comes', () => {
    const { elapsed } = checkMock(function* () {
      const tasks = [spawn(sleep(100)), spawn(failing(10, 'first')), spawn(failing(20, 'second'))]
      expect((yield* caughtBy(joinAll(tasks, { firstError: true }))).message).toBe('first')
      expect(currentTask().kernel.host.now()).toBe(1010)
      expect((yield* joinAll(tasks)).length).toBe(3)
    })
    expect(elapsed).toBe(100)
  })

  test('a failure after the join was given up is reported', () => {
    const { host } = checkMock(function* () {
      const task = spawn(failing(20, 'late'))
      expect(yield* joinAll([task], { timeout: 10 })).toEqual([])
      yield* sleep(20)
    })
    expect(host.failures.map(String)).toEqual(['Error: late'])
  })

  test('refuses numbers that are none', () => {
    resultOf(function* () {
      expect(yield* caughtBy(joinAll([], { timeout: NaN }))).toMatchObject({ code: 'GYRE_TASK_MISUSE' })
      expect(yield* caughtBy(joinAll([], { count: 0 }))).toMatchObject({ code: 'GYRE_TASK_MISUSE' })
    })
  })
})

describe('waiting for several things', () => {
  test('gives them as they become ready, each once', () => {
    resultOf(function* () {
      const [bell, queue, set] = [new Event(), new Queue<number>(), new Event()]
      set.set()
      const nap = spawn(sleep(20))
      spawn(
        (function* () {
          yield* sleep(10)
          queue.tryPut(1)
          yield* sleep(20)
          bell.set()
        })(),
      )
      const source = asCompleted([bell, queue, nap, set, bell])
      const order: number[] = []
      for (let got = yield* source.next(); got.done !== true; got = yield* source.next())
        order.push([set, queue, nap, bell].indexOf(got.value))
      expect(order).toEqual([0, 1, 2, 3])
    })
  })

  test('takes back what it has asked for, when it has enough or is cancelled', () => {
    resultOf(function* () {
      const [bell, queue] = [new Event(), new Queue<number>()]
      const waiter = spawn(waitFor([bell, queue]))
      yield* giveWay()
      expect([bell.statistics().waiting, queue.statistics().getting]).toEqual([1, 1])
      yield* kill(waiter)
      expect([bell.statistics().waiting, queue.statistics().getting]).toEqual([0, 0])
    })
  })
})

describe('kill', () => {
  test('cancels, and waits for the cleanup', () => {
    const log: string[] = []
    checkMock(function* () {
      const task = spawn(
        (function* () {
          try {
            yield* sleep(1000)
          } finally {
            yield* sleep(5)
            log.push('clean')
          }
        })(),
      )
      yield* giveWay()
      expect((yield* kill(task, { reason: 'no more' })).state).toBe('cancelled')
      log.push('killed')
      expect((endingOf(task) as { error: Error }).error.message).toBe('cancelled: no more')
    })
    expect(log).toEqual(['clean', 'killed'])
  })

  test('takes no longer than its grace, whatever the task does', () => {
    resultOf(function* () {
      const { host } = currentTask().kernel
      const began = host.now()
      const stubborn = spawn(
        (function* () {
          for (;;)
            try {
              yield* sleep(1000)
            } catch {
              // It does not want to hear.
            }
        })(),
      )
      yield* giveWay()
      expect((yield* kill(stubborn, { grace: 50 })).state).toBe('cancelled')
      expect(host.now() - began).toBe(50)
    })
  })

  test('of a task that has ended tells how; of itself is misuse', () => {
    resultOf(function* () {
      const task = spawn(after(1, 'bread'))
      yield* task
      expect(yield* kill(task)).toEqual({ state: 'done', value: 'bread' })
      expect((yield* caughtBy(kill(currentTask()))).message).toContain('cannot kill itself')
    })
  })

  test('hands a failure of the cleanup to the killer', () => {
    const { host } = checkMock(function* () {
      const tasks = [1, 2].map((number) =>
        spawn(
          (function* () {
            try {
              yield* sleep(1000)
            } finally {
              throw new Error(`cleanup ${number}`)
            }
          })(),
        ),
      )
      yield* giveWay()
      const outcomes = yield* killAll(tasks)
      expect(outcomes.map((outcome) => String((outcome as { error: unknown }).error))).toEqual([
        'Error: cleanup 1',
        'Error: cleanup 2',
      ])
    })
    expect(host.failures).toEqual([])
  })
})

describe('moveOnAfter', () => {
  test('gives the result in time, another value or nothing after it, when the cleanup is done', () => {
    const { elapsed } = checkMock(function* () {
      expect(yield* moveOnAfter(10, after(5, 'bread'))).toBe('bread')
      expect(yield* moveOnAfter(10, after(50, 'bread'))).toBeUndefined()
      const limited = moveOnAfter(
        10,
        function* () {
          try {
            yield* sleep(50)
          } finally {
            yield* sleep(3)
          }
          return 'bread'
        },
        'nothing',
      )
      expect(yield* limited).toBe('nothing')
    })
    expect(elapsed).toBe(5 + 10 + 13)
  })

  test('nests: each limit ends its own work and no more', () => {
    resultOf(function* () {
      const nested = (outer: number, inner: number) =>
        moveOnAfter(
          outer,
          function* () {
            const value = yield* moveOnAfter(inner, after(50, 'work'), 'inner')
            yield* sleep(5)
            return value
          },
          'outer',
        )
      expect(yield* nested(30, 10)).toBe('inner')
      expect(yield* nested(10, 30)).toBe('outer')
      expect(yield* nested(10, 10)).toBe('outer')
    })
  })

  test('can be put off by the work, and does not reach into a shield', () => {
    resultOf(function* () {
      const { host } = currentTask().kernel
      function* extending(scope: Scope): Coroutine<string> {
        yield* sleep(5)
        scope.cancelAt(host.now() + 100, 'put off')
        return yield* after(50, 'bread')
      }
      expect(yield* moveOnAfter(10, extending)).toBe('bread')
      const log: string[] = []
      const shielded = moveOnAfter(5, function* () {
        yield* shield(after(20, 0))
        log.push('shield ended')
        yield* sleep(1)
        log.push('never')
      })
      yield* shielded
      expect(log).toEqual(['shield ended'])
    })
  })

  test('lets through errors, and the cancel of others', () => {
    resultOf(function* () {
      expect((yield* caughtBy(moveOnAfter(10, failing(1, 'no')))).message).toBe('no')
      const task = spawn(moveOnAfter(50, sleep(100)))
      yield* giveWay()
      expect((yield* kill(task)).state).toBe('cancelled')
      expect(yield* caughtBy(moveOnAfter(NaN, sleep(1)))).toMatchObject({ code: 'GYRE_TASK_MISUSE' })
    })
  })
})

describe('TaskGroup', () => {
  test('join waits for all, also for those that come meanwhile', () => {
    const { elapsed } = checkMock(function* () {
      const group = new TaskGroup({ name: 'crew' })
      group.spawn(function* () {
        yield* sleep(10)
        group.spawn(sleep(20), 'late')
      })
      expect(group.statistics()).toEqual({ running: ['crew 1'], spawned: 1 })
      yield* group.join()
      expect(group.statistics()).toEqual({ running: [], spawned: 2 })
      yield* group.join()
    })
    expect(elapsed).toBe(30)
  })

  test('join throws the failures of its time, others are reported', () => {
    const { host } = checkMock(function* () {
      const group = new TaskGroup()
      group.spawn(failing(1, 'before'))
      yield* sleep(5)
      group.spawn(failing(10, 'one'))
      group.spawn(failing(5, 'two'))
      const error = yield* caughtBy(group.join())
      expect((error as AggregateError).errors.map(String)).toEqual(['Error: two', 'Error: one'])
      group.spawn(failing(5, 'alone'))
      expect((yield* caughtBy(group.join())).message).toBe('alone')
      group.spawn(failing(20, 'after'))
      yield* moveOnAfter(10, group.join())
      yield* sleep(20)
    })
    expect(host.failures.map(String)).toEqual(['Error: before', 'Error: after'])
  })

  test('ends with its scope, or with its block', () => {
    resultOf(function* () {
      let group: TaskGroup | undefined
      yield* withScope(function* (scope) {
        group = new TaskGroup({ scope })
        group.spawn(sleep(1000))
        yield* giveWay()
        scope.cancel()
      })
      yield* giveWay()
      expect(group?.size).toBe(0)
      let task: Task | undefined
      {
        using block = new TaskGroup()
        task = block.spawn(sleep(1000))
        yield* giveWay()
        group = block
      }
      yield* joinAll([task])
      expect(task.state).toBe('cancelled')
      expect(() => group?.spawn(sleep(1))).toThrow('takes no more tasks')
    })
  })

  test('may have its tasks in a nursery, which waits for them', () => {
    const { elapsed } = checkMock(function* () {
      yield* nursery(function* (children) {
        const group = new TaskGroup({ scope: children.scope })
        group.spawn(sleep(10))
        yield* giveWay()
      })
    })
    expect(elapsed).toBe(10)
  })

  test('is listed, cancelled and killed as one', () => {
    resultOf(function* () {
      const group = new TaskGroup()
      for (let count = 0; count < 3; count++) group.spawn(sleep(1000))
      const tasks = [...group]
      yield* giveWay()
      yield* group.kill()
      expect([group.size, tasks.map(({ state }) => state)]).toEqual([0, ['cancelled', 'cancelled', 'cancelled']])
    })
  })
})
