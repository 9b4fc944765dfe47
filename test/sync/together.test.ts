/*
 * all and race, task locals, periodic work.
 */
import { describe, expect, test } from 'vitest'
import { currentTask, giveWay, nursery, sleep, withTimeout } from '../../lib/kernel/index.ts'
import type { Coroutine } from '../../lib/kernel/index.ts'
import { TaskLocal, all, every, kill, race } from '../../lib/sync/index.ts'
import { caughtBy } from '../support/caught.ts'
import { resultOf, checkMock } from '../support/mock-host.ts'

function* after<T>(time: number, value: T, log?: string[]): Coroutine<T> {
  try {
    yield* sleep(time)
    return value
  } finally {
    log?.push(`end ${String(value)}`)
  }
}
function* failing(time: number, message: string): Coroutine<never> {
  yield* sleep(time)
  throw new Error(message)
}

describe('all', () => {
  test('gives the results in the form of the works', () => {
    const { elapsed } = checkMock(function* () {
      expect(yield* all([after(20, 'a'), () => after(10, 2)])).toEqual(['a', 2])
      const record = yield* all({ late: after(20, 'a'), early: after(10, 2) })
      expect(Object.entries(record)).toEqual([
        ['late', 'a'],
        ['early', 2],
      ])
      expect([yield* all([]), yield* all({})]).toEqual([[], {}])
    })
    expect(elapsed).toBe(40)
  })

  test('the first failure cancels the others, and waits for their cleanup', () => {
    const log: string[] = []
    const { elapsed } = checkMock(function* () {
      const error = yield* caughtBy(all({ slow: after(50, 'slow', log), bad: failing(10, 'no') }))
      expect([error.message, log]).toEqual(['no', ['end slow']])
    })
    expect(elapsed).toBe(10)
  })

  test('a cancel from outside reaches all', () => {
    resultOf(function* () {
      const log: string[] = []
      const works = all([after(50, 'a', log), after(60, 'b', log)])
      expect(yield* caughtBy(withTimeout(10, works))).toMatchObject({ code: 'GYRE_TIMEOUT' })
      expect(log).toEqual(['end a', 'end b'])
    })
  })

  test('takes tasks that run already', () => {
    resultOf(function* () {
      const task = currentTask().kernel.spawn(after(10, 'task'))
      expect(yield* all([task, after(5, 'operation')])).toEqual(['task', 'operation'])
    })
  })
})

describe('race', () => {
  test('gives the first result, when the others have cleaned up', () => {
    const log: string[] = []
    const { elapsed } = checkMock(function* () {
      expect(yield* race([after(50, 'slow', log), after(10, 'quick', log)])).toBe('quick')
      expect(log).toEqual(['end quick', 'end slow'])
      expect(yield* race({ one: after(10, 1), two: after(20, 'b') })).toEqual({ name: 'one', value: 1 })
    })
    expect(elapsed).toBe(20)
  })

  test('a failure may be first', () => {
    resultOf(function* () {
      expect((yield* caughtBy(race([after(50, 1), failing(10, 'no')]))).message).toBe('no')
    })
  })

  test('of two that end at once, the first in the list wins', () => {
    expect(resultOf(race([after(10, 'a'), after(10, 'b')]))).toBe('a')
  })

  test('of none is misuse', () => {
    expect(() => resultOf(race([]))).toThrow('a race of none')
  })
})

describe('TaskLocal', () => {
  const user = new TaskLocal('nobody')

  test('belongs to a task, and is inherited along the spawn tree', () => {
    resultOf(function* () {
      expect(user.get()).toBe('nobody')
      user.set('ada')
      function* child(): Coroutine<string[]> {
        const seen = [user.get()]
        yield* sleep(1)
        user.set('bob')
        yield* nursery(function* (children) {
          const grandchild = children.spawn(function* () {
            return user.get()
          })
          seen.push(yield* grandchild)
        })
        return seen
      }
      const task = currentTask().kernel.spawn(child)
      user.set('cyd')
      // The child has what its parent had when it was spawned, and keeps its own to itself.
      expect(yield* task).toEqual(['ada', 'bob'])
      expect(user.get()).toBe('cyd')
    })
  })

  test('two locals do not meet; a set to undefined is a value', () => {
    resultOf(function* () {
      const other = new TaskLocal<number | undefined>(1)
      user.set('ada')
      other.set(undefined)
      expect([user.get(), other.get()]).toEqual(['ada', undefined])
      yield* giveWay()
    })
  })

  test('run puts back what was before, also after an error', () => {
    resultOf(function* () {
      user.set('ada')
      const work = user.run('bob', function* () {
        expect(user.get()).toBe('bob')
        yield* failing(1, 'no')
      })
      expect((yield* caughtBy(work)).message).toBe('no')
      expect(user.get()).toBe('ada')
    })
  })

  test('a task spawned from outside of every task starts with none; outside there is nothing to ask', () => {
    expect(() => user.get()).toThrow('can only be used inside a task')
    expect(
      resultOf(function* () {
        return user.get()
      }),
    ).toBe('nobody')
  })
})

