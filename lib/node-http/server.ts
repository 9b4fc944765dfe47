/*
 * The constructor: Node's own, with a facade behind it. Written as Node writes its own, because programs call it without
 * `new`, and on objects of their own that inherit from it.
 */
import type { RequestListener } from 'node:http'
import type { Server as GyreServer } from '../server/index.ts'
import { Facade } from './facade.ts'
import type { ServerOptions } from './facade.ts'
import { NodeServer } from './hidden.ts'

/** The facade of each server. */
const FACADE = Symbol('facade')

interface Fronted extends NodeServer {
  [FACADE]: Facade
}

/** An HTTP server with the interface of `http.Server`, on Gyre's loop. */
export interface Server extends NodeServer {
  /** Counts of what the server does and has done, as of Gyre's own. */
  statistics(): ReturnType<GyreServer['statistics']>
}

type ServerConstructor = {
  new (listener?: RequestListener): Server
  new (options: ServerOptions | undefined, listener?: RequestListener): Server
  (listener?: RequestListener): Server
  (options: ServerOptions | undefined, listener?: RequestListener): Server
  readonly prototype: Server
}

/**
 * `http.Server` on Gyre's loop. Like Node's it may be called without `new`, and on an object that inherits from it.
 *
 * @example
 * ```ts
 * const server = new Server((req, res) => res.end(`hello ${req.url}`))
 * await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
 * const { port } = server.address() as { port: number }
 * console.log(await (await fetch(`http://127.0.0.1:${port}/ada`)).text()) // hello /ada
 * server.close()
 * ```
 */
export const Server: ServerConstructor = function Server(
  this: unknown,
  first?: ServerOptions | RequestListener,
  second?: RequestListener,
): Server {
  const self = this instanceof NodeServer ? this : (Object.create(Server.prototype as object) as NodeServer)
  ;(NodeServer as unknown as { call(self: object, ...given: unknown[]): void }).call(self, first, second)
  const options = typeof first === 'object' ? first : {}
  ;(self as Fronted)[FACADE] = new Facade(self, options)
  return self as Server
} as unknown as ServerConstructor

const methods = {
  close(this: Fronted, done?: (error?: Error) => void): NodeServer {
    NodeServer.prototype.close.call(this, done)
    this[FACADE].windDown()
    return this
  },
  closeAllConnections(this: Fronted): void {
    this[FACADE].closeAll()
  },
  closeIdleConnections(this: Fronted): void {
    this[FACADE].closeIdle()
  },
  statistics(this: Fronted): ReturnType<GyreServer['statistics']> {
    return this[FACADE].statistics
  },
}
Object.setPrototypeOf(Server, NodeServer)
Object.defineProperty(Server, 'prototype', {
  value: Object.create(NodeServer.prototype as object) as object,
  writable: false,
})
for (const [name, value] of [...Object.entries(methods), ['constructor', Server] as const])
  Object.defineProperty(Server.prototype, name, { value, configurable: true, writable: true, enumerable: false })

/**
 * Makes a server: `http.createServer` on Gyre's loop.
 *
 * @param listener - is added to 'request'
 * @returns the server, which listens nowhere
 * @example
 * ```ts
 * const server = createServer((req, res) => res.end(`hello ${req.url}`))
 * server.listen(0, '127.0.0.1', async () => {
 *   const { port } = server.address() as { port: number }
 *   console.log(await (await fetch(`http://127.0.0.1:${port}/ada`)).text()) // hello /ada
 *   server.close()
 * })
 * await new Promise((resolve) => server.once('close', resolve))
 * ```
 */
export function createServer(listener?: RequestListener): Server
/**
 * As above, with options.
 *
 * @param options - those of node:http, and `gyre` for what only Gyre has
 * @param listener - is added to 'request'
 * @returns the server, which listens nowhere
 */
export function createServer(options: ServerOptions | undefined, listener?: RequestListener): Server
export function createServer(first?: ServerOptions | RequestListener, second?: RequestListener): Server {
  return new Server(first as ServerOptions, second)
}
