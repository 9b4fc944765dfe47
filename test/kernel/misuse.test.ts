/*
 * What careless and hostile programs do to the kernel, and what it does about it. Nothing of it may stop the kernel,
 * end the process, or be silent.
 */
import { spawnSync } from 'node:child_process'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { NodeHost } from '../../lib/io/index.ts'
import {
  Awaitable,
  Deadline,
  Deadlines,
  Kernel,
  currentTask,
  giveWay,
  shield,
  sleep,
  waitPromise,
  withScope,
  withTimeout,
} from '../../lib/kernel/index.ts'
import type { Coroutine, Scope, Task } from '../../lib/kernel/index.ts'
import { MockHost, runMock } from '../support/mock-host.ts'

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('waitPromise', () => {
  test('a thenable may call back at once, more than once, and even when nobody waits any more', () => {
    let late: ((value: unknown) => void) | undefined
    const { task } = runMock(function* () {
      const got: unknown[] = [
        yield* waitPromise({
          then(fulfilled: (value: number) => void) {
            fulfilled(1)
            fulfilled(2)
          },
        } as unknown as PromiseLike<number>),
      ]
      try {
        yield* waitPromise({
          then(_fulfilled: unknown, rejected: (reason: unknown) => void) {
            rejected('refused')
          },
        } as unknown as PromiseLike<number>)
      } catch (error) {
        got.push(error)
      }
      try {
        yield* withTimeout(1, waitPromise({ then: (fulfilled: never) => void (late = fulfilled) } as never))
      } catch {
        late?.('too late')
      }
      yield* giveWay()
      return got
    })
    expect(outcome(task)).toEqual([1, 'refused'])
  })

  test('the cancel of another task that comes by a promise is thrown on', async () => {
    const host = new MockHost()
    const other = host.kernel.spawn(sleep(1000))
    const awaited = other.then()
    const work = host.run(waitPromise(awaited))
    other.cancel('enough')
    await expect(work).rejects.toMatchObject({ code: 'GYRE_CANCELLED' })
  })
})

describe('what is yielded by mistake', () => {
  test('a promise: its rejection is the cause, and does not end the process', async () => {
    const host = new MockHost()
    const unhandled: unknown[] = []
    const note = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', note)
    try {
      const reason = new Error('of the promise')
      await expect(
        host.run(function* () {
          yield Promise.reject(reason) as never
        }),
      ).rejects.toMatchObject({ code: 'GYRE_TASK_MISUSE', cause: reason })
      await later()
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', note)
    }
  })
})

describe('deadlines', () => {
  class Owner {
    fired = 0
    expired(): void {
      this.fired++
    }
  }

  test('set to Infinity is taken back, and the counts stay true', () => {
    const deadlines = new Deadlines()
    const owner = new Owner()
    const deadline = new Deadline(owner)
    deadlines.set(deadline, Infinity)
    expect(deadlines.size).toBe(0)
    for (let lap = 0; lap < 3000; lap++) {
      deadlines.set(deadline, 10 + lap)
      deadlines.set(deadline, Infinity)
    }
    expect([deadlines.size, deadlines.next()]).toEqual([0, Infinity])
    deadlines.set(deadline, 5)
    deadlines.expire(10_000)
    expect([owner.fired, deadlines.size]).toEqual([1, 0])
  })

  test('NaN is refused', () => {
    expect(() => {
      new Deadlines().set(new Deadline(new Owner()), NaN)
    }).toThrow('not NaN')
  })

  test('further off than Node can count do not make the host tick at once, over and over', async () => {
    const kernel = new Kernel(new NodeHost())
    const sleeper = kernel.spawn(sleep(30 * 24 * 3_600_000))
    const { ticks } = kernel.statistics()
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(kernel.statistics().ticks - ticks).toBeLessThan(5)
    sleeper.cancel()
    await sleeper.catch(() => undefined)
  })
})

describe('failures that cannot be written down', () => {
  afterEach(() => {
    vi.restoreAllMocks()
    process.exitCode = undefined
  })

  test.each([
    ['an object without prototype', Object.create(null)],
    ['an error whose stack throws', Object.defineProperty(new Error('x'), 'stack', { get: fail })],
    ['a proxy that throws', new Proxy({}, { getPrototypeOf: fail, get: fail })],
  ])('%s, thrown in a task that nobody waits for, is reported', async (_what, thrown) => {
    const written: string[] = []
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written.push(String(text))
      return true
    })
    const kernel = new Kernel(new NodeHost())
    kernel.spawn(
      function* (): Coroutine<never> {
        throw thrown
      },
      { name: 'odd' },
    )
    await later()
    await later()
    expect(written.join('')).toContain('task odd failed')
    expect(process.exitCode).toBe(1)
  })
})

