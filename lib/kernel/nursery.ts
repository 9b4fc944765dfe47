/*
 * A nursery: the place where a task's children live. It does not end before they have ended, so no
 * child outlives the code that started it, and no failure of a child is lost.
 *
 * When one fails, or the body does, the others are cancelled; the nursery waits for their `finally`
 * blocks and then throws: the one error, or an AggregateError of all of them in the order in which
 * they happened.
 */
import { GyreError } from '../base/index.ts'
import { operationOf } from './operation.ts'
import type { Coroutine, Operation, Runnable } from './operation.ts'
import { Spot } from './parking.ts'
import { Cancelled, openScope, shield } from './scope.ts'
import type { Scope } from './scope.ts'
import type { Task, TaskKeeper } from './task.ts'
import { park } from './traps.ts'

/** Where children are spawned; made by `nursery()`. */
export class Nursery implements TaskKeeper {
  /** The scope of all children and of the body. */
  readonly scope: Scope
  private readonly errors: unknown[] = []
  private readonly empty = new Spot('the children of a nursery')
  /** A cancel from further out that ended a child: the nursery has not done its work. */
  outerCancel: Cancelled | undefined

  /** @param scope - is opened and closed by `nursery()` */
  constructor(scope: Scope) {
    this.scope = scope
    scope.tasks = new Set()
  }

  /**
   * Starts a child.
   *
   * @param work - an operation, or a function that makes one
   * @param name - for reports
   * @returns the child; joining it is not needed
   * @throws GyreError `GYRE_TASK_MISUSE` when the nursery has ended
   */
  spawn<T>(work: Runnable<T>, name?: string): Task<T> {
    if (!this.scope.active) throw new GyreError('GYRE_TASK_MISUSE', 'a nursery that has ended takes no more children')
    return this.scope.kernel.start(operationOf(work), name, this.scope, this)
  }

  /** Cancels the children and the body. */
  cancel(reason?: string): void {
    this.scope.cancel(reason)
  }

  ended(task: Task, failed: boolean, failure: unknown): void {
    this.scope.leave(task)
    if (failed) this.fail(failure)
    else if (failure instanceof Cancelled && failure.scope !== this.scope && failure.scope !== task)
      this.outerCancel = failure
    if (this.scope.tasks?.size === 0) this.empty.wake()
  }

  /** Takes note of a failure, of a child or of the body, and cancels the rest. */
  fail(error: unknown): void {
    this.errors.push(error)
    this.scope.cancel('another task of the nursery failed')
  }

  /** Waits for the last child. Cancels reach the children themselves, so this wait needs none. */
  *waitEmpty(): Coroutine<void> {
    if (this.scope.tasks?.size !== 0) yield* shield(park(this.empty))
  }

  /** Throws what went wrong, if anything did. */
  rethrow(): void {
    if (this.errors.length === 1) throw this.errors[0]
    if (this.errors.length > 1) throw new AggregateError(this.errors, 'several tasks of a nursery failed')
  }
}

/**
 * Runs a body that may spawn children, and waits for all of them.
 *
 * @param body - is handed the nursery
 * @returns what the body returns; undefined if the nursery was cancelled from inside
 * @throws the error of the body or of a child; an AggregateError if there are several
 * @example
 * ```ts
 * yield* nursery(function* (children) {
 *   children.spawn(fetchUser(1))
 *   children.spawn(fetchUser(2))
 * })
 * ```
 */
export function* nursery<T>(body: (nursery: Nursery) => Operation<T>): Coroutine<T | undefined> {
  const scope = openScope()
  const children = new Nursery(scope)
  let result: T | undefined
  try {
    try {
      result = yield* body(children)
    } catch (error) {
      if (error instanceof Cancelled && error !== scope.cancelled) children.outerCancel = error
      else if (error !== scope.cancelled) children.fail(error)
    }
    yield* children.waitEmpty()
  } finally {
    scope.close()
  }
  children.rethrow()
  if (children.outerCancel !== undefined) throw children.outerCancel
  return result
}
