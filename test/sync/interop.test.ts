/*
 * The bridges: AbortSignal in and out, async iterables.
 */
import { describe, expect, test } from 'vitest'
import { LIMITS } from '../../lib/base/index.ts'
import { homeKernel } from '../../lib/io/index.ts'
import { currentTask, giveWay, nursery, shield, sleep, withScope, withTimeout } from '../../lib/kernel/index.ts'
import type { Coroutine } from '../../lib/kernel/index.ts'
import { abortable, each, kill, moveOnAfter, signalOf, withSignal } from '../../lib/sync/index.ts'
import { caughtBy } from '../support/caught.ts'
import { resultOf, checkMock } from '../support/mock-host.ts'

/** A signal that counts its listeners. */
function countedSignal(): { controller: AbortController; listeners: () => number } {
  const controller = new AbortController()
  let listeners = 0
  const { signal } = controller
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++
    add(...args)
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--
    remove(...args)
  }
  return { controller, listeners: () => listeners }
}

describe('withSignal', () => {
  test('gives the result, and leaves no listener behind', () => {
    resultOf(function* () {
      const { controller, listeners } = countedSignal()
      const work = withSignal(controller.signal, function* () {
        yield* sleep(1)
        return listeners()
      })
      expect([yield* work, listeners()]).toEqual([1, 0])
      controller.abort()
      yield* sleep(1)
    })
  })

  test('cancels the work when the signal aborts, and throws its reason after the cleanup', () => {
    resultOf(function* () {
      const { controller, listeners } = countedSignal()
      const log: string[] = []
      const task = currentTask().kernel.spawn(
        withSignal(controller.signal, function* () {
          try {
            yield* sleep(1000)
          } finally {
            yield* sleep(5)
            log.push('clean')
          }
        }),
      )
      yield* giveWay()
      controller.abort(new Error('changed my mind'))
      expect((yield* caughtBy(task)).message).toBe('changed my mind')
      expect([log, listeners()]).toEqual([['clean'], 0])
    })
  })

  test('does not begin where the signal has aborted', () => {
    resultOf(function* () {
      let begun = false
      const work = withSignal(AbortSignal.abort(), function* () {
        begun = true
        yield* sleep(1)
      })
      expect((yield* caughtBy(work)).name).toBe('AbortError')
      expect(begun).toBe(false)
    })
  })

  test('lets other cancels and errors through', () => {
    resultOf(function* () {
      const { signal } = new AbortController()
      expect(yield* caughtBy(withTimeout(1, withSignal(signal, sleep(10))))).toMatchObject({ code: 'GYRE_TIMEOUT' })
      const failing = withSignal(signal, function* () {
        yield* sleep(1)
        throw new Error('own')
      })
      expect((yield* caughtBy(failing)).message).toBe('own')
    })
  })
})

describe('abortable', () => {
  test('the signal aborts in the step in which the cancel comes, before any code of the work runs', () => {
    const log: string[] = []
    const { kernel } = checkMock(function* () {
      const task = currentTask().kernel.spawn(
        abortable(function* (signal) {
          signal.addEventListener('abort', () => log.push('aborted'))
          try {
            yield* sleep(1000)
          } finally {
            log.push('work unwinds')
          }
        }),
      )
      yield* giveWay()
      yield* giveWay()
      task.cancel()
      log.push('cancelled')
      yield* kill(task)
    })
    expect(log).toEqual(['aborted', 'cancelled', 'work unwinds'])
    expect(kernel.statistics()).toMatchObject({ tasks: 0, deadlines: 0 })
  })

  test('it aborts when the work throws, with the error; not when it is done', () => {
    const { kernel, host } = checkMock(function* () {
      let kept: AbortSignal | undefined
      const good = abortable(function* (signal) {
        kept = signal
        yield* sleep(1)
        return 'bread'
      })
      expect(yield* good).toBe('bread')
      yield* sleep(5)
      expect(kept?.aborted).toBe(false)
      const bad = abortable(function* (signal) {
        kept = signal
        yield* sleep(1)
        throw new Error('no')
      })
      const error = yield* caughtBy(bad)
      expect([error.message, kept?.reason]).toEqual(['no', error])
    })
    expect([kernel.statistics().tasks, host.failures]).toEqual([0, []])
  })

  test('it aborts also where the cancel comes before anything has waited', () => {
    resultOf(function* () {
      let kept: AbortSignal | undefined
      const result = yield* moveOnAfter(0, () =>
        abortable(function* (signal) {
          kept = signal
          yield* sleep(10)
        }),
      )
      expect([result, kept?.aborted, (kept?.reason as Error).name]).toEqual([undefined, true, 'AbortError'])
    })
  })

  test('stops a fetch-like promise', async () => {
    let reason: unknown
    const call = (signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason
          reject(signal.reason as Error)
        })
      })
    const { waitPromise } = await import('../../lib/kernel/index.ts')
    await homeKernel().spawn(
      moveOnAfter(
        5,
        abortable((signal) => waitPromise(call(signal))),
      ),
    )
    expect(reason).toBeInstanceOf(DOMException)
  })
})

