/*
 * Fetch-style applications as handlers: a function from Request to Response, as Hono, h3, itty-router and what runs on Workers, Deno and
 * Bun export it.
 */
import { GyreError } from '../../base/index.ts'
import { waitPromise } from '../../kernel/index.ts'
import type { Coroutine } from '../../kernel/index.ts'
import type { Handler, Request as GyreRequest, Response as GyreResponse } from '../../server/index.ts'
import { FetchContext } from './context.ts'
import { LightRequest } from './request.ts'
import { LightResponse } from './response.ts'
import { sendLight, sendNative } from './send.ts'

/**
 * Answers a request with a response. The context is handed over twice, because it is looked for in two places: as what surrounds
 * the application (Deno's `info`, Hono's and the Workers' `env`), and as `ctx` of Workers, Hono's `executionCtx`.
 */
export type FetchFunction = (
  request: Request,
  context: FetchContext,
  sameContext: FetchContext,
) => Response | PromiseLike<Response>

/** An application: the function, or what has it as `fetch`. */
export type FetchApp =
  | FetchFunction
  | {
      /** Answers requests. */
      readonly fetch: FetchFunction
    }

/**
 * Makes a handler of a fetch-style application.
 *
 * The request is a `Request` that costs little until it is touched. Its URL begins behind the mount path, its `signal` is aborted
 * when the client goes away before the answer is finished. The response is a `Response`; `FetchResponse` is a cheaper one.
 *
 * @param app - a function of `(request, context)`, or an object that has one as `fetch`
 * @returns a handler; what the application throws is answered as for every handler
 * @throws GyreError `GYRE_BAD_OPTION` for what is no application
 * @example
 * ```ts
 * const server = createServer(fromFetch((request) => new Response(`hello ${new URL(request.url).pathname}`)))
 * const { url } = await server.listen({ port: 0, host: '127.0.0.1' })
 * console.log(await (await fetch(`${url}you`)).text()) // hello /you
 * await server.close()
 * ```
 * @see https://fetch.spec.whatwg.org/
 */
export function fromFetch(app: FetchApp): Handler {
  const called = typeof app === 'function' ? app : bound(app)
  return (request, response) => {
    const context = new FetchContext(request)
    const reply = called(new LightRequest(request) as unknown as Request, context, context)
    return LightResponse.isUntouched(reply) ? sendLight(reply, response) : answer(reply, request, response)
  }
}

function* answer(
  reply: Response | PromiseLike<Response>,
  request: GyreRequest,
  response: GyreResponse,
): Coroutine<void> {
  const settled = isPromise(reply) ? yield* waitPromise(reply) : reply
  if (LightResponse.isUntouched(settled)) return sendLight(settled, response)
  if (!isResponse(settled))
    throw new GyreError('GYRE_HANDLER_RESULT', 'a fetch-style application returns a Response, or a promise of one')
  yield* sendNative(settled, request, response)
}

function bound(app: { readonly fetch: FetchFunction }): FetchFunction {
  const given = app as { readonly fetch?: unknown } | null
  if (typeof given?.fetch !== 'function')
    throw new GyreError(
      'GYRE_BAD_OPTION',
      'fromFetch() needs a function of (request), or an object that has one as fetch',
    )
  return (request, context, same) => app.fetch(request, context, same)
}

function isPromise(reply: Response | PromiseLike<Response>): reply is PromiseLike<Response> {
  return typeof (reply as Partial<PromiseLike<Response>> | undefined)?.then === 'function'
}

/** Also one of another library, such as undici's own. */
function isResponse(reply: unknown): reply is Response {
  const { status, headers, body } = (reply ?? {}) as Partial<Response>
  return typeof status === 'number' && headers !== undefined && body !== undefined
}
