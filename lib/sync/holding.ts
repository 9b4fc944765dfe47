/*
 * Holding: what is acquired is released, whatever happens in between. One form with a body, one for
 * `using`.
 */
import { operationOf } from '../kernel/index.ts'
import type { Coroutine, Operation, Runnable } from '../kernel/index.ts'

/** What is acquired and released: a lock, a semaphore, a limiter, a condition. */
export interface Holdable {
  /** Waits until it is ours. */
  acquire(): Operation<void>
  /** Gives it back. Never waits. */
  release(): void
}

/**
 * Does work while it holds a lock, a semaphore or a limiter, and releases it however the work ends.
 *
 * @param holdable - what to hold
 * @param work - an operation, or a function that makes one
 * @returns what the work returns
 * @example
 * ```ts
 * const lock = new Lock()
 * const total = yield* holding(lock, function* () {
 *   yield* sleep(1)
 *   return 3
 * })
 * console.log(total, lock.held) // 3 false
 * ```
 */
export function* holding<T>(holdable: Holdable, work: Runnable<T>): Coroutine<T> {
  yield* holdable.acquire()
  try {
    return yield* operationOf(work)
  } finally {
    holdable.release()
  }
}

/**
 * Something held, to be released once: by `release()`, or at the end of its block by `using`.
 *
 * @example
 * ```ts
 * const lock = new Lock()
 * const held = yield* hold(lock)
 * held.release()
 * console.log(lock.held) // false
 * ```
 */
export class Held implements Disposable {
  private holdable: Holdable | null

  /** @param holdable - was acquired before */
  constructor(holdable: Holdable) {
    this.holdable = holdable
  }

  /** Releases; the second time does nothing. */
  release(): void {
    const { holdable } = this
    this.holdable = null
    holdable?.release()
  }

  /** The same as `release()`, for `using`. */
  [Symbol.dispose](): void {
    this.release()
  }
}

/**
 * Acquires for the rest of a block, with `using`.
 *
 * @returns what is held; it is released when the block ends
 * @example
 * ```ts
 * const lock = new Lock()
 * {
 *   using held = yield* hold(lock)
 *   console.log(lock.held) // true
 * }
 * console.log(lock.held) // false
 * ```
 */
export function* hold(holdable: Holdable): Coroutine<Held> {
  yield* holdable.acquire()
  return new Held(holdable)
}
