/*
 * What steps cost: loop accounting and the report of stalls. The clock is the virtual one; work takes its time by
 * moving it.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import { Kernel, Meter, currentTask, giveWay, nursery, sleep } from '../../lib/kernel/index.ts'
import type { Coroutine, Task } from '../../lib/kernel/index.ts'
import { NodeHost } from '../../lib/io/index.ts'
import { MockHost } from '../support/mock-host.ts'

describe('a meter', () => {
  test('counts steps, time on the loop, the longest step, and the time in which others ran', () => {
    const time = new MockHost()
    const measured = time.kernel.spawn(function* () {
      for (const duration of [3, 20, 5]) {
        time.advance(duration)
        yield* giveWay()
      }
      yield* sleep(100)
    })
    const meter = (measured.meter = new Meter())
    time.kernel.spawn(function* () {
      for (const duration of [7, 40]) {
        time.advance(duration)
        yield* giveWay()
      }
    })
    time.settle()
    expect(meter).toMatchObject({ steps: 5, loopTime: 28, longestStep: 20, queuedTime: 47 })
  })

  test('counts nothing of tasks that do not carry it, and no wait', () => {
    const time = new MockHost()
    const measured = time.kernel.spawn(sleep(1000))
    const meter = (measured.meter = new Meter())
    time.kernel.spawn(function* () {
      yield* sleep(1)
      time.advance(50)
    })
    time.settle()
    expect(meter).toMatchObject({ steps: 2, loopTime: 0, longestStep: 0, queuedTime: 0 })
  })

  test('is carried by the children too, and adds them up', () => {
    const time = new MockHost()
    const working = function* (): Coroutine<void> {
      time.advance(10)
    }
    const measured = time.kernel.spawn(function* () {
      yield* nursery(function* (children) {
        children.spawn(working)
        children.spawn(working)
      })
    })
    const meter = (measured.meter = new Meter())
    time.settle()
    // The second child is ready while the first one runs; so is the parent, which the last child wakes, for no time.
    expect(meter).toMatchObject({ steps: 4, loopTime: 20, longestStep: 10, queuedTime: 10 })
  })

  test('can be changed in the middle of a step, for tasks that do one job after another', () => {
    const time = new MockHost()
    const meters: Meter[] = []
    const server = time.kernel.spawn(function* () {
      for (let job = 1; job <= 3; job++) {
        currentTask().meter = meters[job - 1] = new Meter()
        time.advance(job)
        yield* sleep(10)
        time.advance(job * 10)
        currentTask().meter = null
        time.advance(500)
      }
    })
    time.settle()
    expect(server.state).toBe('done')
    const loopTimes = meters.map(({ steps, loopTime }) => [steps, loopTime])
    expect(loopTimes).toEqual([1, 2, 3].map((job) => [2, job * 11]))
  })

  test('goes on counting where a store of AsyncLocalStorage comes into use', async () => {
    const store = new AsyncLocalStorage<string>()
    const kernel = new Kernel(new NodeHost())
    let seen: string | undefined
    const measured = kernel.spawn(function* () {
      store.enterWith('mine')
      yield* sleep(1)
      spin(3)
      seen = store.getStore()
    })
    const meter = (measured.meter = new Meter())
    await measured
    expect([seen, meter.steps]).toEqual(['mine', 2])
    expect(meter.loopTime).toBeGreaterThanOrEqual(3)
    expect(meter.longestStep).toBeLessThanOrEqual(meter.loopTime)
  })

  test('is asked for before any clock is read', () => {
    let reads = 0
    class CountingHost extends MockHost {
      override now(): number {
        reads++
        return super.now()
      }
    }
    const time = new CountingHost()
    const busy = function* (): Coroutine<void> {
      for (let lap = 0; lap < 100; lap++) yield* giveWay()
    }
    time.kernel.spawn(busy)
    time.settle()
    // One for each tick.
    expect(reads).toBe(time.kernel.statistics().ticks)
    const measured = time.kernel.spawn(busy)
    measured.meter = new Meter()
    reads = 0
    const { ticks } = time.kernel.statistics()
    time.settle()
    expect(reads - (time.kernel.statistics().ticks - ticks)).toBeGreaterThan(200)
  })
})

describe('stalls', () => {
  test('a step that takes long is told, with the task, and others are not', () => {
    const time = new MockHost()
    const told: string[] = []
    time.kernel.watchStalls(50, (task, duration) => told.push(`${task.name} ${duration}`))
    for (const [name, duration] of [
      ['short', 49],
      ['long', 50],
      ['longer', 300],
    ] as const)
      time.kernel.spawn(
        function* () {
          yield* giveWay()
          time.advance(duration)
          yield* sleep(10)
        },
        { name },
      )
    time.settle()
    expect(told).toEqual(['long 50', 'longer 300'])
    time.kernel.watchStalls(Infinity, () => told.push('never'))
    time.kernel.spawn(function* () {
      time.advance(1000)
    })
    time.settle()
    expect(told).toHaveLength(2)
  })

  test('a hook that throws stops nothing, and is told to the host', () => {
    const time = new MockHost()
    time.kernel.watchStalls(1, () => {
      throw new Error('hook')
    })
    const stalling: Task = time.kernel.spawn(function* () {
      time.advance(10)
      yield* sleep(1)
    })
    time.settle()
    expect(stalling.state).toBe('done')
    expect(time.failures.map(String)).toEqual(['Error: hook'])
  })

  test('by the clock of Node too', async () => {
    const kernel = new Kernel(new NodeHost())
    const told: [string, number][] = []
    kernel.watchStalls(20, (task, duration) => told.push([task.name, duration]))
    await kernel.spawn(
      function* () {
        spin(25)
        yield* giveWay()
      },
      { name: 'busy' },
    )
    expect(told.find(([name]) => name === 'busy')?.[1]).toBeGreaterThanOrEqual(25)
  })
})

function spin(duration: number): void {
  const until = performance.now() + duration
  while (performance.now() < until) continue
}