describe('signalOf', () => {
  test('aborts when the scope is cancelled, before any code of its tasks runs', () => {
    const log: string[] = []
    resultOf(function* () {
      yield* withScope(function* (scope) {
        const signal = signalOf(scope)
        expect(signalOf(scope)).toBe(signal)
        signal.addEventListener('abort', () => log.push('aborted'))
        try {
          scope.cancel()
          log.push('cancelled')
          yield* sleep(1)
        } finally {
          log.push('unwinds')
        }
      })
    })
    expect(log).toEqual(['aborted', 'cancelled', 'unwinds'])
  })

  test('aborts when a scope further out is cancelled: of a task, by a deadline, from a nursery', () => {
    resultOf(function* () {
      const { kernel } = currentTask()
      const signals: AbortSignal[] = []
      const inside = function* (): Coroutine<void> {
        yield* withScope(function* (scope) {
          signals.push(signalOf(scope), signalOf())
          yield* sleep(100)
        })
      }
      const task = kernel.spawn(inside)
      yield* giveWay()
      expect(signals.map(({ aborted }) => aborted)).toEqual([false, false])
      task.cancel()
      yield* caughtBy(withTimeout(5, inside()))
      yield* nursery(function* (children) {
        children.spawn(inside)
        signals.push(signalOf(children.scope))
        yield* giveWay()
        children.cancel()
      })
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true, true, true, true, true])
      expect(signals.every(({ reason }) => (reason as Error).name === 'AbortError')).toBe(true)
    })
  })

  test('does not abort when the scope merely ends, when a scope inside it is cancelled, nor behind a shield', () => {
    const { kernel } = checkMock(function* () {
      const signals: AbortSignal[] = []
      const task = currentTask().kernel.spawn(function* () {
        signals.push(signalOf())
        yield* withScope(function* (scope) {
          signals.push(signalOf(scope))
          yield* sleep(1)
        })
        yield* withScope(function* (scope) {
          scope.cancel()
          yield* sleep(1)
        })
        yield* shield(function* () {
          signals.push(signalOf())
          yield* sleep(5)
        })
      })
      yield* sleep(2)
      expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false])
      task.cancel()
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, false])
      yield* kill(task)
      const done = currentTask().kernel.spawn(function* () {
        signals.push(signalOf())
        currentTask().kernel.spawn(sleep(1), { scope: currentTask().scope })
      })
      yield* done
      expect(signals[3]?.aborted).toBe(false)
    })
    expect(kernel.statistics()).toMatchObject({ tasks: 0, deadlines: 0 })
  })

  test('of a scope that is cancelled already it has aborted; in the cleanup of another it aborts with the grace', () => {
    resultOf(function* () {
      let inCleanup: AbortSignal | undefined
      const task = currentTask().kernel.spawn(function* () {
        try {
          yield* sleep(100)
        } finally {
          expect(signalOf().aborted).toBe(true)
          yield* withScope(function* (scope) {
            inCleanup = signalOf(scope)
            yield* sleep(1e6)
          })
        }
      })
      yield* giveWay()
      task.cancel()
      yield* sleep(1)
      expect(inCleanup?.aborted).toBe(false)
      yield* kill(task)
      expect(inCleanup?.aborted).toBe(true)
    })
  })

  test('is for tasks, unless it is told of which scope', () => {
    expect(() => signalOf()).toThrow('inside a task')
  })
})

describe('each, over an async iterable', () => {
  function counting(log: string[], upTo = 3): AsyncGenerator<number> {
    return (async function* () {
      try {
        for (let number = 1; number <= upTo; number++) {
          log.push(`make ${number}`)
          yield number
        }
      } finally {
        log.push('closed')
      }
    })()
  }
  const run = <T>(work: () => Coroutine<T>): PromiseLike<T> => homeKernel().spawn(work)

  test('asks for the next item when the work on the last is done', async () => {
    const log: string[] = []
    await run(() =>
      each(counting(log), function* (number) {
        yield* sleep(1)
        log.push(`used ${number}`)
      }),
    )
    expect(log).toEqual(['make 1', 'used 1', 'make 2', 'used 2', 'make 3', 'used 3', 'closed'])
  })

  test('closes the iterable when the work throws, and throws on', async () => {
    const log: string[] = []
    const error = await run(() =>
      caughtBy(
        each(counting(log), function* (number) {
          yield* giveWay()
          if (number === 2) throw new Error('enough')
        }),
      ),
    )
    expect([error.message, log]).toEqual(['enough', ['make 1', 'make 2', 'closed']])
  })

  test('throws what the iterable throws, and does not close what has ended', async () => {
    let returned = 0
    const broken: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error('broken')),
        return: () => Promise.resolve({ done: true, value: ++returned }),
      }),
    }
    const error = await run(() => caughtBy(each(broken, () => sleep(0))))
    expect([error.message, returned]).toEqual(['broken', 0])
  })

  test('cancelled while it waits for an item that never comes, it ends at once', async () => {
    let returned = 0
    const silent: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: () => {
          returned++
          return new Promise(() => {})
        },
      }),
    }
    const began = performance.now()
    const error = await run(() =>
      caughtBy(
        withTimeout(
          5,
          each(silent, () => sleep(0)),
        ),
      ),
    )
    expect([error, returned]).toMatchObject([{ code: 'GYRE_TIMEOUT' }, 1])
    // Waiting for the answer to return() would take the whole grace.
    expect(performance.now() - began).toBeLessThan(LIMITS.cancelGrace.value / 2)
  })
})
