/*
 * A native handler as a WSGI application, so that both kinds stand in one tree whichever is outside.
 *
 * A native handler waits, upgrades, streams: none of that fits through an iterable. So the application that
 * stands for it returns a token, and the container runs the handler itself. Middleware around it may look at
 * the environ and answer instead, but cannot look at what the handler sends.
 */
import { GyreError } from '../base/index.ts'
import { currentTask } from '../kernel/index.ts'
import type { Coroutine, Kernel, Operation, Scope } from '../kernel/index.ts'
import type { RequestFields } from '../protocol/index.ts'
import { Request, finish } from '../server/index.ts'
import type { BodySource, Handler, Response } from '../server/index.ts'
import { decodePath } from './environ.ts'
import type { Spooled } from './spool.ts'
import type { BaseEnviron, WsgiApp, WsgiResult } from './types.ts'

/** What an application returns that stands for a handler. */
export class NativeAnswer implements Iterable<Uint8Array> {
  private readonly handler: Handler
  private readonly environ: BaseEnviron

  constructor(handler: Handler, environ: BaseEnviron) {
    this.handler = handler
    this.environ = environ
  }

  /** Has the handler answer. For the container. @param body - where the body was read before; else null */
  run(request: Request, response: Response, body: Spooled | null): Operation<unknown> {
    const own = body === null ? request : withBody(request, body)
    own.mountPath = mountPathOf(request.path, this.environ)
    return finish(this.handler(own, response))
  }

  /** @throws GyreError `GYRE_WSGI_APP` */
  [Symbol.iterator](): Iterator<Uint8Array> {
    throw new GyreError(
      'GYRE_WSGI_APP',
      'a native handler sends its answer itself: middleware around it, or a thread, cannot read that',
    )
  }
}

/**
 * Makes a WSGI application of a native handler, for trees of applications such as `mountApps` and `hostApps`. It is
 * served by the inline way and by the generator way.
 *
 * @param handler - a generator function, an async function or a plain one
 * @returns an application
 * @example
 * ```ts
 * const app = mountApps({
 *   '/': demoApp,
 *   '/events': fromHandler(function* (_request, response) {
 *     yield* response.write('one ')
 *     yield* response.write('two')
 *   }),
 * })
 * console.log((await inject(wsgi(app), { path: '/events' })).text()) // one two
 * ```
 */
export function fromHandler(handler: Handler): WsgiApp {
  // Whatever the environ's input is, the handler reads the request itself.
  return (environ: BaseEnviron): WsgiResult => new NativeAnswer(handler, environ)
}

/** The same request with its body as it was gathered. */
function withBody(request: Request, body: Spooled): Request {
  const { method, target, headers, httpVersion, upgrade } = request
  const facts = { method, target, fields: headers, minor: httpVersion === '1.1' ? 1 : 0, upgrade: upgrade.length > 0 }
  return new Request(facts as typeof facts & { minor: 0 | 1 }, request, new SpooledSource(request, body), body.length)
}

/** A body that lies in memory or in a file, as a front door brings it. */
class SpooledSource implements BodySource {
  readonly kernel: Kernel
  readonly scope: Scope
  readonly bodyLength: number
  readonly trailers: RequestFields | null
  private held: Buffer | null
  private readonly body: Spooled

  constructor(request: Request, body: Spooled) {
    const task = currentTask()
    this.kernel = task.kernel
    this.scope = task.scope
    this.bodyLength = body.length
    this.trailers = request.trailers
    this.held = body.held.length > 0 ? body.held : null
    this.body = body
  }

  *readBody(): Coroutine<Buffer | null> {
    const { held } = this
    this.held = null
    if (held !== null) return held
    return this.body.pull === null ? null : yield* this.body.pull()
  }
}

const ESCAPE = /^%[0-9A-Fa-f]{2}/

/** The part of the path, as it was sent, that lies before what PATH_INFO has of it decoded. */
function mountPathOf(path: string, { SCRIPT_NAME: script, PATH_INFO: rest }: BaseEnviron): string {
  // Nothing is encoded in most paths: then the rest is what is left at the end.
  if (path.endsWith(rest) && path.slice(0, path.length - rest.length) === script) return script
  const decoded = decodePath(path)
  // Where middleware has written another path, the name of the application is all there is to go by.
  let before = decoded.endsWith(rest) ? decoded.length - rest.length : script.length
  let at = 0
  for (; before > 0 && at < path.length; before--) at += ESCAPE.test(path.slice(at, at + 3)) ? 3 : 1
  return path.slice(0, at)
}
