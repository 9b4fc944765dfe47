/*
 * The inline container: a WSGI application that runs on the loop.
 *
 * The body is read first, then the application is called; it runs to its return without giving way. Its
 * chunks are sent one by one, each before the next is asked for (W18), and between them other requests
 * are served. However it ends, `close` is called, exactly once (W21).
 */
import { GyreError } from '../base/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { giveWay } from '../kernel/index.ts'
import type { Handler, Request, Response } from '../server/index.ts'
import { environOf } from './environ.ts'
import { Starter, mustBeBytes } from './start-response.ts'
import type { WsgiApp, WsgiResult } from './types.ts'

const NO_BODY = Buffer.alloc(0)

/**
 * Makes a handler of a WSGI application.
 *
 * @param app - is called with exactly `environ` and `startResponse` (W1)
 * @returns a handler, for `createServer` or `mount`; SCRIPT_NAME is the path that it is mounted at
 * @example
 * ```ts
 * createServer(wsgi((environ, startResponse) => {
 *   startResponse('200 OK', [['Content-Type', 'text/plain']])
 *   return [Buffer.from(`hello ${environ.PATH_INFO}\n`)]
 * }))
 * ```
 * @see PEP 3333
 */
export function wsgi(app: WsgiApp): Handler {
  if (typeof app !== 'function')
    throw new GyreError('GYRE_WSGI_APP', 'a WSGI application is a function of (environ, startResponse)')
  // A plain function where nothing has to be waited for, so that the common call costs no generator.
  return (request, response) =>
    request.hasBody ? serveBody(app, request, response) : call(app, request, response, NO_BODY)
}

function* serveBody(app: WsgiApp, request: Request, response: Response): Coroutine<void> {
  const rest = call(app, request, response, yield* request.bytes())
  if (rest !== undefined) yield* rest
}

/** Calls the application. @returns what is left to do, where that may have to wait */
function call(app: WsgiApp, request: Request, response: Response, body: Buffer): Coroutine<void> | undefined {
  const starter = new Starter(response)
  const result = app(environOf(request, body), starter.startResponse)
  // W24: an array of one chunk is an answer of known length.
  if (Array.isArray(result) && result.length === 1 && starter.written.length === 0 && closeOf(result) === undefined) {
    const chunk: unknown = result[0]
    mustBeBytes(chunk)
    mustHaveStarted(starter)
    response.end(chunk)
    return undefined
  }
  return send(result, starter, response)
}

function* send(result: WsgiResult, starter: Starter, response: Response): Coroutine<void> {
  let iterator: Iterator<Uint8Array> | undefined
  let exhausted = false
  try {
    yield* sendWritten(starter, response)
    iterator = iteratorOf(result)
    for (;;) {
      const { done, value } = iterator.next() as IteratorResult<unknown, unknown>
      // W28: what was written came before what is yielded.
      yield* sendWritten(starter, response)
      if (done === true) {
        exhausted = true
        break
      }
      mustBeBytes(value)
      // W19: an empty chunk sends nothing; it lets others run.
      if (value.length === 0) yield* giveWay()
      else {
        mustHaveStarted(starter)
        yield* response.write(value)
      }
    }
    mustHaveStarted(starter)
    response.end()
  } finally {
    close(result, exhausted ? undefined : iterator)
  }
}

function* sendWritten(starter: Starter, response: Response): Coroutine<void> {
  for (const chunk of starter.written.splice(0)) yield* response.write(chunk)
}

function iteratorOf(result: WsgiResult): Iterator<Uint8Array> {
  disarm(result)
  // A string or bytes can be iterated too, one letter at a time, and are always a mistake.
  if (
    typeof result !== 'object' ||
    (result as unknown) === null ||
    result instanceof Uint8Array ||
    !(Symbol.iterator in result)
  )
    throw new GyreError('GYRE_WSGI_APP', 'an application returns an iterable of chunks, such as an array of buffers')
  return result[Symbol.iterator]()
}

/** An async function is no application; if it fails, its promise must not end the process besides. */
function disarm(result: unknown): void {
  if (result instanceof Promise) result.catch(() => undefined)
}

/** W17: the head must be known by the first chunk, or by the end. */
function mustHaveStarted(starter: Starter): void {
  if (!starter.started) throw new GyreError('GYRE_WSGI_START', 'start_response was not called')
}

function closeOf(result: unknown): (() => void) | undefined {
  const close = typeof result === 'object' && result !== null && 'close' in result ? result.close : undefined
  return typeof close === 'function' ? (close as () => void) : undefined
}

/** W21: the result's own `close`, or the end of a generator that was left half way. */
function close(result: WsgiResult, unfinished: Iterator<Uint8Array> | undefined): void {
  const own = closeOf(result)
  if (own !== undefined) own.call(result)
  else unfinished?.return?.()
}
