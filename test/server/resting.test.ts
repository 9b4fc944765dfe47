/*
 * What is its task's iterator by hand, and no generator, keeps to what generators do.
 */
import { expect, test } from 'vitest'
import { Spot, currentTask, giveWay, park, sleep } from '../../lib/kernel/index.ts'
import type { Coroutine, Task, Trap } from '../../lib/kernel/index.ts'
import { OVER, Resting } from '../../lib/server/resting.ts'
import { resultOf } from '../support/mock-host.ts'

/** Does what is put on its desk; what ends in an ellipsis takes a while. */
class Clerk extends Resting {
  readonly log: string[] = []
  private readonly desk: string[] = []
  private readonly bell = new Spot('the bell')

  put(...sheets: string[]): void {
    this.desk.push(...sheets)
    this.bell.wake()
  }

  expired(): void {
    this.log.push('expired')
  }

  protected get busy(): boolean {
    return this.desk.length > 0
  }

  protected tryWork(): Coroutine<void> | null {
    for (let sheet = this.desk.shift(); sheet !== undefined; sheet = this.desk.shift()) {
      if (sheet.endsWith('…')) return this.ponder(sheet)
      this.log.push(sheet)
    }
    return null
  }

  private *ponder(sheet: string): Coroutine<void> {
    try {
      if (sheet !== 'nothing…') yield* sleep(10)
      this.log.push(sheet)
    } catch (error) {
      this.log.push(`${sheet} ${String(error)}`)
      if (sheet === 'give up…') throw error
    } finally {
      this.log.push('put away')
    }
  }

  protected rest(): IteratorResult<Trap, void> {
    if (this.log.at(-1) === 'home') return OVER
    this.log.push('rests')
    return park<undefined>(this.bell)[Symbol.iterator]().next()
  }

  protected broken(error: unknown): void {
    this.log.push(`broken by ${String(error)}`)
  }
}

function* employ(clerk: Clerk): Coroutine<Task<void>> {
  const task = currentTask().kernel.spawn(clerk, { name: 'clerk' })
  task.whenEnded(() => undefined)
  yield* giveWay()
  yield* giveWay()
  return task
}

test('rests between pieces of work, and what came during one is done before the next rest', () => {
  const log = resultOf(function* () {
    const clerk = new Clerk()
    const task = yield* employ(clerk)
    clerk.put('a', 'b')
    yield* sleep(1)
    clerk.put('c', 'slow…', 'nothing…', 'd')
    yield* sleep(1)
    clerk.put('e', 'home')
    yield* task
    return clerk.log
  })
  const slow = ['slow…', 'put away', 'nothing…', 'put away']
  expect(log).toEqual(['rests', 'a', 'b', 'rests', 'c', ...slow, 'd', 'e', 'home'])
})

test('what is cancelled before its first step, or at rest, is broken off and has ended', () => {
  for (const started of [false, true]) {
    const [state, log] = resultOf(function* () {
      const clerk = new Clerk()
      const task = started ? yield* employ(clerk) : currentTask().kernel.spawn(clerk)
      task.cancel('it closes')
      yield* task
      return [task.state, clerk.log]
    })
    expect(state).toBe('done')
    expect(log).toEqual(['rests', 'broken by Cancelled: cancelled: it closes'])
  }
  const clerk = new Clerk()
  expect(clerk.throw('fire')).toEqual(OVER)
  expect(clerk.log).toEqual(['broken by fire'])
})

test('what is thrown during a piece of work is thrown into that, and goes on from there', () => {
  for (const [sheet, state, after] of [
    ['slow…', 'done', ['rests', 'broken by Error: fire']],
    ['give up…', 'failed', []],
  ] as const) {
    const [ended, log] = resultOf(function* () {
      const clerk = new Clerk()
      const task = yield* employ(clerk)
      clerk.put(sheet)
      yield* sleep(1)
      for (let time = 0; time < 2; time++) {
        task.trap?.undo(task)
        if (!task.ended) task.wakeThrow(new Error('fire'))
        yield* giveWay()
        yield* giveWay()
      }
      return [task.state, clerk.log]
    })
    expect(ended).toBe(state)
    expect(log).toEqual(['rests', `${sheet} Error: fire`, 'put away', ...after])
  }
})

test('what is given up in the middle of its work has that put away', () => {
  const log = resultOf(function* () {
    const clerk = new Clerk()
    const task = yield* employ(clerk)
    expect(clerk.return()).toEqual(OVER)
    expect(clerk.log).toEqual(['rests'])
    clerk.put('slow…')
    yield* sleep(1)
    expect(clerk.return()).toEqual(OVER)
    task.cancel()
    return clerk.log
  })
  expect(log).toEqual(['rests', 'put away'])
})
