/*
 * Task locals: values that belong to a task, and that the tasks which it spawns start out with.
 *
 * All locals of a task are one map that is never changed, only replaced; so a child shares its
 * parent's map, and spawning costs one reference.
 */
import { currentTask, operationOf } from '../kernel/index.ts'
import type { Coroutine, Runnable } from '../kernel/index.ts'

/**
 * A value for each task. A task that is spawned starts with the values that its parent has at that
 * moment; what either sets later the other does not see.
 *
 * All requests of a connection are served by one task: in a handler use `run`, so that a value does not
 * stay for the next request.
 *
 * @example
 * ```ts
 * const user = new TaskLocal('nobody')
 * yield* user.run('ada', function* () {
 *   console.log(yield* spawn(function* () { return user.get() })) // ada
 * })
 * console.log(user.get()) // nobody
 * ```
 */
export class TaskLocal<T> {
  private readonly initial: T

  /** @param initial - the value where none was set */
  constructor(initial: T) {
    this.initial = initial
  }

  /** @returns the value that the calling task has */
  get(): T {
    const { locals } = currentTask()
    return locals?.has(this) === true ? (locals.get(this) as T) : this.initial
  }

  /** Sets the value for the calling task, and for those that it spawns from here on. */
  set(value: T): void {
    const task = currentTask()
    task.locals = new Map(task.locals).set(this, value)
  }

  /**
   * Does work with a value, and has the former one back afterwards.
   *
   * @param work - an operation, or a function that makes one
   * @returns what the work returns
   */
  *run<R>(value: T, work: Runnable<R>): Coroutine<R> {
    const before = this.get()
    this.set(value)
    try {
      return yield* operationOf(work)
    } finally {
      this.set(before)
    }
  }
}
