/*
 * The generator way: an application that may wait between its chunks.
 *
 * It is called like any other, but its input is read with `yield*`, and what it returns may hold waits among the
 * chunks: `yield*` hands the traps of sleep, of a read, of any operation through to the kernel, and only its own
 * request waits. PEP 3333 foresaw such servers ("middleware handling of block boundaries"). Whatever ends the
 * request - the client going away, a deadline, a drain - is thrown in where the application stands, so every
 * `finally` runs, and may wait in its turn.
 */
import { GyreError } from '../base/index.ts'
import { giveWay, park } from '../kernel/index.ts'
import type { Coroutine, Trap } from '../kernel/index.ts'
import type { Handler, Response } from '../server/index.ts'
import { mustBeApp, sendWritten } from './container.ts'
import { environOf } from './environ.ts'
import type { MountFacts } from './environ.ts'
import { loopErrors } from './errors-stream.ts'
import { TaskInput } from './input.ts'
import { NativeAnswer } from './native.ts'
import { sendAsFile } from './send-file.ts'
import { settingsOf } from './options.ts'
import type { WsgiOptions } from './options.ts'
import { closeOf, closeResult, iteratorOf, onlyChunkOf } from './result.ts'
import { announcedLength, inMemory, spool } from './spool.ts'
import { Starter, mustBeBytes, mustHaveStarted } from './start-response.ts'
import type { WsgiTaskApp } from './types.ts'

/**
 * Makes a handler of a WSGI application that waits: for databases, for other servers, for its client.
 *
 * @param app - is called with exactly `environ` and `startResponse`; a generator function may `yield` chunks and
 *   `yield*` operations, such as `environ['wsgi.input'].read()`
 * @param options - limits of this mount
 * @returns a handler, for `createServer` or `mount`
 * @throws GyreError `GYRE_WSGI_APP`, `GYRE_BAD_OPTION`
 * @example
 * ```ts
 * const handler = wsgiGenerator(function* (environ, startResponse) {
 *   startResponse('200 OK', [['Content-Type', 'text/plain']])
 *   yield Buffer.from('one ')
 *   yield* sleep(1)
 *   yield yield* environ['wsgi.input'].read()
 * })
 * console.log((await inject(handler, { method: 'POST', body: 'two' })).text()) // one two
 * ```
 */
export function wsgiGenerator(app: WsgiTaskApp, options: WsgiOptions = {}): Handler {
  mustBeApp(app)
  const settings = settingsOf(options)
  const mount: MountFacts = {
    way: 'generator',
    // Requests take turns where they wait, but there is one thread.
    multithread: false,
    multiprocess: settings.multiprocess,
    errors: loopErrors,
  }
  return function* (request, response) {
    if (settings.bodyBytes !== undefined) request.bodyLimit = settings.bodyBytes
    const length = announcedLength(request)
    const body = request.hasBody && length === undefined ? yield* spool(request, settings.limits) : null
    try {
      if (length !== undefined && length > request.bodyLimit) throw new GyreError('GYRE_BODY_TOO_LARGE')
      const spooled = body ?? inMemory(NO_BODY)
      const input = new TaskInput(spooled.held, body === null && request.hasBody ? () => request.read() : spooled.pull)
      const starter = new Starter(response)
      const environ = environOf(request, mount, input, request.hasBody ? (body?.length ?? length) : undefined)
      const result = app(environ, starter.startResponse)
      if (result instanceof NativeAnswer) yield* result.run(request, response, body)
      else yield* answer(result, starter, response)
    } finally {
      body?.close()
    }
  }
}

const NO_BODY = Buffer.alloc(0)

