/*
 * Operations: what tasks run. An operation does nothing by itself; `yield*` runs it inside the
 * calling task, `spawn` runs it as a task of its own, and one that is also awaitable may be awaited
 * where no task is around.
 */
import { inspector } from './inspection.ts'
import type { Kernel } from './kernel.ts'
import type { Scope } from './scope.ts'
import type { Task } from './task.ts'
import type { Trap } from './traps.ts'

/** A computation that may wait. `yield*` it. Every generator of traps is one. */
export interface Operation<T> {
  /** Begins it: for `yield*` and for kernels. */
  [Symbol.iterator](): Iterator<Trap, T>
}

/** What a generator function of tasks returns: an operation under way. */
export type Coroutine<T> = Generator<Trap, T>

/** An operation, or a function that makes one. */
export type Runnable<T> = Operation<T> | (() => Operation<T>)

/**
 * What there is to run of a runnable.
 *
 * @param runnable - an operation, or a function that makes one
 * @returns the operation itself, or the one that the function makes
 * @example
 * ```ts
 * function* nap() {
 *   yield* sleep(1)
 *   return 'rested'
 * }
 * console.log(yield* operationOf(nap), yield* operationOf(nap())) // rested rested
 * ```
 */
export function operationOf<T>(runnable: Runnable<T>): Operation<T> {
  return typeof runnable === 'function' ? runnable() : runnable
}

/**
 * An operation that can also be awaited: `yield* it` in a task, `await it` in an async function.
 * Awaiting runs it as a task of its own, inside `scope`, so that it ends when that scope is cancelled.
 *
 * @example
 * ```ts
 * class Answer extends Awaitable<number> {
 *   *[Symbol.iterator]() {
 *     yield* sleep(1)
 *     return 42
 *   }
 *   protected readonly kernel = homeKernel()
 *   protected readonly scope = null
 * }
 * console.log(await new Answer(), await run(new Answer())) // 42 42
 * ```
 */
export abstract class Awaitable<T> implements Operation<T>, PromiseLike<T> {
  /** Runs the task that awaiting makes. */
  protected abstract readonly kernel: Kernel
  /** What that task ends with; null for nothing. */
  protected abstract readonly scope: Scope | null

  constructor() {
    if (inspector !== null) inspector.made(this, new.target)
  }

  /** Runs it inside the calling task: `yield*` it. */
  abstract [Symbol.iterator](): Coroutine<T>

  /** Starts it as a task, and awaits that. Each call starts it anew. */
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.start().then(fulfilled, rejected)
  }

  /** As `then`, for errors alone. */
  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.start().catch(rejected)
  }

  /** As `then`, for whatever comes of it. */
  finally(settled?: (() => void) | null): Promise<T> {
    return this.start().finally(settled)
  }

  private start(): Task<T> {
    return this.kernel.spawn(this, { scope: this.scope })
  }
}