describe('every', () => {
  test('keeps its beat, whatever the rounds take', () => {
    const beats: number[] = []
    const { kernel } = checkMock(function* () {
      const { host } = currentTask().kernel
      const began = host.now()
      const heart = every(10, function* () {
        beats.push(host.now() - began)
        yield* sleep(4)
      })
      const task = heart.start()
      // toEqual would iterate the task.
      expect(heart.start()).toBe(task)
      expect([heart.running, task.name]).toEqual([true, 'every 10 ms'])
      yield* sleep(45)
      heart.stop()
      yield* giveWay()
      expect(heart.statistics()).toEqual({ running: false, rounds: 4, skipped: 0, failures: 0 })
      yield* sleep(50)
    })
    expect(beats).toEqual([10, 20, 30, 40])
    expect(kernel.statistics().tasks).toBe(0)
  })

  test('a round that takes too long makes those that it covers fall out', () => {
    const beats: number[] = []
    checkMock(function* () {
      const { host } = currentTask().kernel
      const began = host.now()
      const heart = every(10, function* () {
        beats.push(host.now() - began)
        yield* sleep(beats.length === 1 ? 25 : 10)
      })
      heart.start()
      yield* sleep(65)
      expect(heart.statistics().skipped).toBe(2)
      heart.stop()
    })
    // The round of exactly one interval makes none fall out.
    expect(beats).toEqual([10, 40, 50, 60])
  })

  test('a failure is reported, and the next round comes all the same', () => {
    const { host } = checkMock(function* () {
      const heart = every(10, () => failing(1, 'skipped a beat'), { name: 'heart' })
      heart.start()
      yield* sleep(25)
      expect(heart.statistics()).toMatchObject({ rounds: 2, failures: 2 })
      yield* kill(heart.start())
      expect(heart.running).toBe(false)
      heart.start()
      yield* sleep(15)
      expect(heart.statistics().rounds).toBe(3)
      heart.stop()
    })
    expect(host.failures.map(String)).toEqual(Array(3).fill('Error: skipped a beat'))
  })

  test('stopping cancels the round that is under way', () => {
    const log: string[] = []
    checkMock(function* () {
      {
        using heart = every(10, () => after(1000, 'round', log))
        heart.start()
        yield* sleep(15)
      }
      yield* giveWay()
      yield* giveWay()
      expect(log).toEqual(['end round'])
    })
  })

  test('is an operation, which ends with the scope that it runs in', () => {
    let rounds = 0
    checkMock(function* () {
      const beating = every(10, function* () {
        rounds++
      })
      yield* caughtBy(withTimeout(35, beating))
      yield* sleep(100)
    })
    expect(rounds).toBe(3)
  })

  test('jitter puts rounds off by a part of the interval, and does not drift', () => {
    const beats: number[] = []
    checkMock(function* () {
      const { host } = currentTask().kernel
      const began = host.now()
      const heart = every(
        100,
        function* () {
          beats.push(host.now() - began)
        },
        { jitter: 0.5 },
      )
      heart.start()
      yield* sleep(10_060)
      heart.stop()
    })
    expect(beats).toHaveLength(100)
    for (const [index, beat] of beats.entries()) {
      expect(beat).toBeGreaterThanOrEqual((index + 1) * 100)
      expect(beat).toBeLessThanOrEqual((index + 1) * 100 + 51)
    }
    expect(new Set(beats.map((beat) => beat % 100)).size).toBeGreaterThan(1)
  })

  test('intervals and jitters out of range are misuse', () => {
    const work = function* (): Coroutine<void> {}
    for (const interval of [0, -1, NaN, Infinity]) expect(() => every(interval, work)).toThrow('an interval is')
    for (const jitter of [-0.1, 1, NaN]) expect(() => every(1, work, { jitter })).toThrow('jitter is')
  })
})
