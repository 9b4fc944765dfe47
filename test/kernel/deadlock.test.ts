/*
 * Deadlocks: found where nothing but a cancel could help, and nowhere else.
 */
import { describe, expect, test } from 'vitest'
import {
  currentTask,
  findDeadlock,
  formatDeadlock,
  giveWay,
  nursery,
  sleep,
  withTimeout,
} from '../../lib/kernel/index.ts'
import type { Coroutine, Deadlock, Operation, Runnable, Task } from '../../lib/kernel/index.ts'
import { CapacityLimiter, Lock, Queue, Semaphore, holding, kill } from '../../lib/sync/index.ts'
import type { Holdable } from '../../lib/sync/index.ts'
import { VirtualHost, runVirtual } from '../../lib/testing/index.ts'
import { MockHost, resultOf } from '../support/mock-host.ts'

const spawn = (work: Runnable<unknown>, name: string): Task => currentTask().kernel.spawn(work, { name })
const cycleOf = (deadlock: Deadlock | undefined): string[] | undefined =>
  deadlock?.cycle.map(({ task, waitingFor, holder }) => `${task.name}: ${waitingFor} -> ${holder.name}`)

/** Holds the first, and wants the second. */
function both(first: Holdable, second: Holdable, inside: Operation<unknown> = sleep(1)): () => Operation<unknown> {
  return () =>
    holding(first, function* () {
      yield* giveWay()
      yield* holding(second, inside)
    })
}

/** Runs tasks until all of them wait, and looks. */
function look(make: () => Task[]): Deadlock | undefined {
  return resultOf(function* () {
    const tasks = make()
    yield* sleep(5)
    const deadlock = findDeadlock(tasks)
    for (const task of tasks) yield* kill(task)
    return deadlock
  })
}

describe('found', () => {
  test('two locks, taken in opposite orders', () => {
    const [one, two] = [new Lock(), new Lock()]
    const deadlock = look(() => [spawn(both(one, two), 'ada'), spawn(both(two, one), 'bob')])
    expect(cycleOf(deadlock)).toEqual(['ada: a lock -> bob', 'bob: a lock -> ada'])
    expect(formatDeadlock(deadlock as Deadlock)).toBe(
      'tasks wait for each other:\n' +
        '  task ada waits for a lock, which depends on task bob\n' +
        '  task bob waits for a lock, which depends on task ada\n',
    )
  })

  test('three in a circle, and who stands behind them', () => {
    const locks = [new Lock(), new Lock(), new Lock()] as const
    const deadlock = look(() => [
      spawn(both(locks[0], locks[1]), 'ada'),
      spawn(both(locks[1], locks[2]), 'bob'),
      spawn(both(locks[2], locks[0]), 'cyd'),
      spawn(locks[0].acquire(), 'dan'),
    ])
    expect(deadlock?.cycle.map(({ task }) => task.name)).toEqual(['ada', 'bob', 'cyd'])
    expect(deadlock?.behind.map(({ name }) => name)).toEqual(['dan'])
  })

  test('through a nursery and a join: a child wants the lock that its parent holds', () => {
    const lock = new Lock()
    const deadlock = look(() => [
      spawn(
        holding(lock, () =>
          nursery(function* (children) {
            children.spawn(lock.acquire(), 'child')
            children.spawn(sleep(1), 'good child')
          }),
        ),
        'parent',
      ),
    ])
    expect(cycleOf(deadlock)).toEqual(['parent: the children of a nursery -> child', 'child: a lock -> parent'])
  })

  test('two tasks that join each other', () => {
    const deadlock = look(() => {
      const tasks: Task[] = []
      const joining = (index: number): (() => Coroutine<unknown>) =>
        function* () {
          return yield* tasks[index] as Task
        }
      tasks.push(spawn(joining(1), 'ada'), spawn(joining(0), 'bob'))
      return tasks.slice(0, 1)
    })
    expect(cycleOf(deadlock)).toEqual(['ada: the end of task bob -> bob', 'bob: the end of task ada -> ada'])
    expect(formatDeadlock(deadlock as Deadlock)).toContain('  task ada waits for the end of task bob\n')
  })

  test('all tokens of a limiter are held by those who wait for it', () => {
    const [limiter, lock] = [new CapacityLimiter(2), new Lock()]
    const deadlock = look(() => [
      spawn(both(lock, limiter), 'ada'),
      spawn(both(limiter, lock), 'bob'),
      spawn(both(limiter, lock), 'cyd'),
    ])
    expect(deadlock?.cycle.map(({ task }) => task.name)).toContain('ada')
    expect(deadlock?.behind.length).toBe(1)
  })
})

describe('not found', () => {
  test.each<[why: string, make: () => Task[]]>([
    [
      'one of them has a time limit',
      () => {
        const [one, two] = [new Lock(), new Lock()]
        return [
          spawn(both(one, two), 'ada'),
          spawn(function* () {
            yield* withTimeout(1000, both(two, one))
          }, 'bob'),
        ]
      },
    ],
    [
      'one token of the limiter is with somebody who goes on',
      () => {
        const [limiter, lock] = [new CapacityLimiter(2), new Lock()]
        return [
          spawn(both(lock, limiter), 'ada'),
          spawn(both(limiter, lock), 'bob'),
          spawn(holding(limiter, sleep(500)), 'cyd'),
        ]
      },
    ],
    [
      'anybody could release the semaphore, or put into the queue',
      () => {
        const [semaphore, queue, lock] = [new Semaphore(0), new Queue(), new Lock()]
        return [spawn(holding(lock, semaphore.acquire()), 'ada'), spawn(holding(lock, queue.get()), 'bob')]
      },
    ],
    [
      'somebody works on with the lock',
      () => {
        const lock = new Lock()
        return [spawn(holding(lock, sleep(500)), 'ada'), spawn(lock.acquire(), 'bob')]
      },
    ],
    ['nobody waits', () => []],
  ])('%s', (_why, make) => {
    expect(look(make)).toBeUndefined()
  })
})

describe('the virtual clock', () => {
  function* stuck(): Coroutine<void> {
    const [one, two] = [new Lock(), new Lock()]
    const { kernel } = currentTask()
    const bob = kernel.spawn(both(two, one), { name: 'bob' })
    yield* both(one, two)()
    yield* bob
  }

  test('rejects a run that would wait for ever, with the circle', async () => {
    await expect(new VirtualHost().run(stuck)).rejects.toMatchObject({
      code: 'GYRE_TASK_MISUSE',
      message: expect.stringMatching(
        /task virtual waits for a lock, which depends on task bob\n.*task bob waits/,
      ) as string,
    })
  })

  test('resultOf says it instead of only "never ended"', () => {
    expect(() => resultOf(stuck)).toThrow(/never ended.*a lock; tasks wait for each other:\n/)
    expect(() => resultOf(new Semaphore(0).acquire())).toThrow(/never ended; it waits for a permit of a semaphore$/)
  })

  test('leaves alone what waits for something outside', () => {
    const { host } = runVirtual(new Semaphore(0).acquire())
    expect(host.failures).toEqual([])
    expect(new MockHost().kernel.statistics().tasks).toBe(0)
  })
})
