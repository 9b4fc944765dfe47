/*
 * Work in threads: results and errors come back, no more threads than the limiter says, and a cancel ends
 * the thread in the middle of its work.
 */
import { spawn as spawnChild } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { ThreadPool, run, runInThread, sharedThreads } from '../../lib/io/index.ts'
import { giveWay, sleep, waitPromise, withTimeout } from '../../lib/kernel/index.ts'
import type { Coroutine } from '../../lib/kernel/index.ts'
import { all, kill } from '../../lib/sync/index.ts'
import { spawn } from '../../lib/index.ts'
import { caughtBy } from '../support/caught.ts'
import { eventually } from '../support/serve.ts'

const module = new URL('../support/thread-work.mjs', import.meta.url)

/** Does work with a pool of its own, and sees that no thread is left. */
function withPool<T>(size: number, work: (pool: ThreadPool) => Coroutine<T>): Promise<T> {
  return run(function* () {
    const pool = new ThreadPool(size)
    const result = yield* work(pool)
    yield* pool.close()
    expect(pool.statistics()).toEqual({ busy: 0, idle: 0, waiting: 0 })
    return result
  })
}

describe('what is run', () => {
  test('a function, an async one, one of a module, one of Node', async () => {
    await withPool(1, function* (pool) {
      expect(yield* pool.run((one: number, other: number) => one * other, 6, 7)).toBe(42)
      expect(yield* pool.run(async (text: string) => [text], 'a')).toEqual(['a'])
      expect(yield* pool.run({ module, export: 'add' }, 1, 2)).toBe(3)
      expect(yield* pool.run({ module: module.pathname, export: 'add' }, 'a', 'b')).toBe('ab')
      expect(yield* pool.run({ module: 'node:path', export: 'join' }, 'a', 'b')).toBe('a/b')
      expect(yield* runInThread((bytes: Uint8Array) => bytes.length, new Uint8Array(9))).toBe(9)
    })
  })

  test('an error comes back with its class, its stack and its properties', async () => {
    await withPool(1, function* (pool) {
      const error = yield* caughtBy(
        pool.run(() => {
          throw Object.assign(new RangeError('too far'), { code: 'FAR', limit: { most: 3 } })
        }),
      )
      expect(error).toBeInstanceOf(RangeError)
      expect(error).toMatchObject({ name: 'RangeError', message: 'too far', code: 'FAR', limit: { most: 3 } })
      expect(error.stack).toContain('worker eval')
      const named = yield* caughtBy(
        pool.run(() => {
          class OwnError extends Error {
            override name = 'OwnError'
            work = (): number => 1
          }
          throw new OwnError('mine')
        }),
      )
      expect(named).toMatchObject({ name: 'OwnError', message: 'mine', work: expect.stringContaining('1') as string })
      expect(yield* caughtBy(pool.run(() => Promise.reject(new Error('later'))))).toMatchObject({ message: 'later' })
      // The thread is as good as before.
      expect(pool.statistics()).toEqual({ busy: 0, idle: 1, waiting: 0 })
    })
  })

  test('what cannot be run, moved or brought back is told of', async () => {
    await withPool(1, function* (pool) {
      // A method in the short form is no text that stands by itself.
      // eslint-disable-next-line @typescript-eslint/unbound-method -- that is what is tried
      const { double } = {
        double(value: number) {
          return value * 2
        },
      }
      const cases: [string, Coroutine<unknown>][] = [
        ['GYRE_THREAD_WORK', pool.run(double, 1)],
        ['GYRE_THREAD_WORK', pool.run({ module, export: 'word' })],
        ['GYRE_THREAD_WORK', pool.run({ module: '/nowhere.mjs', export: 'add' })],
        ['GYRE_BAD_OPTION', pool.run({ module: './work.js', export: 'add' })],
        ['GYRE_THREAD_DATA', pool.run((value: unknown) => typeof value, () => 1)],
        ['GYRE_THREAD_DATA', pool.run(() => () => 1)],
        ['GYRE_THREAD_LOST', pool.run(() => process.exit(3))],
      ] // prettier-ignore
      for (const [code, work] of cases) expect(yield* caughtBy(work)).toMatchObject({ code })
      const surroundings = 5
      expect(yield* caughtBy(pool.run(() => surroundings))).toBeInstanceOf(ReferenceError)
      expect(yield* pool.run(() => 'still at work')).toBe('still at work')
    })
  })

  test('a thread that dies while it idles is forgotten', async () => {
    await withPool(1, function* (pool) {
      yield* pool.run(() => void setTimeout(() => process.exit(0), 5))
      expect(pool.statistics().idle).toBe(1)
      yield* waitPromise(eventually(() => pool.statistics().idle === 0))
      expect(yield* pool.run(() => 1)).toBe(1)
    })
  })
})