function* answer(result: unknown, starter: Starter, response: Response): Coroutine<void> {
  const only = onlyChunkOf(result)
  if (only !== undefined && starter.written.length === 0) {
    mustBeBytes(only)
    mustHaveStarted(starter)
    starter.over = true
    return response.end(starter.cut(only))
  }
  const own = closeOf(result)
  let app: AppSteps | null = null
  let failed = true
  try {
    yield* sendWritten(starter, response)
    if (!(yield* sendAsFile(result, starter, response))) {
      app = new AppSteps(iteratorOf(result))
      yield* sendSteps(app, starter, response)
    }
    mustHaveStarted(starter)
    response.end()
    failed = false
  } catch (error) {
    // Before its own close, so that the application is told what has ended it.
    if (app !== null && own === undefined) yield* app.throw(error)
    throw error
  } finally {
    starter.over = true
    if (own !== undefined) closeResult(result, undefined, failed, loopErrors)
    else if (app !== null) yield* app.return()
  }
}

function* sendSteps(app: AppSteps, starter: Starter, response: Response): Coroutine<void> {
  for (let chunk; (chunk = yield* app.next()) !== null;) {
    yield* sendWritten(starter, response)
    if (chunk.length === 0) {
      yield* giveWay()
      continue
    }
    mustHaveStarted(starter)
    const rest = starter.cut(chunk)
    if (rest.length === 0) return
    yield* response.write(rest)
  }
  yield* sendWritten(starter, response)
}

/** An application that has yielded so many chunks on its way out has not understood that it is over. */
const LAST_WORDS = 16

/** Steps through an application: what it waits for is waited for here, and its chunks come out. */
class AppSteps {
  private readonly iterator: Iterator<unknown, unknown>
  private done = false

  constructor(iterator: Iterator<unknown, unknown>) {
    this.iterator = iterator
  }

  /** @returns the next chunk; null at the end */
  *next(): Coroutine<Uint8Array | null> {
    return yield* this.run(this.step(() => this.iterator.next()))
  }

  /** Ends it by an error, which it may answer with cleanup that waits. */
  *throw(error: unknown): Coroutine<void> {
    const { iterator } = this
    if (this.done || iterator.throw === undefined) return
    try {
      yield* this.leave(this.step(() => (iterator.throw as (error: unknown) => IteratorResult<unknown>)(error)))
    } catch {
      // Where it is not that very error, the cleanup has failed in its turn: the first one is the one that counts.
    }
  }

  /** Ends it where it was left half way. */
  *return(): Coroutine<void> {
    const { iterator } = this
    if (this.done || iterator.return === undefined) return
    yield* this.leave(this.step(() => (iterator.return as () => IteratorResult<unknown>)()))
  }

  /** Runs the cleanup to its end. Chunks that come out of it have no place to go. */
  private *leave(first: IteratorResult<unknown>): Coroutine<void> {
    let step = first
    for (let left = LAST_WORDS; left > 0; left--) {
      if ((yield* this.run(step)) === null) return
      step = this.step(() => this.iterator.return?.() ?? { done: true, value: undefined })
    }
    this.done = true
  }

  /** Waits as long as traps come. @returns the chunk that came then; null at the end */
  private *run(first: IteratorResult<unknown>): Coroutine<Uint8Array | null> {
    const { iterator } = this
    let step = first
    while (step.done !== true && isTrap(step.value)) {
      const { value } = step
      let brought: unknown
      let failed = false
      try {
        brought = yield* park<unknown>(value)
      } catch (error) {
        brought = error
        failed = true
      }
      step = this.step(() => {
        if (!failed) return (iterator as Iterator<unknown, unknown, unknown>).next(brought)
        if (iterator.throw === undefined) throw brought
        return iterator.throw(brought)
      })
    }
    if (step.done === true) {
      this.done = true
      return null
    }
    const chunk: unknown = step.value
    mustBeBytes(chunk)
    return chunk
  }

  /** A step that throws is the last one. */
  private step(take: () => IteratorResult<unknown>): IteratorResult<unknown> {
    try {
      return take()
    } catch (error) {
      this.done = true
      throw error
    }
  }
}

function isTrap(value: unknown): value is Trap {
  return typeof value === 'object' && value !== null && 'enter' in value && 'undo' in value
}
