/*
 * The stores of AsyncLocalStorage, as contexts for tasks.
 *
 * When does it begin? Nearly everything that Node offers for this costs something as soon as it is there:
 * an async hook slows every promise down, a resource for each task costs more than the task. And a store
 * can only come into being by `run` or `enterWith`. So these two are wrapped when this file is loaded, and
 * the first call of either takes the wrappers off again, before it does its work. Stores that were entered
 * before Gyre was loaded, and never after, go unnoticed.
 *
 * How is it kept? AsyncResource remembers what surrounds its making, and is public and stable from Node 20
 * on. Where stores hang on resources (Node 20 and 22) `enterWith` changes the resource itself; where they
 * lie in a frame (AsyncContextFrame, the default from Node 24 on) the change ends with the call, so the
 * surroundings are remembered anew at the end of each. A probe tells which of the two it is.
 */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import type { Context, Contexts } from '../../kernel/index.ts'

let inUse: NodeContexts | null = null
const waiting: ((contexts: Contexts) => void)[] = []

/** Calls back as soon as there is a store, and at once where there is one already. */
export function whenStoresAreUsed(begin: (contexts: Contexts) => void): void {
  if (inUse === null) waiting.push(begin)
  else begin(inUse)
}

/** Remembers what surrounds the caller. */
function remember(): AsyncResource {
  // Nobody listens for its end; without this each one would be tracked by the garbage collector.
  return new AsyncResource('GYRE_TASK', { requireManualDestroy: true })
}

/** What surrounds this file: nothing, as a rule. */
const outside = remember()

/** Take the wrappers off. */
const unwatch: (() => void)[] = []
const STARTERS = ['run', 'enterWith'] as const
type Starter = (this: unknown, ...given: unknown[]) => unknown

function watchForUse(): void {
  const { prototype } = AsyncLocalStorage
  for (const name of STARTERS) {
    const original = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor
    const start = original.value as Starter
    const noting: Starter = function (...given) {
      begin()
      return Reflect.apply(start, this, given)
    }
    Object.defineProperty(noting, 'name', { value: name })
    Object.defineProperty(noting, 'length', { value: start.length })
    // Where that is forbidden we cannot know, and must assume it.
    if (!Reflect.defineProperty(prototype, name, { ...original, value: noting })) return begin()
    unwatch.push(() => {
      // Somebody else may have wrapped it once more: then ours stays below, and does nothing more.
      if (prototype[name] === noting) Object.defineProperty(prototype, name, original)
    })
  }
}

function begin(): void {
  if (inUse !== null) return
  for (const restore of unwatch.splice(0)) restore()
  inUse = new NodeContexts()
  for (const tell of waiting.splice(0)) tell(inUse)
}

class NodeContext implements Context {
  private readonly first: AsyncResource
  private now: AsyncResource
  private readonly resourcesKeep: boolean

  constructor(resourcesKeep: boolean, first: AsyncResource, now: AsyncResource) {
    this.resourcesKeep = resourcesKeep
    this.first = first
    this.now = now
  }

  run<A, R>(work: (argument: A) => R, argument: A): R {
    if (!this.resourcesKeep) return this.now.runInAsyncScope(() => this.runAndRemember(work, argument))
    // The first one is not to change: it is what the context is renewed from.
    if (this.now === this.first) this.now = this.first.runInAsyncScope(remember)
    return this.now.runInAsyncScope(work, undefined, argument)
  }

  renew(): Context {
    return new NodeContext(this.resourcesKeep, this.first, this.first)
  }

  private runAndRemember<A, R>(work: (argument: A) => R, argument: A): R {
    try {
      return work(argument)
    } finally {
      this.now = remember()
    }
  }
}

class NodeContexts implements Contexts {
  readonly root: Context
  private readonly resourcesKeep = doResourcesKeep()

  constructor() {
    this.root = new NodeContext(this.resourcesKeep, outside, outside)
  }

  fork(): Context {
    const here = remember()
    return new NodeContext(this.resourcesKeep, here, here)
  }

  adopt(): Context {
    return new NodeContext(this.resourcesKeep, outside, remember())
  }
}

/** @returns whether a store that was entered in a resource is found there the next time */
function doResourcesKeep(): boolean {
  const store = new AsyncLocalStorage<boolean>()
  const resource = remember()
  resource.runInAsyncScope(() => {
    store.enterWith(true)
  })
  const kept = resource.runInAsyncScope(() => store.getStore()) === true
  store.disable()
  return kept
}

watchForUse()
