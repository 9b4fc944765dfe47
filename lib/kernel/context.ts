/*
 * What code finds in its surroundings without being handed it: the stores of AsyncLocalStorage. Node keeps
 * them by its own notion of what runs, which knows nothing of tasks. So each task has a context, and
 * steps in it: what is entered there is still there after a wait, is handed down to the tasks that are
 * spawned there, and is seen by nobody else.
 *
 * Where nobody uses such stores there are no contexts: the host says when the first one is used, and until
 * then all of this is one comparison per step.
 */
import { operationOf } from './operation.ts'
import type { Coroutine, Operation, Runnable } from './operation.ts'
import { currentTask } from './task.ts'
import type { Trap } from './traps.ts'

/** The surroundings of one strand of code. */
export interface Context {
  /** Runs a piece of work here. What the work changes stays changed for the next one. */
  run<A, R>(work: (argument: A) => R, argument: A): R
  /** @returns a new context, as this one was when it was made */
  renew(): Context
}

/** Contexts, as a host has them. */
export interface Contexts {
  /** The surroundings that the kernel itself runs in. */
  readonly root: Context
  /** @returns a new context that begins as a copy of what surrounds the caller */
  fork(): Context
  /**
   * For the code that used a store before anybody else did, when it had no context yet.
   *
   * @returns a context that goes on as a copy of what surrounds the caller, and is renewed as the root
   */
  adopt(): Context
}

/**
 * Runs a piece of work in a context of its own: it begins with what the task began with, and what it
 * enters is gone after it. For tasks that serve one request after another.
 *
 * @param work - an operation, or a function that makes one
 * @returns what the work returns
 * @example
 * ```ts
 * import { AsyncLocalStorage } from 'node:async_hooks'
 * const user = new AsyncLocalStorage<string>()
 * for (const name of ['ada', 'bob'])
 *   yield* inFreshContext(function* () {
 *     console.log(`${name} finds ${user.getStore()}`)
 *     user.enterWith(name)
 *   })
 * // ada finds undefined
 * // bob finds undefined
 * ```
 */
export function* inFreshContext<T>(work: Runnable<T>): Coroutine<T> {
  const task = currentTask()
  const { contexts } = task.kernel
  if (contexts === null) return yield* operationOf(work)
  return yield* new InContext((task.context ?? contexts.root).renew(), work)
}

/** Work whose every step is taken in a context. */
class InContext<T> implements Operation<T>, Iterator<Trap, T, unknown> {
  private readonly context: Context
  private readonly work: Runnable<T>
  private inner: Iterator<Trap, T, unknown> | null = null

  constructor(context: Context, work: Runnable<T>) {
    this.context = context
    this.work = work
  }

  [Symbol.iterator](): this {
    return this
  }

  next(value?: unknown): IteratorResult<Trap, T> {
    return this.context.run((brought) => this.begun().next(brought), value)
  }

  throw(error: unknown): IteratorResult<Trap, T> {
    return this.context.run((thrown) => {
      const inner = this.begun()
      if (inner.throw === undefined) throw thrown
      return inner.throw(thrown)
    }, error)
  }

  return(value: T): IteratorResult<Trap, T> {
    return this.context.run((result) => this.inner?.return?.(result) ?? { done: true, value: result }, value)
  }

  private begun(): Iterator<Trap, T, unknown> {
    this.inner ??= operationOf(this.work)[Symbol.iterator]()
    return this.inner
  }
}
