/*
 * The bridge between tasks and promises, both ways, and the only file of the kernel that knows
 * promises at all.
 */
import { GyreError } from '../base/index.ts'
import type { Operation } from './operation.ts'
import type { Task } from './task.ts'
import { park } from './traps.ts'
import type { Trap } from './traps.ts'

/** @returns a promise that settles as the task ends */
export function promiseOf<T>(task: Task<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    task.whenEnded((failed, result) => {
      // What a task throws is thrown on unchanged, whatever it is.
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      if (failed) reject(result)
      else resolve(result as T)
    })
  })
}

/** A wait for what a promise brings. It may bring it before anybody waits: some thenables call back at once. */
class Settling<T> implements Trap {
  readonly reason = 'a promise'
  private task: Task | null = null
  private state: 'pending' | 'fulfilled' | 'rejected' = 'pending'
  private result: unknown = undefined

  constructor(promise: PromiseLike<T>) {
    promise.then(
      (value) => {
        this.settle('fulfilled', value)
      },
      (error: unknown) => {
        this.settle('rejected', error)
      },
    )
  }

  enter(task: Task): void {
    this.task = task
    if (this.state !== 'pending') this.wake(task)
  }

  undo(): void {
    this.task = null
  }

  /** What it brings counts once; where the wait was cancelled, nobody is there any more. */
  private settle(state: 'fulfilled' | 'rejected', result: unknown): void {
    if (this.state !== 'pending') return
    this.state = state
    this.result = result
    if (this.task !== null) this.wake(this.task)
  }

  private wake(task: Task): void {
    this.task = null
    if (this.state === 'fulfilled') task.wake(this.result)
    else task.wakeThrow(this.result)
  }
}

/**
 * Waits for a promise, and handles its rejection from the call on. When the wait is cancelled the promise is left alone: what it brings later,
 * good or bad, is dropped.
 *
 * @param promise - or anything with a `then`
 * @returns what the promise is fulfilled with
 * @throws what it is rejected with
 * @example
 * ```ts
 * import { stat } from 'node:fs/promises'
 * const file = yield* waitPromise(stat(process.execPath))
 * console.log(file.isFile()) // true
 * ```
 */
export function waitPromise<T>(promise: PromiseLike<T>): Operation<T> {
  return park<T>(new Settling(promise))
}

/**
 * For the kernel: what to throw where something was yielded that is no trap. Of a promise the rejection becomes
 * the cause, and does not end the process as one that nobody handles.
 */
export function yieldedByMistake(value: unknown): GyreError {
  const error = new GyreError('GYRE_TASK_MISUSE', 'a task may only yield traps: use yield* instead of yield')
  if (value instanceof Promise)
    value.catch((reason: unknown) => {
      Object.defineProperty(error, 'cause', { value: reason, configurable: true, writable: true })
    })
  return error
}
