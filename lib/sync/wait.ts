/*
 * Waiting for several things that are under way: tasks, events, results, queues.
 */
import { GyreError } from '../base/index.ts'
import { Spot, Task, park } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { endingOf, waitableOf } from './endings.ts'
import type { Waitable } from './ready.ts'
import { DONE, Source } from './source.ts'
import { moveOnAfter } from './timeout.ts'

/** How long, and for how many, is waited. */
export interface WaitOptions {
  /** Milliseconds; what is ready by then is what there is. */
  readonly timeout?: number
  /** As soon as so many are ready; all of them without it. */
  readonly count?: number
}

/** How tasks are joined. */
export interface JoinOptions extends WaitOptions {
  /** Throw the error of the first task that fails, as soon as it does. The others go on. */
  readonly firstError?: boolean
}

/**
 * The things that were asked for, as they become ready, each once. A source: use it with `each`, or by
 * `yield* it.next()`.
 *
 * @param objects - tasks (ready when they have ended), events, async results, queues and channels (ready
 *   when there is something to get, which is left there)
 * @example
 * ```ts
 * const slow = spawn(sleep(50), { name: 'slow' })
 * const quick = spawn(sleep(1), { name: 'quick' })
 * yield* each(asCompleted([slow, quick]), function* (task) { console.log(task.name) })
 * // quick
 * // slow
 * ```
 */
export function asCompleted<O extends Waitable | Task>(objects: Iterable<O>): Source<O> & Disposable {
  return new Completion(objects)
}

class Completion<O extends Waitable | Task> extends Source<O> implements Disposable {
  private readonly ready: O[] = []
  private readonly pending = new Map<O, () => void>()
  private readonly spot = new Spot('the first of several things')

  constructor(objects: Iterable<O>) {
    super()
    const all = new Set(objects)
    for (const object of all) {
      const waitable = waitableOf(object)
      if (waitable.ready) this.add(object)
      else
        this.pending.set(
          object,
          waitable.whenReady(() => this.tell(object)),
        )
    }
  }

  private tell(object: O): void {
    this.pending.get(object)?.()
    if (!this.pending.delete(object)) return
    this.add(object)
    this.spot.wake()
  }

  private add(object: O): void {
    // Who asked for the task is handed it, with its failure: nobody else need be told.
    if (object instanceof Task) object.observed = true
    this.ready.push(object)
  }

  override *next(): Coroutine<IteratorResult<O, undefined>> {
    if (this.ready.length === 0 && this.pending.size > 0) yield* park(this.spot)
    const [object] = this.ready.splice(0, 1)
    return object === undefined ? DONE : { done: false, value: object }
  }

  override *close(): Coroutine<void> {
    this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    for (const unlink of this.pending.values()) unlink()
    this.pending.clear()
  }
}

/**
 * Waits until things are ready: all of them, or `count`, or as many as become so within `timeout`.
 *
 * @returns those that are ready, in the order in which they became so
 * @example
 * ```ts
 * const bell = new Event()
 * const nap = spawn(sleep(1000))
 * spawn(function* () { yield* sleep(1); bell.set() })
 * const [first] = yield* waitFor([bell, nap], { count: 1 })
 * console.log(first === bell) // true
 * nap.cancel()
 * ```
 */
export function* waitFor<O extends Waitable | Task>(objects: Iterable<O>, options: WaitOptions = {}): Coroutine<O[]> {
  const ready: O[] = []
  yield* collect(objects, options, (object) => void ready.push(object))
  return ready
}

/**
 * Waits until tasks have ended: all of them, or `count`, or as many as do so within `timeout`. Their
 * errors are not thrown, unless `firstError` is asked for: look at `task.state` and `endingOf(task)`.
 *
 * @returns the tasks that have ended, in the order in which they did
 * @throws the error of the first task that fails, with `firstError`
 * @example
 * ```ts
 * const tasks = [1, 2, 1000].map((time) => spawn(sleep(time)))
 * const ended = yield* joinAll(tasks, { timeout: 50 })
 * console.log(ended.length) // 2
 * yield* killAll(tasks)
 * ```
 */
export function* joinAll<T extends Task>(tasks: Iterable<T>, options: JoinOptions = {}): Coroutine<T[]> {
  const ended: T[] = []
  yield* collect(tasks, options, (task) => {
    ended.push(task)
    if (options.firstError !== true) return
    const outcome = endingOf(task)
    if (outcome.state === 'failed') throw outcome.error
  })
  return ended
}

function* collect<O extends Waitable | Task>(
  objects: Iterable<O>,
  options: WaitOptions,
  take: (object: O) => void,
): Coroutine<void> {
  const { timeout = Infinity, count = Infinity } = options
  if (Number.isNaN(timeout) || !(count > 0))
    throw new GyreError('GYRE_TASK_MISUSE', 'timeout is a number of milliseconds, count a number above 0')
  using completion = new Completion(objects)
  if (timeout === Infinity) yield* takeEach(completion, count, take)
  else yield* moveOnAfter(timeout, takeEach(completion, count, take))
}

function* takeEach<O>(source: Source<O>, count: number, take: (object: O) => void): Coroutine<void> {
  for (let left = count; left > 0; left--) {
    const got = yield* source.next()
    if (got.done === true) return
    take(got.value)
  }
}
