/*
 * The server: takes connections in, keeps them, and lets them go.
 */
import { GyreError, SIZES, resolveLimits } from '../base/index.ts'
import type { Limits } from '../base/index.ts'
import { chooseIo, homeKernel, openListener } from '../io/index.ts'
import type { ByteStream, Endpoint, IoChoice, Listener } from '../io/index.ts'
import { ParkingLot, Scope, giveWay, park, sleep, waitPromise } from '../kernel/index.ts'
import type { Coroutine, Kernel, Task } from '../kernel/index.ts'
import { dateLine } from '../protocol/index.ts'
import { Connection } from './connection.ts'
import type { ServerContext, ServerCounts } from './context.ts'
import type { Handler } from './handler.ts'
import { NoBody } from './incoming.ts'
import { lineLogger } from './log.ts'
import type { Logger } from './log.ts'
import { checkListenOptions, checkServerOptions, resolveAddress } from './options.ts'
import type { ListenOptions, ServerOptions } from './options.ts'
import { Outgoing } from './outgoing.ts'
import type { Request } from './request.ts'

/** Where a server can be reached. */
export interface ServerAddress extends Endpoint {
  /** Such as `http://127.0.0.1:8080/`; for a unix socket `unix:` and its path. */
  readonly url: string
}

/** What a server is doing. */
export interface ServerStatistics extends Readonly<ServerCounts> {
  /** The kind of io, and why it was chosen. */
  readonly io: IoChoice
  /** Connections that are open. */
  readonly connections: number
  /** Tasks, deadlines and ticks of the kernel, which all servers of the thread share. */
  readonly kernel: ReturnType<Kernel['statistics']>
}

type Phase = 'open' | 'closing' | 'closed'

/** Serves HTTP/1.1. Made by `createServer`. */
export class Server implements ServerContext {
  readonly kernel: Kernel
  readonly limits: Limits
  readonly handler: Handler
  readonly cancelOnDisconnect: boolean
  readonly counts: ServerCounts = { accepted: 0, rejected: 0, requests: 0, running: 0, refused: 0, gone: 0 }
  readonly noBody: NoBody
  private readonly io: IoChoice
  private readonly log: Logger
  /** The tasks of all connections; each is kept by its Connection. */
  private readonly connections = new Set<Task>()
  private readonly listeners = new Map<Listener, ServerAddress>()
  /** All connections: cancelling it ends what a drain could not wait for. */
  private readonly scope: Scope
  private readonly empty = new ParkingLot('the last connection')
  private phase: Phase = 'open'
  private closing: Task<void> | null = null
  /** The line of the Date field, and until when it is good. */
  private date = ''
  private dateUntil = -Infinity

  /** @param kernel - runs the server; the thread's own, except in tests */
  constructor(kernel: Kernel, options: ServerOptions, handler: Handler) {
    checkServerOptions(options)
    if (typeof handler !== 'function')
      throw new GyreError('GYRE_BAD_OPTION', 'createServer() needs a handler: a function of (request, response)')
    this.kernel = kernel
    this.limits = resolveLimits(options.limits ?? {})
    this.handler = handler
    this.cancelOnDisconnect = options.cancelOnDisconnect ?? true
    this.io = chooseIo(options.io)
    this.scope = new Scope(kernel, null, false)
    this.scope.grace = this.limits.cancelGrace
    this.scope.tasks = this.connections
    this.noBody = new NoBody(kernel)
    const toStandardError = lineLogger(
      () => kernel.host.now(),
      (line) => process.stderr.write(line),
    )
    this.log = options.log === false ? () => undefined : (options.log ?? toStandardError)
  }

  /** Where the server listens. */
  get addresses(): readonly ServerAddress[] {
    return [...this.listeners.values()]
  }

  /**
   * Listens at an address. May be called several times, for several addresses.
   *
   * @returns a task: await it, or `yield*` it, for the address with the port that was taken
   * @throws GyreError `GYRE_BAD_OPTION` at once; `GYRE_ADDRESS_IN_USE`, `GYRE_ADDRESS_DENIED` or
   *   `GYRE_ADDRESS_UNKNOWN` through the task
   * @example
   * ```ts
   * const { url } = await server.listen({ port: 8080 })
   * ```
   */
  listen(options: ListenOptions): Task<ServerAddress> {
    checkListenOptions(options)
    if (this.phase !== 'open')
      throw new GyreError('GYRE_SERVER_STATE', 'the server was closed: make a new one to listen again')
    return this.kernel.spawn(this.open(options), { name: 'listen' })
  }

  /** Serves a connection that was accepted elsewhere. */
  serve(stream: ByteStream): void {
    if (this.connections.size >= this.limits.connections) return this.turnAway(stream)
    this.counts.accepted++
    const connection = new Connection(this, stream)
    this.kernel.start(connection.serve(), 'connection', this.scope, connection)
  }

