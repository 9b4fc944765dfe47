/*
 * Threads for work that would hold up the loop: so many at once, each busy with one piece of work, and kept
 * for the next. A thread cannot be asked to stop in the middle, so a cancel ends it, and another takes its
 * place when one is needed.
 */
import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { GyreError } from '../../base/index.ts'
import { Spot, park, shield, waitPromise } from '../../kernel/index.ts'
import type { Coroutine } from '../../kernel/index.ts'
import { CapacityLimiter, holding } from '../../sync/index.ts'
import { PROGRAM } from './program.ts'
import type { Answer, Request } from './program.ts'

/** A function that a module exports, to be run in a thread. */
export interface ThreadModule {
  /** A file: `new URL('./work.js', import.meta.url)`, or an absolute path; or the name of a package. */
  readonly module: string | URL
  /** The name of the function. */
  readonly export: string
}

/** What a pool of threads counts. */
export interface ThreadPoolStatistics {
  /** Threads that are at work. */
  readonly busy: number
  /** Threads that wait for work. */
  readonly idle: number
  /** Tasks that wait for a thread. */
  readonly waiting: number
}

/**
 * Threads of one's own, where those of `runInThread` are not to be shared.
 *
 * @example
 * ```ts
 * const pool = new ThreadPool(1)
 * console.log(yield* pool.run((a: number, b: number) => a * b, 6, 7)) // 42
 * yield* pool.close()
 * ```
 */
export class ThreadPool {
  /** How many threads there may be, and who has one. Its total may be set at any time. */
  readonly limiter: CapacityLimiter
  private idle: Worker[] = []
  private busy = 0

  /** @param size - how many threads at most; as many as the machine has processors without it */
  constructor(size: number = availableParallelism()) {
    this.limiter = new CapacityLimiter(size)
  }

  /** Runs a function in a thread, as `runInThread` does. */
  run<A extends readonly unknown[], R>(work: (...given: A) => R, ...given: A): Coroutine<Awaited<R>>
  run(work: ThreadModule, ...given: unknown[]): Coroutine<unknown>
  *run(work: ThreadModule | ((...given: never[]) => unknown), ...given: unknown[]): Coroutine<unknown> {
    const request = requestOf(work, given)
    return yield* holding(this.limiter, this.serve(request))
  }

  /** Ends the threads that wait for work. Those at work go on, and so may the pool. */
  *close(): Coroutine<void> {
    const ending = this.idle.splice(0).map((worker) => worker.terminate())
    yield* waitPromise(Promise.all(ending))
  }

  /** @returns how many threads there are, and how many tasks wait for one */
  statistics(): ThreadPoolStatistics {
    return { busy: this.busy, idle: this.idle.length, waiting: this.limiter.statistics().waiting }
  }

  private *serve(request: Request): Coroutine<unknown> {
    const worker = this.idle.pop() ?? new Worker(PROGRAM, { eval: true })
    let answer: Answer | undefined
    this.busy++
    try {
      answer = yield* ask(worker, request)
    } finally {
      if (answer !== undefined) this.keep(worker)
      // Before the next one may have a thread: there are never more than the limiter says.
      else yield* shield(waitPromise(worker.terminate()))
      this.busy--
    }
    return resultOf(answer)
  }

  private keep(worker: Worker): void {
    worker.unref()
    this.idle.push(worker)
    // Work that was left behind may end the thread.
    const forget = (): void => {
      this.idle = this.idle.filter((other) => other !== worker)
    }
    worker.removeAllListeners()
    worker.once('error', forget)
    worker.once('exit', forget)
  }
}