describe('promises of operations', () => {
  class Answer extends Awaitable<string> {
    protected readonly kernel: Kernel
    protected readonly scope = null
    private readonly failing: boolean

    constructor(kernel: Kernel, failing: boolean) {
      super()
      this.kernel = kernel
      this.failing = failing
    }

    *[Symbol.iterator](): Coroutine<string> {
      yield* giveWay()
      if (this.failing) throw new Error('no answer')
      return 'answer'
    }
  }

  test('what can be awaited, and a task, have catch and finally as promises do', async () => {
    const kernel = new Kernel(new NodeHost())
    const log: string[] = []
    const note = (error: unknown): number => log.push(String(error))
    expect(await new Answer(kernel, false).catch(note)).toBe('answer')
    await new Answer(kernel, true).catch(note)
    expect(await new Answer(kernel, false).finally(() => log.push('finally'))).toBe('answer')
    await expect(new Answer(kernel, true).finally(() => log.push('finally'))).rejects.toThrow('no answer')
    await kernel.spawn(new Answer(kernel, true)).catch(note)
    await kernel.spawn(new Answer(kernel, false)).finally(() => log.push('finally'))
    const failure = 'Error: no answer'
    expect(log).toEqual([failure, 'finally', 'finally', failure, 'finally'])
  })
})

describe('a listener that throws', () => {
  test('ends no task twice, keeps nobody else from being told, and is told to the host', () => {
    const log: string[] = []
    const { host, kernel } = runMock(function* () {
      const { kernel } = currentTask()
      const done = kernel.spawn(sleep(1))
      const failing = kernel.spawn(function* (): Coroutine<never> {
        throw new Error('its own')
      })
      for (const task of [done, failing]) {
        task.whenEnded(() => {
          throw new Error('listener')
        })
        task.whenEnded((failed) => log.push(failed ? 'failed' : 'done'))
      }
      yield* sleep(2)
      done.whenEnded(() => {
        throw new Error('late listener')
      })
      log.push(done.state, failing.state)
    })
    expect(log).toEqual(['failed', 'done', 'done', 'failed'])
    expect(host.failures.map(String)).toEqual(['Error: listener', 'Error: listener', 'Error: late listener'])
    expect(kernel.statistics()).toMatchObject({ tasks: 0, ready: 0 })
  })

  test('does not stop the kernel of a process either', () => {
    const program = `
      import { run, sleep, spawn } from '${new URL('../../dist/index.js', import.meta.url).href}'
      spawn(sleep(1)).whenEnded(() => { throw new Error('listener') })
      await run(sleep(5))
      console.log('went on')`
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect([stdout, status]).toEqual(['went on\n', 1])
  })
})

describe('refusals', () => {
  /** Unwinds, but asks to wait five times on its way out, after its grace. */
  function* slowToLeave(depth: number): Coroutine<void> {
    try {
      if (depth === 0) yield* sleep(1000)
      else yield* slowToLeave(depth - 1)
    } finally {
      yield* sleep(1000)
    }
  }

  test('are not held against a task that has left the scope: a worker may be refused at each of its jobs', () => {
    let jobs = 0
    const { host, task } = runMock(function* () {
      currentTask().kernel.cancelGrace = 5
      for (; jobs < 500; jobs++) {
        try {
          yield* withTimeout(2, slowToLeave(5))
        } catch (error) {
          expect(error).toMatchObject({ code: 'GYRE_TIMEOUT' })
        }
      }
    })
    expect([jobs, task.state, host.failures]).toEqual([500, 'done', []])
  })

  test('a task that is dropped for a cancel of only a stretch of it is reported once', () => {
    let inner: Scope | undefined
    const { host, kernel } = runMock(function* () {
      const { kernel } = currentTask()
      kernel.cancelGrace = 5
      const dropped: Task = kernel.spawn(
        withScope(function* (scope) {
          inner = scope
          for (;;) {
            try {
              yield* sleep(1000)
            } catch {
              // Goes on regardless.
            }
          }
        }),
      )
      yield* giveWay()
      inner?.cancel()
      yield* sleep(20)
      expect(dropped.state).toBe('cancelled')
    })
    expect(host.failures).toMatchObject([{ code: 'GYRE_CANCEL_IGNORED' }])
    expect(kernel.statistics()).toMatchObject({ tasks: 0, deadlines: 0 })
  })

  test('one that goes on in shields between refusals is still dropped', () => {
    const { host } = runMock(function* () {
      const { kernel } = currentTask()
      const dodging = kernel.spawn(function* () {
        for (;;) {
          try {
            yield* shield(giveWay())
            yield* sleep(1000)
          } catch {
            // Goes on regardless.
          }
        }
      })
      yield* giveWay()
      dodging.grace = 5
      dodging.cancel()
      yield* sleep(20_000)
    })
    expect(host.failures).toMatchObject([{ code: 'GYRE_CANCEL_IGNORED' }])
  })
})

function fail(): never {
  throw new Error('not even this')
}

function outcome(task: Task): unknown {
  let outcome: unknown
  task.whenEnded((_failed, result) => (outcome = result))
  return outcome
}
