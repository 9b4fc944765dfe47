/*
 * `fromNode`: an application of node:http as a handler of Gyre's.
 */
import type { RequestListener } from 'node:http'
import type { Handler } from '../server/index.ts'
import { Dialect } from './dialect.ts'
import { NodeServer } from './hidden.ts'

/**
 * Makes a handler of an application that was written for node:http: a listener of (req, res), an app of Express,
 * connect, Koa (`app.callback()`) or Fastify (`app.routing`), or an `http.Server` that listens nowhere, whose
 * listeners for 'request', 'upgrade' and the like are asked. Below a mount `req.url` begins with what follows the
 * mount's path, which is in `req.baseUrl`; `req.originalUrl` is the whole.
 *
 * @param app - the listener, the app or the server
 * @returns a handler. What the listener throws at once is answered with 500, like an error of any handler.
 * @example
 * ```ts
 * const old = fromNode((req, res) => res.end(`hello ${req.url}, below ${req.headers.host}`))
 * const answer = await inject(mount({ '/': old }), { path: '/ada' })
 * console.log(answer.text()) // hello /ada, below localhost
 * ```
 */
export function fromNode(app: RequestListener | NodeServer): Handler {
  return new Dialect(app instanceof NodeServer ? app : new NodeServer(app), {}, null).handler
}