/** Hands work to a thread and waits for the answer. */
function* ask(worker: Worker, request: Request): Coroutine<Answer> {
  const spot = new Spot('a thread')
  const lost = (reason: string, cause?: unknown): void => {
    spot.wakeThrow(new GyreError('GYRE_THREAD_LOST', `the thread ended before its work was done: ${reason}`, cause))
  }
  worker.removeAllListeners()
  worker.ref()
  worker.once('message', (answer: Answer) => void spot.wake(answer))
  worker.once('messageerror', (error) => lost('its result could not be read', error))
  worker.once('error', (error) => lost(String(error), error))
  worker.once('exit', (code) => lost(`exit code ${code}`))
  try {
    worker.postMessage(request)
  } catch (error) {
    throw new GyreError('GYRE_THREAD_DATA', `an argument cannot be copied to a thread: ${String(error)}`, error)
  }
  return yield* park<Answer>(spot)
}

function resultOf(answer: Answer): unknown {
  if ('result' in answer) return answer.result
  if ('misuse' in answer) throw new GyreError(answer.misuse, misuses[answer.misuse] + answer.detail)
  const { error, kept } = answer
  if (error instanceof Error)
    for (const [name, value] of Object.entries(kept))
      if (Reflect.get(error, name) !== value) Reflect.set(error, name, value)
  throw error
}

const misuses = {
  GYRE_THREAD_WORK:
    'a thread has no function to run; one that is given as such must need nothing of its surroundings: ',
  GYRE_THREAD_DATA: 'a result cannot be copied from a thread: ',
} as const

function requestOf(work: ThreadModule | ((...given: never[]) => unknown), given: readonly unknown[]): Request {
  if (typeof work === 'function') return { source: String(work), given }
  return { module: hrefOf(work.module), name: work.export, given }
}

function hrefOf(module: string | URL): string {
  if (module instanceof URL) return module.href
  if (module.startsWith('.'))
    throw new GyreError(
      'GYRE_BAD_OPTION',
      `a thread does not know what ${module} is relative to: use new URL('${module}', import.meta.url)`,
    )
  return module.startsWith('/') ? pathToFileURL(module).href : module
}

let shared: ThreadPool | undefined

/**
 * The threads that `runInThread` uses: as many as the machine has processors, unless its limiter is set.
 *
 * @returns the pool of this thread, the same each time
 * @example
 * ```ts
 * const square = (side: number): number => side * side
 * console.log(yield* runInThread(square, 12), sharedThreads().statistics().busy) // 144 0
 * ```
 */
export function sharedThreads(): ThreadPool {
  return (shared ??= new ThreadPool())
}

/**
 * Runs a function in a thread of its own, so that long calculations do not hold up the loop. Where all threads
 * are busy it waits for one. A cancel ends the thread, in the middle of whatever it does.
 *
 * The function is moved as text: it sees its arguments and what is global, and nothing that stands around
 * it; give a module and the name of what it exports where that is not enough. Arguments and results are
 * copied (structured clone).
 *
 * @param work - a function that may be async, or `{ module, export }`
 * @param given - its arguments
 * @returns what the function returns
 * @throws what the function throws, with its stack; GyreError `GYRE_THREAD_WORK`, `GYRE_THREAD_DATA`,
 *   `GYRE_THREAD_LOST`
 * @example
 * ```ts
 * const count = yield* runInThread((limit: number) => {
 *   let found = 0
 *   for (let number = 2; number < limit; number++) {
 *     let divisor = 2
 *     while (divisor * divisor <= number && number % divisor !== 0) divisor++
 *     if (divisor * divisor > number) found++
 *   }
 *   return found
 * }, 10_000)
 * console.log(count) // 1229
 * ```
 */
export function runInThread<A extends readonly unknown[], R>(
  work: (...given: A) => R,
  ...given: A
): Coroutine<Awaited<R>>
export function runInThread(work: ThreadModule, ...given: unknown[]): Coroutine<unknown>
export function runInThread(
  work: ThreadModule | ((...given: never[]) => unknown),
  ...given: unknown[]
): Coroutine<unknown> {
  return sharedThreads().run(work as ThreadModule, ...given)
}
