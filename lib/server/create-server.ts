/*
 * The usual way to a server: on the kernel that all servers and tasks of the thread share.
 */
import { homeKernel } from '../io/index.ts'
import type { Handler } from './handler.ts'
import type { ServerOptions } from './options.ts'
import { Server } from './server.ts'

/**
 * Makes a server. It serves nothing before `listen`.
 *
 * @param handler - answers requests: a generator function, an async function or a plain one
 * @returns the server, which listens nowhere
 * @throws GyreError `GYRE_BAD_OPTION` for an unknown option or a wrong value; `GYRE_IO_UNAVAILABLE`
 * @example
 * ```ts
 * const server = createServer(function* (request, response) {
 *   yield* sleep(1) // only this request waits
 *   response.text(`hello ${request.path}`)
 * })
 * const { url } = await server.listen({ port: 0, host: '127.0.0.1' })
 * console.log(await (await fetch(`${url}ada`)).text()) // hello /ada
 * await server.close()
 * ```
 */
export function createServer(handler: Handler): Server
/**
 * As above, with options.
 *
 * @param options - limits, io, records, log
 * @param handler - answers requests
 * @returns the server, which listens nowhere
 */
export function createServer(options: ServerOptions, handler: Handler): Server
export function createServer(...given: [Handler] | [ServerOptions, Handler]): Server {
  const [options, handler] = given.length === 1 ? [{}, given[0]] : given
  return new Server(homeKernel(), options, handler)
}