  /**
   * Stops: no new connections; idle ones end now, running requests get their answers, with `Connection:
   * close`. What is not done within the limit `closeTime` is cancelled, every `finally` run.
   *
   * @returns a task that ends with the last connection
   * @example
   * ```ts
   * process.once('SIGTERM', () => server.close())
   * ```
   */
  close(): Task<void> {
    this.closing ??= this.kernel.spawn(this.drain(), { name: 'close' })
    return this.closing
  }

  /** `await using server = createServer(…)` closes it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @returns counts of what the server does and has done */
  statistics(): ServerStatistics {
    return { io: this.io, connections: this.connections.size, ...this.counts, kernel: this.kernel.statistics() }
  }

  dateLine(): string {
    // The wall clock is asked once a second at most; between, the tick's own time says how long the line is good.
    if (this.kernel.time >= this.dateUntil) {
      const wall = this.kernel.host.wallTime()
      this.date = dateLine(wall)
      this.dateUntil = this.kernel.time + SIZES.second - (wall % SIZES.second)
    }
    return this.date
  }

  report(error: unknown, status: number, origin: { readonly remote: Endpoint }, request?: Request): void {
    const { address, port } = origin.remote
    const known = error instanceof GyreError
    const what = error instanceof Error ? error.message : String(error)
    this.log({
      code: known ? error.code : 'GYRE_HANDLER_FAILED',
      status,
      blame: known ? error.blame : 'app',
      reason: request === undefined ? what : `${request.method} ${request.path}: ${what}`,
      remote: `${address}:${port}`,
      error,
    })
  }

  connectionEnded(task: Task, failed: boolean, failure: unknown): void {
    this.scope.leave(task)
    if (failed) this.kernel.host.unobserved(failure, task)
    if (this.connections.size === 0) this.empty.wakeAll()
  }

  private *open(options: ListenOptions): Coroutine<ServerAddress> {
    const where = yield* waitPromise(resolveAddress(options))
    const opened = openListener(this.io.kind, this.kernel, where)
    const listener = opened instanceof Promise ? yield* waitPromise(opened) : opened
    if (this.phase !== 'open') {
      listener.close()
      throw new GyreError('GYRE_SERVER_STATE', 'the server was closed before it could listen')
    }
    const address = { ...listener.endpoint, url: urlOf(listener.endpoint) }
    this.listeners.set(listener, address)
    this.kernel.spawn(this.acceptFrom(listener), { name: `accept ${address.url}` })
    return address
  }

  /** Takes connections in, in batches, so that a flood of new ones does not starve those that are open. */
  private *acceptFrom(listener: Listener): Coroutine<void> {
    while (this.listeners.has(listener)) {
      try {
        let batch: number = SIZES.acceptBatch
        for (let stream; batch > 0 && (stream = listener.tryAccept()) !== null; batch--) this.serve(stream)
        if (batch > 0) yield* park(listener.acceptable)
        else yield* giveWay()
      } catch (error) {
        // Out of descriptors or memory: the connection stays in the backlog, and others end meanwhile.
        this.report(error, 0, { remote: listener.endpoint })
        yield* sleep(SIZES.acceptPause)
      }
    }
  }

  /** There are as many connections as there may be: say so, and do not wait for the client. */
  private turnAway(stream: ByteStream): void {
    this.counts.rejected++
    const error = new GyreError('GYRE_CONNECTIONS_FULL')
    this.report(error, error.status, stream)
    try {
      const answer = Buffer.from(Outgoing.refusal(error, this.dateLine()), 'latin1')
      stream.tryWrite(answer, 0, answer.length)
    } catch {
      // The client has gone already.
    }
    stream.close()
  }

  private *drain(): Coroutine<void> {
    this.phase = 'closing'
    for (const listener of this.listeners.keys()) listener.close()
    this.listeners.clear()
    for (const { keeper } of this.connections) if (keeper instanceof Connection) keeper.windDown()
    this.scope.cancelAt(this.kernel.host.now() + this.limits.closeTime, 'the server shuts down')
    while (this.connections.size > 0) yield* park(this.empty)
    this.scope.cancelAt(Infinity, '')
    this.phase = 'closed'
  }
}

function urlOf({ address, port, family }: Endpoint): string {
  if (family === 'unix') return `unix:${address}`
  // All addresses: one of them that a browser on this machine can open.
  const host = address === '::' || address === '0.0.0.0' ? 'localhost' : family === 'IPv6' ? `[${address}]` : address
  return `http://${host}:${port}/`
}

/**
 * Makes a server. It serves nothing before `listen`.
 *
 * @param options - may be left out
 * @param handler - answers requests: a generator function, an async function or a plain one
 * @throws GyreError `GYRE_BAD_OPTION` for an unknown option or a wrong value; `GYRE_IO_UNAVAILABLE`
 * @example
 * ```ts
 * const server = createServer(function* (request, response) {
 *   response.text(`hello ${request.path}\n`)
 * })
 * await server.listen({ port: 8080 })
 * ```
 */
export function createServer(handler: Handler): Server
export function createServer(options: ServerOptions, handler: Handler): Server
export function createServer(...given: [Handler] | [ServerOptions, Handler]): Server {
  const [options, handler] = given.length === 1 ? [{}, given[0]] : given
  return new Server(homeKernel(), options, handler)
}
