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
import { openScope, shield } from './scope.ts'
import type { Cancelled, InnerScope, Scope } from './scope.ts'
import { currentTask } from './task.ts'
import type { Task, TaskKeeper } from './task.ts'
import { park } from './traps.ts'

/** Where the body waits for its children. */
class ChildrenEnd extends Spot {
  private readonly scope: Scope

  constructor(scope: Scope) {
    super('the children of a nursery')
    this.scope = scope
  }

  /** For who looks whom the body waits for. */
  get holders(): Iterable<Task> {
    return this.scope.tasks ?? []
  }
}

/** What a nursery counts. */
export interface NurseryStatistics {
  /** Children that have not ended. */
  readonly children: number
  /** Errors so far, of children and of the body. */
  readonly errors: number
}

/**
 * Where children are spawned; made by `nursery()`.
 *
 * @example
 * ```ts
 * yield* nursery(function* (children) {
 *   children.spawn(sleep(60_000))
 *   children.spawn(function* () {
 *     yield* sleep(1)
 *     children.cancel('one is enough')
 *   })
 * })
 * console.log('all have ended') // all have ended
 * ```
 */
export class Nursery implements TaskKeeper {
  /** The scope of all children and of the body. */
  readonly scope: Scope
  private readonly errors: unknown[] = []
  private readonly empty: Spot
  /** A cancel from further out that ended a child: the nursery has not done its work. @internal */
  outerCancel: Cancelled | undefined

  /** For `nursery()` alone, which opens and closes the scope. @internal */
  constructor(scope: InnerScope) {
    this.scope = scope
    this.empty = new ChildrenEnd(scope)
    scope.empty = this.empty
    scope.abandoned = () => {
      for (const error of this.errors.splice(0)) scope.kernel.host.unobserved(error, currentTask())
    }
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

  /** Cancels the children and the body. @param reason - in words, for reports */
  cancel(reason?: string): void {
    this.scope.cancel(reason)
  }

  /** @returns how many children have not ended, and how many errors it will throw */
  statistics(): NurseryStatistics {
    return { children: this.scope.tasks?.size ?? 0, errors: this.errors.length }
  }

  /** A child has ended. @internal */
  ended(task: Task, failed: boolean, failure: unknown): void {
    // The task that ran the nursery was dropped: a child that it left behind is nobody's.
    if (!this.scope.active) return this.scope.kernel.ended(task, failed)
    if (failed) this.fail(failure)
    else if (task.state === 'cancelled' && !this.scope.isOwn(failure) && !task.isOwn(failure))
      this.outerCancel = failure as Cancelled
    this.scope.leave(task)
  }

  /** Takes note of a failure, of a child or of the body, and cancels the rest. */
  private fail(error: unknown): void {
    if (!this.scope.active) return this.scope.kernel.host.unobserved(error, currentTask())
    this.errors.push(error)
    this.scope.cancel('another task of the nursery failed')
  }

  /** The body threw. @internal */
  bodyFailed(error: unknown): void {
    if (this.scope.isOwn(error)) return
    if (!this.scope.isReachedBy(error)) return this.fail(error)
    this.outerCancel = error
    // A shield may have kept the cancel from the children.
    this.scope.cancel('the body of the nursery was cancelled')
  }

  /** Waits for the last child. Cancels reach the children themselves, so this wait needs none. @internal */
  *waitEmpty(): Coroutine<void> {
    // More than once: somebody else may spawn a child after the last one has ended and before we run.
    while (this.scope.tasks !== null && this.scope.tasks.size > 0) yield* shield(park(this.empty))
  }

  /** Throws what went wrong, if anything did. @internal */
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
 *   for (const name of ['ada', 'bob'])
 *     children.spawn(function* () {
 *       yield* sleep(1)
 *       console.log(`hello ${name}`)
 *     })
 * })
 * // hello ada
 * // hello bob
 * console.log('both are done') // both are done
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
      children.bodyFailed(error)
    }
    yield* children.waitEmpty()
  } finally {
    scope.close()
  }
  children.rethrow()
  if (children.outerCancel !== undefined) {
    currentTask().noteTold(children.outerCancel)
    throw children.outerCancel
  }
  return result
}
