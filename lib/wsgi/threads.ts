/*
 * The threads way: an application that is truly synchronous, in threads of its own.
 *
 * The loop does what it is good at, waiting: it reads heads and small bodies, keeps slow clients, and lays requests
 * out in memory that it shares with the threads. A thread only ever works. What that costs, and when it is worth it,
 * docs/wsgi-three-ways.md says.
 */
import { GyreError, SIZES } from '../base/index.ts'
import { homeKernel } from '../io/index.ts'
import type { Coroutine, Task } from '../kernel/index.ts'
import type { Request, Response } from '../server/index.ts'
import { settingsOf } from './options.ts'
import type { WsgiOptions, WsgiSettings } from './options.ts'
import { announcedLength, inMemory, spool } from './spool.ts'
import type { Spooled } from './spool.ts'
import { TOLD_BODY } from './threads/messages.ts'
import { Pool } from './threads/pool.ts'
import type { ThreadStatistics } from './threads/pool.ts'

/** A handler with its threads. */
export interface ThreadedWsgi {
  (request: Request, response: Response): Coroutine<void>
  /** Ends when every thread has loaded the application. @throws GyreError `GYRE_WSGI_MODULE` through the task */
  readonly ready: Task<void>
  /** Ends the threads, after the requests that run, within `stopTime`. Close the server first. */
  close(): Task<void>
  /** What the threads do and have done. */
  statistics(): ThreadStatistics
}

/**
 * Serves a WSGI application in threads: for what computes long, or calls what blocks. Its reads of `wsgi.input` and its
 * writes block their thread and nothing else. Each thread loads the module anew and has a memory of its own.
 *
 * @param module - the module, whose default export is the application
 * @param options - limits of this mount, such as how many `threads`
 * @returns a handler, for `createServer` or `mount`
 * @throws GyreError `GYRE_BAD_OPTION`
 * @example
 * ```ts
 * const app = wsgiThreads(new URL('./app.js', import.meta.url), { limits: { threads: 1, requestTime: 5_000 } })
 * await app.ready
 * console.log((await inject(app)).text(), app.statistics().threads) // hello from a thread 1
 * await app.close()
 * ```
 */
export function wsgiThreads(module: URL, options: WsgiOptions = {}): ThreadedWsgi {
  if (!(module instanceof URL))
    throw new GyreError(
      'GYRE_BAD_OPTION',
      'wsgiThreads() needs the URL of a module: new URL("./app.js", import.meta.url)',
    )
  const settings = settingsOf(options)
  const kernel = homeKernel()
  const pool = new Pool(kernel, module.href, settings.limits, settings.multiprocess)
  let closing: Task<void> | undefined
  const handler = (request: Request, response: Response): Coroutine<void> => serve(pool, settings, request, response)
  return Object.assign(handler, {
    ready: pool.ready,
    close: () => (closing ??= kernel.spawn(pool.close(), { name: 'close WSGI threads' })),
    statistics: () => pool.statistics(),
  })
}

const NO_BODY = inMemory(Buffer.alloc(0))

function* serve(pool: Pool, settings: WsgiSettings, request: Request, response: Response): Coroutine<void> {
  if (settings.bodyBytes !== undefined) request.bodyLimit = settings.bodyBytes
  const length = request.hasBody ? announcedLength(request) : undefined
  if (length !== undefined && length > request.bodyLimit) throw new GyreError('GYRE_BODY_TOO_LARGE')
  // What is small is read before, so that a slow sender keeps no thread; what is large the thread asks for.
  let body: Spooled | null = null
  if (!request.hasBody) body = NO_BODY
  else if (length === undefined) body = yield* spool(request, settings.limits)
  else if (length <= TOLD_BODY) body = inMemory(yield* request.bytes())
  try {
    yield* answer(pool, settings, request, response, body, length)
  } finally {
    body?.close()
  }
}

function* answer(
  pool: Pool,
  settings: WsgiSettings,
  request: Request,
  response: Response,
  body: Spooled | null,
  announced: number | undefined,
): Coroutine<void> {
  const held = body?.held ?? NO_BODY.held
  const told = held.length <= TOLD_BODY
  const length = request.hasBody ? (announced ?? body?.length) : undefined
  const pull = body === null ? () => request.read() : told ? body.pull : onceThen(held, body.pull)
  const job = pool.submit(request, told ? held : NO_BODY.held, length, pull)
  if (job === undefined) return busy(settings, response)
  let answered = false
  try {
    yield* job.run(response)
    answered = true
  } catch (error) {
    if (!(error instanceof GyreError && error.code === 'GYRE_WSGI_BUSY')) throw error
    busy(settings, response)
  } finally {
    pool.finish(job, answered)
  }
}

/** Brings what is held, then the rest. */
function onceThen(held: Buffer, pull: Spooled['pull']): Spooled['pull'] {
  let given = false
  return function* () {
    if (given) return pull === null ? null : yield* pull()
    given = true
    return held
  }
}

const UNAVAILABLE = 503

function busy({ limits }: WsgiSettings, response: Response): void {
  response.headers.set('Retry-After', Math.ceil(limits.retryAfter / SIZES.second))
  response.text('503 Service Unavailable\n', UNAVAILABLE)
}
