/*
 * wsgiref.simple_server in our terms: an application to look at, and a server in one line.
 */
import { homeKernel } from '../io/index.ts'
import type { Task } from '../kernel/index.ts'
import { createServer } from '../server/index.ts'
import type { Server } from '../server/index.ts'
import { wsgi } from './container.ts'
import type { BaseEnviron, StartResponse, WsgiApp, WsgiResult } from './types.ts'

/**
 * Says hello, and what it was called with: to see whether a server works. Served by every way.
 *
 * @param environ - is written out, sorted by name
 * @param startResponse - begins the answer
 * @returns the text
 * @example
 * ```ts
 * const answer = await inject(wsgi(demoApp), { path: '/a?b=c' })
 * console.log(answer.text().split('\n').find((line) => line.startsWith('QUERY'))) // QUERY_STRING = "b=c"
 * ```
 */
export function demoApp(environ: BaseEnviron, startResponse: StartResponse): WsgiResult {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']])
  const lines = Object.entries(environ)
    .map(([key, value]) => `${key} = ${typeof value === 'string' ? JSON.stringify(value) : nameOf(value)}\n`)
    .sort()
  return [Buffer.from(`Hello world!\n\n${lines.join('')}`)]
}

function nameOf(value: unknown): string {
  if (typeof value === 'function') return `[function ${value.name}]`
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? `[${value.constructor.name}]`
    : JSON.stringify(value)
}

/**
 * Serves an application, inline.
 *
 * @param host - the address to listen at
 * @param port - 0 takes any that is free
 * @param app - the application
 * @returns a task: await it for the server, which listens then
 * @throws GyreError as `server.listen`
 * @example
 * ```ts
 * const server = await makeServer('127.0.0.1', 0, demoApp)
 * const [address] = server.addresses
 * console.log((await (await fetch(address?.url ?? '')).text()).slice(0, 12)) // Hello world!
 * await server.close()
 * ```
 */
export function makeServer(host: string, port: number, app: WsgiApp): Task<Server> {
  const server = createServer(wsgi(app))
  return homeKernel().spawn(
    function* () {
      yield* server.listen({ host, port })
      return server
    },
    { name: 'make server' },
  )
}
