/*
 * Contexts: each task has its own, across its waits; children get a copy; nobody else sees it.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import { run, spawn } from '../../lib/index.ts'
import {
  Awaitable,
  Kernel,
  currentTask,
  giveWay,
  inFreshContext,
  nursery,
  sleep,
  waitPromise,
  withTimeout,
} from '../../lib/kernel/index.ts'
import type { Context, Contexts, Coroutine, Scope } from '../../lib/kernel/index.ts'
import { MockHost } from '../support/mock-host.ts'

const store = new AsyncLocalStorage<string>()

/** What is seen at each of several steps. */
function* look(seen: unknown[], steps: number): Coroutine<void> {
  for (let step = 0; step < steps; step++) {
    seen.push(store.getStore())
    yield* giveWay()
  }
  seen.push(store.getStore())
}

describe('a store', () => {
  test("that is entered in a task stays across every kind of wait, and is nobody else's", async () => {
    const others: unknown[] = []
    const seen = await run(function* () {
      const seen: unknown[] = []
      const note = (): unknown => seen.push(store.getStore())
      const { kernel } = currentTask()
      kernel.spawn(look(others, 5))
      store.enterWith('mine')
      note()
      yield* giveWay()
      note()
      yield* sleep(1)
      note()
      yield* waitPromise(Promise.resolve())
      note()
      yield* waitPromise(new Promise((resolve) => setTimeout(resolve, 1)))
      note()
      try {
        yield* withTimeout(1, sleep(1000))
      } catch {
        note()
      }
      yield* nursery(function* (children) {
        children.spawn(sleep(1))
      })
      note()
      return seen
    })
    expect(seen).toEqual(new Array(7).fill('mine'))
    expect(others).toEqual(new Array(6).fill(undefined))
    expect(store.getStore()).toBeUndefined()
    expect(await run(() => look([], 1))).toBeUndefined()
  })

  test('does not come to the tasks of the same tick, nor to those of the next one', async () => {
    const seen: unknown[] = []
    await Promise.all(
      ['a', 'b', undefined, 'c', undefined].map((name, index) =>
        run(function* () {
          if (name !== undefined) store.enterWith(name)
          for (let turn = 0; turn < 3; turn++) {
            yield* giveWay()
            if (store.getStore() !== name) seen.push([index, store.getStore()])
          }
        }),
      ),
    )
    expect(seen).toEqual([])
  })

  test('is handed down to tasks that are spawned inside, as a copy', async () => {
    const seen: unknown[] = []
    await run(function* () {
      store.enterWith('parent')
      yield* nursery(function* (children) {
        children.spawn(function* () {
          seen.push(store.getStore())
          store.enterWith('child')
          yield* giveWay()
          seen.push(store.getStore())
        })
        yield* sleep(1)
        seen.push(store.getStore())
      })
    })
    expect(seen).toEqual(['parent', 'child', 'parent'])
  })

  test('that surrounds spawn() surrounds the task', async () => {
    const seen: unknown[] = []
    await store.run('around', () => spawn(() => look(seen, 2)))
    expect(seen).toEqual(['around', 'around', 'around'])
    expect(store.getStore()).toBeUndefined()
  })

  test('of an async function reaches what it awaits, and is still there after it', async () => {
    class Look extends Awaitable<unknown> {
      protected readonly kernel: Kernel
      protected readonly scope: Scope | null = null
      constructor(kernel: Kernel) {
        super()
        this.kernel = kernel
      }
      *[Symbol.iterator](): Coroutine<unknown> {
        yield* sleep(1)
        return store.getStore()
      }
    }
    const handler = async (kernel: Kernel): Promise<unknown[]> => {
      store.enterWith('async')
      const inside = await new Look(kernel)
      return [inside, store.getStore()]
    }
    const seen = await run(function* () {
      return yield* waitPromise(handler(currentTask().kernel))
    })
    expect(seen).toEqual(['async', 'async'])
  })

  test('of run() inside a step ends with it', async () => {
    const seen = await run(function* () {
      const within = store.run('short', () => store.getStore())
      yield* giveWay()
      return [within, store.getStore()]
    })
    expect(seen).toEqual(['short', undefined])
  })

  test('is gone in a fresh context, and what is entered there is gone after it', async () => {
    const seen: unknown[] = []
    await store.run('begun with', () =>
      spawn(function* () {
        store.enterWith('entered later')
        for (let request = 0; request < 2; request++)
          yield* inFreshContext(function* () {
            seen.push(store.getStore())
            store.enterWith('of one request')
            yield* sleep(1)
            seen.push(store.getStore())
          })
        yield* giveWay()
        seen.push(store.getStore())
      }),
    )
    expect(seen).toEqual(['begun with', 'of one request', 'begun with', 'of one request', 'entered later'])
  })

  test('is there in the cleanup of what was cancelled, in a fresh context as well', async () => {
    const seen: unknown[] = []
    await run(function* () {
      const victim = currentTask().kernel.spawn(
        inFreshContext(function* () {
          store.enterWith('kept')
          try {
            yield* sleep(1000)
          } finally {
            yield* sleep(1)
            seen.push(store.getStore())
          }
        }),
      )
      yield* giveWay()
      victim.cancel()
      yield* sleep(5)
    })
    expect(seen).toEqual(['kept'])
  })
})

/** A host with contexts of one variable, which come into use when `enter` is first called. */
class ContextHost extends MockHost {
  surroundings: string | undefined
  private begin: ((contexts: Contexts) => void) | undefined

  whenContextsAreUsed(begin: (contexts: Contexts) => void): void {
    this.begin = begin
  }

  enter(value: string): void {
    const make = (first: string | undefined, now = first): Context => ({
      run: (work, argument) => {
        const outer = this.surroundings
        this.surroundings = now
        try {
          return work(argument)
        } finally {
          now = this.surroundings
          this.surroundings = outer
        }
      },
      renew: () => make(first),
    })
    this.begin?.({
      root: make(undefined),
      fork: () => make(this.surroundings),
      adopt: () => make(undefined, this.surroundings),
    })
    this.begin = undefined
    this.surroundings = value
  }
}

describe('the first use of all', () => {
  test("in the middle of a step is that task's and its children's; the next request does not see it", () => {
    const host = new ContextHost()
    const kernel = new Kernel(host)
    const seen: string[] = []
    const note = (who: string): unknown => seen.push(`${who} ${host.surroundings ?? '-'}`)
    function* bystander(): Coroutine<void> {
      yield* giveWay()
      note('before')
      yield* giveWay()
      yield* giveWay()
      note('bystander')
    }
    function* request(): Coroutine<void> {
      yield* giveWay()
      host.enter('first')
      note('user')
      kernel.spawn(function* () {
        note('child')
      })
      yield* giveWay()
      note('user')
    }
    kernel.spawn(bystander())
    kernel.spawn(function* () {
      yield* inFreshContext(request)
      yield* inFreshContext(function* () {
        note('next request')
      })
    })
    kernel.spawn(bystander())
    host.settle()
    expect(seen).toEqual([
      'before -',
      'user first',
      'before -',
      'child first',
      'user first',
      'next request -',
      'bystander -',
      'bystander -',
    ])
  })
})