describe('how many', () => {
  test('as many as the limiter says; threads are used again', async () => {
    await withPool(2, function* (pool) {
      const work = (): Promise<number> =>
        new Promise((resolve) => setTimeout(resolve, 20, process.getBuiltinModule('node:worker_threads').threadId))
      const running = spawn(all([1, 2, 3, 4, 5].map(() => () => pool.run(work))))
      yield* giveWay()
      yield* giveWay()
      expect(pool.statistics()).toEqual({ busy: 2, idle: 0, waiting: 3 })
      expect(new Set(yield* running).size).toBe(2)
      expect(pool.statistics()).toEqual({ busy: 0, idle: 2, waiting: 0 })
    })
  })

  test('the loop goes on while a thread calculates', async () => {
    await withPool(1, function* (pool) {
      let beats = 0
      const heart = spawn(function* () {
        for (;;) {
          yield* sleep(1)
          beats++
        }
      })
      yield* pool.run(() => {
        const end = performance.now() + 100
        while (performance.now() < end);
      })
      yield* kill(heart)
      expect(beats).toBeGreaterThan(10)
    })
  })
})

describe('a cancel', () => {
  test('ends the thread in the middle of an endless loop, and another takes its place', async () => {
    await withPool(1, function* (pool) {
      const endless = pool.run(() => {
        for (;;);
      })
      expect(yield* caughtBy(withTimeout(50, endless))).toMatchObject({ code: 'GYRE_TIMEOUT' })
      expect(pool.statistics()).toEqual({ busy: 0, idle: 0, waiting: 0 })
      expect(yield* pool.run(() => 'another')).toBe('another')
    })
  })

  test('takes who waits out of the line, and leaves the thread to its work', async () => {
    await withPool(1, function* (pool) {
      const first = spawn(pool.run(() => new Promise((resolve) => setTimeout(resolve, 40, 'done'))))
      yield* giveWay()
      const waiting = spawn(pool.run(() => 1))
      yield* giveWay()
      yield* kill(waiting)
      expect(pool.statistics()).toEqual({ busy: 1, idle: 0, waiting: 0 })
      expect(yield* first).toBe('done')
    })
  })

  test('at every moment leaves the pool as it was', async () => {
    await withPool(1, function* (pool) {
      for (const wait of [0, 1, 5, 10, 20, 40, 80]) {
        const task = spawn(pool.run((value: number) => value, wait))
        yield* sleep(wait)
        yield* kill(task)
        const { busy, idle } = pool.statistics()
        expect([busy, idle <= 1]).toEqual([0, true])
      }
    })
  })
})

test('threads that idle do not keep the process alive', async () => {
  const program = `
    import { run, runInThread } from '${new URL('../../dist/index.js', import.meta.url).href}'
    console.log(await run(runInThread(() => 6 * 7)))`
  const child = spawnChild(process.execPath, ['--input-type=module', '-e', program])
  let output = ''
  child.stdout.on('data', (bytes) => (output += String(bytes)))
  child.stderr.on('data', (bytes) => (output += String(bytes)))
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(late)
  expect([output, code]).toEqual(['42\n', 0])
})

test('the shared threads are as many as there are processors', async () => {
  expect(sharedThreads().limiter.total).toBeGreaterThan(0)
  expect(sharedThreads()).toBe(sharedThreads())
  await run(() => sharedThreads().close())
})
