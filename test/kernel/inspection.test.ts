/*
 * Inspection: what is known of tasks while it is on, and that nothing is while it is off.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  currentTask,
  doingOf,
  formatTaskTree,
  giveWay,
  nursery,
  shield,
  sleep,
  spawnStackOf,
  startInspection,
  stopInspection,
  taskTree,
} from '../../lib/kernel/index.ts'
import type { Coroutine, Runnable, Task, TaskInfo } from '../../lib/kernel/index.ts'
import { MockHost, resultOf } from '../support/mock-host.ts'

const names = (calls: readonly string[] = []): string[] => calls.map((call) => call.split(' ')[0] as string)
const spawn = (work: Runnable<unknown>, name: string): Task => currentTask().kernel.spawn(work, { name })

function found(name: string, tree: readonly TaskInfo[] = taskTree()): TaskInfo | undefined {
  for (const info of tree) {
    const hit = info.name === name ? info : found(name, info.children)
    if (hit !== undefined) return hit
  }
  return undefined
}

function* innermost(): Coroutine<void> {
  yield* sleep(50)
}
function* middle(): Coroutine<void> {
  yield* shield(innermost())
}

beforeEach(() => {
  startInspection(() => undefined)
})
afterEach(stopInspection)

describe('the tree', () => {
  test('each task has the whole chain of its generators, the innermost first, and what it waits for', () => {
    resultOf(function* () {
      const task = spawn(function* outermost() {
        yield* middle()
      }, 'deep')
      yield* giveWay()
      const info = found('deep')
      expect(names(info?.stack)).toEqual(['innermost', 'shield', 'middle', 'outermost'])
      expect(info?.stack[0]).toMatch(/inspection\.test\.ts:\d+:\d+/)
      expect(info).toMatchObject({ state: 'waiting', waitingFor: 'sleep(50)' })
      yield* task
      expect(found('deep')).toBeUndefined()
    })
  })

  test('the chain is that of the wait which the task is in, in a finally after a cancel too', () => {
    resultOf(function* () {
      function* cleanup(): Coroutine<void> {
        yield* sleep(5)
      }
      const task = spawn(function* () {
        try {
          yield* innermost()
        } finally {
          yield* cleanup()
        }
      }, 'cleaner')
      yield* giveWay()
      task.cancel()
      expect(found('cleaner')).toMatchObject({ state: 'ready', stack: [], waitingFor: undefined })
      yield* giveWay()
      expect(names(found('cleaner')?.stack).slice(0, 1)).toEqual(['cleanup'])
      yield* sleep(6)
      expect(found('cleaner')).toBeUndefined()
    })
  })

  test('children stand below the task in whose scope they lie, or that has spawned them, with where that was', () => {
    resultOf(function* () {
      const parent = spawn(function* parent() {
        yield* nursery(function* family(children) {
          children.spawn(sleep(9), 'child')
          yield* giveWay()
        })
      }, 'parent')
      yield* giveWay()
      yield* giveWay()
      const info = found('parent')
      expect(info?.waitingFor).toBe('the children of a nursery')
      expect(info?.children.map(({ name }) => name)).toEqual(['child'])
      expect(names(info?.children[0]?.spawnedAt).slice(0, 1)).toEqual(['family'])
      expect(formatTaskTree()).toMatch(
        /\n {2}#\d+ parent: waits for the children of a nursery, 0 ms old\n {6}at .*\n(?:.*\n)*? {4}#\d+ child: waits for sleep\(9\)/,
      )
      yield* parent
    })
  })

  test('a child outlives the task that has spawned it, and stands by itself then', () => {
    resultOf(function* () {
      let orphan: Task | undefined
      yield* spawn(function* () {
        orphan = spawn(sleep(3), 'orphan')
        yield* giveWay()
        expect(found('short')?.children.map(({ name }) => name)).toEqual(['orphan'])
      }, 'short')
      expect(taskTree().map(({ name }) => name)).toContain('orphan')
      yield* orphan as Task
    })
  })

  test('says what a task works on, and what its spawner worked on', () => {
    const { kernel } = new MockHost()
    const keeper = { doing: 'GET /bread', ended: () => undefined }
    let below: Task | undefined
    kernel.start(
      (function* () {
        below = kernel.spawn(function* () {
          yield* kernel.spawn(sleep(1), { name: 'grandchild' })
        })
        yield* sleep(1)
      })(),
      'connection',
      null,
      keeper,
    )
    kernel.tick()
    kernel.tick()
    expect(found('connection')?.doing).toBe('GET /bread')
    expect(doingOf(below as Task)).toBe('GET /bread')
    expect(found('grandchild')?.doing).toBe('GET /bread')
    expect(formatTaskTree()).toContain('grandchild (GET /bread): ')
  })

  test('the tasks of one kernel alone, if asked', () => {
    const [one, other] = [new MockHost(), new MockHost()]
    one.kernel.spawn(sleep(1), { name: 'one' })
    other.kernel.spawn(sleep(1), { name: 'other' })
    expect(taskTree(one.kernel).map(({ name }) => name)).toEqual(['one'])
  })
})

test('a task that is older than inspection is known from its next wait on', () => {
  stopInspection()
  const time = new MockHost()
  const task = time.kernel.spawn(
    function* () {
      yield* sleep(1)
      yield* sleep(2)
    },
    { name: 'older' },
  )
  time.kernel.tick()
  expect(taskTree()).toEqual([])
  expect(spawnStackOf(task)).toEqual([])
  startInspection(() => undefined)
  expect(taskTree()).toEqual([])
  time.advance(1)
  time.kernel.tick()
  time.kernel.tick()
  expect(found('older')).toMatchObject({ waitingFor: 'sleep(2)', spawnedAt: [] })
  expect(found('older')?.stack.length).toBeGreaterThan(0)
})

test('off, it knows nothing, and forgets what it knew', () => {
  const time = new MockHost()
  const task = time.kernel.spawn(sleep(1))
  expect(taskTree()).toHaveLength(1)
  expect(spawnStackOf(task).length).toBeGreaterThan(0)
  stopInspection()
  expect([taskTree(), spawnStackOf(task), formatTaskTree()]).toEqual([[], [], ''])
})

describe('a step that takes too long', () => {
  function stalls(work: (time: MockHost) => Runnable<unknown>): [name: string, duration: number, site: string[]][] {
    const time = new MockHost()
    const told: [string, number, string[]][] = []
    time.kernel.watchStalls(50, (task, duration, site) => told.push([task.name, duration, names(site)]))
    time.kernel.spawn(work(time), { name: 'slow' })
    time.settle()
    return told
  }

  test.each([
    ['while tasks are inspected', () => undefined],
    ['by itself', stopInspection],
  ])('is told with the place where it came to its end: %s', (_when, prepare) => {
    prepare()
    const told = stalls((time) => {
      function* careful(): Coroutine<void> {
        time.advance(1)
        yield* sleep(1)
      }
      function* careless(): Coroutine<void> {
        time.advance(80)
        yield* sleep(1)
      }
      return function* outer() {
        yield* careful()
        yield* careless()
        yield* careful()
      }
    })
    expect(told).toEqual([['slow', 80, ['careless', 'outer']]])
  })

  test('where that was the end of the task there is no such place', () => {
    const told = stalls(
      (time) =>
        function* () {
          yield* sleep(1)
          time.advance(70)
        },
    )
    expect(told).toEqual([['slow', 70, []]])
  })
})
