/*
 * The other way round: one of our handlers as a fetch-style application, for servers and test tools that run those.
 */
import { homeKernel } from '../../io/index.ts'
import type { Handler } from '../../server/index.ts'
import { WebExchange } from './web-exchange.ts'

/**
 * Makes a fetch-style function of a handler: Gyre inside of somebody else's server, or called without any.
 *
 * The handler gets the method, the target, the fields and the body of the request; what it answers, in one piece or as a
 * stream, becomes the response. When the request's signal aborts, or nobody reads the response any more, the handler is cancelled.
 * There is no connection: addresses are empty, interim answers are dropped, and there is no upgrade.
 *
 * @param handler - a generator function, an async function or a plain one
 * @returns a function from Request to a promise of a Response. What the handler throws is an answer; the promise is
 *   rejected only with the reason of a signal that has aborted before there was one
 * @example
 * ```ts
 * const app = toFetch(function* (request, response) {
 *   response.text(`${yield* request.text()} to ${request.path}`)
 * })
 * const response = await app(new Request('http://localhost/you', { method: 'POST', body: 'hello' }))
 * console.log(response.status, await response.text()) // 200 hello to /you
 * ```
 * @see https://fetch.spec.whatwg.org/
 */
export function toFetch(handler: Handler): (request: Request) => Promise<Response> {
  return async (request) => {
    const kernel = homeKernel()
    const exchange = new WebExchange(kernel, request)
    kernel.spawn(exchange.run(handler), { name: 'fetch request' })
    return await kernel.spawn(exchange.answer.get(), { name: 'fetch answer' })
  }
}
