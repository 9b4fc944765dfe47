/*
 * An event: a flag that tasks can wait for. An async result: a value, or an error, that comes once.
 */
import { GyreError } from '../base/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { Line } from './line.ts'
import { Listeners } from './ready.ts'
import type { Waitable } from './ready.ts'

/** What an event counts. */
export interface EventStatistics {
  /** Whether the flag is set. */
  readonly set: boolean
  /** Tasks that wait. */
  readonly waiting: number
}

/**
 * A flag that tasks wait for. Setting it wakes all who wait, and lets all who come later pass until it is
 * cleared.
 *
 * @example
 * ```ts
 * const started = new Event()
 * spawn(function* () { yield* sleep(1); started.set() })
 * yield* started.wait()
 * console.log(started.isSet) // true
 * ```
 */
export class Event implements Waitable {
  private flag = false
  private readonly line = new Line('an event')
  private readonly listeners = new Listeners()

  /** True between `set()` and `clear()`. */
  get isSet(): boolean {
    return this.flag
  }

  get ready(): boolean {
    return this.flag
  }

  /** Sets the flag. Who waits now is woken, even if the flag is cleared before it runs. */
  set(): void {
    if (this.flag) return
    this.flag = true
    this.line.serveAll()
    this.listeners.tell()
  }

  /** Clears the flag: from here on `wait` waits. */
  clear(): void {
    this.flag = false
  }

  /** Waits until the flag is set; goes on at once where it is. */
  *wait(): Coroutine<void> {
    if (!this.flag) yield* this.line.wait(undefined)
  }

  whenReady(listener: () => void): () => void {
    return this.listeners.add(listener)
  }

  /** @returns whether it is set, and how many wait */
  statistics(): EventStatistics {
    return { set: this.flag, waiting: this.line.size + this.listeners.size }
  }
}

/** What an async result counts. */
export interface AsyncResultStatistics {
  /** Whether it was set, and what to. */
  readonly state: 'pending' | 'value' | 'error'
  /** Tasks that wait. */
  readonly waiting: number
}

/**
 * A value, or an error, that is set once and that any number of tasks wait for.
 *
 * @example
 * ```ts
 * const answer = new AsyncResult<number>()
 * spawn(function* () { yield* sleep(1); answer.set(42) })
 * console.log(yield* answer.get()) // 42
 * ```
 */
export class AsyncResult<T> implements Waitable {
  private state: 'pending' | 'value' | 'error' = 'pending'
  private content: unknown = undefined
  private readonly line = new Line('a result')
  private readonly listeners = new Listeners()

  /** True when the value or the error has come. */
  get ready(): boolean {
    return this.state !== 'pending'
  }

  /**
   * Sets the value.
   *
   * @throws GyreError `GYRE_TASK_MISUSE` if a value or an error was set before
   */
  set(value: T): void {
    this.settle('value', value)
    this.line.serveAll(value)
    this.listeners.tell()
  }

  /**
   * Sets an error: `get` throws it.
   *
   * @throws GyreError `GYRE_TASK_MISUSE` if a value or an error was set before
   */
  setError(error: unknown): void {
    this.settle('error', error)
    this.line.refuseAll(error)
    this.listeners.tell()
  }

  private settle(state: 'value' | 'error', content: unknown): void {
    if (this.ready) throw new GyreError('GYRE_TASK_MISUSE', 'an async result is set once, and this one was set before')
    this.state = state
    this.content = content
  }

  /**
   * Waits for the result.
   *
   * @returns the value
   * @throws the error, if an error was set
   */
  *get(): Coroutine<T> {
    if (this.state === 'value') return this.content as T
    if (this.state === 'error') throw this.content
    return yield* this.line.wait<T>(undefined)
  }

  /** @returns the value; undefined while there is none @throws the error, if an error was set */
  tryGet(): T | undefined {
    if (this.state === 'error') throw this.content
    return this.content as T | undefined
  }

  whenReady(listener: () => void): () => void {
    return this.listeners.add(listener)
  }

  /** @returns what has come, and how many wait */
  statistics(): AsyncResultStatistics {
    return { state: this.state, waiting: this.line.size + this.listeners.size }
  }
}
