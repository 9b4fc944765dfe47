/*
 * The inline way: a WSGI application that runs on the loop.
 *
 * The body is read first, then the application is called; it runs to its return without giving way. Its
 * chunks are sent one by one, each before the next is asked for (W18), and between them other requests
 * are served. However it ends, `close` is called, exactly once (W21).
 */
import { GyreError } from '../base/index.ts'
import type { Coroutine, Operation } from '../kernel/index.ts'
import { giveWay } from '../kernel/index.ts'
import type { Handler, Request, Response } from '../server/index.ts'
import { environOf } from './environ.ts'
import type { MountFacts } from './environ.ts'
import { loopErrors } from './errors-stream.ts'
import { WsgiInput } from './input.ts'
import { NativeAnswer } from './native.ts'
import { sendAsFile } from './send-file.ts'
import { settingsOf } from './options.ts'
import type { WsgiOptions, WsgiSettings } from './options.ts'
import { closeResult, iteratorOf, onlyChunkOf } from './result.ts'
import { spool } from './spool.ts'
import type { Spooled } from './spool.ts'
import { Starter, mustBeBytes, mustHaveStarted } from './start-response.ts'
import type { WsgiApp, WsgiErrors } from './types.ts'

/**
 * Makes a handler of a WSGI application that runs on the loop: for what computes shortly and waits for nothing.
 *
 * @param app - is called with exactly `environ` and `startResponse` (W1)
 * @param options - limits of this mount
 * @returns a handler, for `createServer` or `mount`; SCRIPT_NAME is the path that it is mounted at
 * @throws GyreError `GYRE_WSGI_APP`, `GYRE_BAD_OPTION`
 * @example
 * ```ts
 * const handler = wsgi((environ, startResponse) => {
 *   startResponse('200 OK', [['Content-Type', 'text/plain']])
 *   return [Buffer.from(`hello ${environ.PATH_INFO}`)]
 * })
 * console.log((await inject(handler, { path: '/ada' })).text()) // hello /ada
 * ```
 * @see PEP 3333
 */
export function wsgi(app: WsgiApp, options: WsgiOptions = {}): Handler {
  mustBeApp(app)
  const settings = settingsOf(options)
  // One call of the application at a time, in one thread: the loop waits for none other meanwhile.
  const mount: MountFacts = {
    way: 'inline',
    multithread: false,
    multiprocess: settings.multiprocess,
    errors: loopErrors,
  }
  // A plain function where nothing has to be waited for, so that the common call costs no generator.
  return (request, response) =>
    request.hasBody ? serveBody(app, mount, settings, request, response) : call(app, mount, request, response, null)
}

/** @throws GyreError `GYRE_WSGI_APP` */
export function mustBeApp(app: unknown): void {
  if (typeof app !== 'function')
    throw new GyreError('GYRE_WSGI_APP', 'a WSGI application is a function of (environ, startResponse)')
}

function* serveBody(
  app: WsgiApp,
  mount: MountFacts,
  settings: WsgiSettings,
  request: Request,
  response: Response,
): Coroutine<void> {
  if (settings.bodyBytes !== undefined) request.bodyLimit = settings.bodyBytes
  const body = yield* spool(request, settings.limits)
  try {
    const rest = call(app, mount, request, response, body)
    if (rest !== undefined) yield* rest
  } finally {
    body.close()
  }
}

/** Calls the application. @returns what is left to do, where that may have to wait */
function call(
  app: WsgiApp,
  mount: MountFacts,
  request: Request,
  response: Response,
  body: Spooled | null,
): Operation<unknown> | undefined {
  const starter = new Starter(response)
  const input = body === null ? new WsgiInput() : new WsgiInput(body.held, body.pull)
  const result = app(environOf(request, mount, input, body?.length), starter.startResponse)
  const only = onlyChunkOf(result)
  if (only !== undefined && starter.written.length === 0) {
    mustBeBytes(only)
    mustHaveStarted(starter)
    response.end(starter.cut(only))
    starter.over = true
    return undefined
  }
  if (result instanceof NativeAnswer) return result.run(request, response, body)
  return send(result, starter, response, mount.errors)
}

function* send(result: unknown, starter: Starter, response: Response, errors: WsgiErrors): Coroutine<void> {
  let iterator: Iterator<unknown, unknown> | undefined
  let exhausted = false
  let failed = true
  try {
    yield* sendWritten(starter, response)
    if (!(yield* sendAsFile(result, starter, response))) {
      iterator = iteratorOf(result)
      exhausted = yield* sendChunks(iterator, starter, response)
    }
    mustHaveStarted(starter)
    response.end()
    failed = false
  } finally {
    starter.over = true
    closeResult(result, exhausted ? undefined : iterator, failed, errors)
  }
}

/** @returns whether all of them were asked for: not where Content-Length left no room for more */
function* sendChunks(iterator: Iterator<unknown, unknown>, starter: Starter, response: Response): Coroutine<boolean> {
  for (;;) {
    const { done, value } = iterator.next()
    // W28: what was written came before what is yielded.
    yield* sendWritten(starter, response)
    if (done === true) return true
    mustBeBytes(value)
    // W19: an empty chunk sends nothing; it lets others run.
    if (value.length === 0) {
      yield* giveWay()
      continue
    }
    mustHaveStarted(starter)
    const chunk = starter.cut(value)
    if (chunk.length === 0) return false
    yield* response.write(chunk)
  }
}

/** Sends what was given to `write`. */
export function* sendWritten(starter: Starter, response: Response): Coroutine<void> {
  for (const chunk of starter.takeWritten()) yield* response.write(chunk)
}
