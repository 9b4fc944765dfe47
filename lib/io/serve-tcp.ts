/*
 * A server of byte streams: one task for each connection. What gevent's StreamServer is.
 */
import { GyreError, LIMITS, SIZES } from '../base/index.ts'
import { Cancelled, currentTask, giveWay, park, sleep, waitPromise } from '../kernel/index.ts'
import type { Coroutine, Operation, Scope, Task } from '../kernel/index.ts'
import { Event, Semaphore, TaskGroup, moveOnAfter } from '../sync/index.ts'
import type { Endpoint } from './endpoint.ts'
import type { ListenAddress, Listener } from './listener.ts'
import { waitOwned } from './owned.ts'
import { resolveHost } from './resolve.ts'
import { openListener } from './runtime.ts'
import { chooseIo } from './select.ts'
import type { ByteStream } from './stream.ts'
import type { TlsOptions } from './tls.ts'

/** Where and how a stream server listens: at a port, or at a path. */
export interface ServeTcpOptions {
  /** A TCP port; 0 takes a free one. */
  readonly port?: number
  /** With a port: an address or a name of this machine; all of its addresses without it. */
  readonly host?: string
  /** The path of a unix socket; with an `@` in front a name without a file, on Linux. */
  readonly path?: string
  /** With a path: the permission bits of its file, such as 0o660. */
  readonly mode?: number
  /** How many completed connections may wait to be accepted. */
  readonly backlog?: number
  /** Encrypts. Who does not speak TLS is turned away. */
  readonly tls?: TlsOptions
  /** How many connections may be open at once; more wait to be accepted. */
  readonly connections?: number
  /** Told of what a handler threw. Without it the host is, which writes it to standard error. */
  readonly onError?: (error: unknown, remote: Endpoint) => void
}

/** How a stream server is closed. */
export interface StreamServerCloseOptions {
  /** How long the connections that are open may go on, in milliseconds; then they are cancelled. */
  readonly timeout?: number
}

/** What a stream server counts. */
export interface StreamServerStatistics {
  /** Connections that are open. */
  readonly connections: number
  /** Connections that were ever taken in. */
  readonly accepted: number
}

/** Serves a connection. */
export type StreamHandler = (stream: ByteStream) => Operation<unknown>

/**
 * A server that listens, made by `serveTcp`.
 *
 * @example
 * ```ts
 * const server = yield* serveTcp((client) => copy(client, client), { port: 0, host: '127.0.0.1' })
 * using stream = new BufferedStream(yield* connect({ host: '127.0.0.1', port: server.address.port }))
 * yield* stream.writeAll('hello\n')
 * console.log(yield* stream.readLine(), server.statistics().connections) // hello 1
 * stream.shutdown()
 * yield* server.close({ timeout: 100 })
 * ```
 */
export class StreamServer {
  /** Where it listens, with the port that the operating system chose if none was asked for. */
  readonly address: Endpoint
  private readonly listener: Listener
  private readonly handler: StreamHandler
  private readonly onError: ServeTcpOptions['onError']
  private readonly room: Semaphore
  private readonly group: TaskGroup
  private readonly closed = new Event()
  private readonly accepting: Task
  private accepted = 0
  private closing = false

  /** For `serveTcp` alone. @internal */
  constructor(listener: Listener, handler: StreamHandler, scope: Scope, options: ServeTcpOptions) {
    this.address = listener.endpoint
    this.listener = listener
    this.handler = handler
    this.onError = options.onError
    this.room = new Semaphore(options.connections ?? LIMITS.connections.value)
    this.group = new TaskGroup({ scope, name: 'connection' })
    this.accepting = scope.kernel.spawn(this.accept(), { scope, name: 'stream server' })
  }

  /**
   * Waits until the server is closed, by `close()` or because its scope has ended.
   *
   * @example
   * ```ts
   * const server = yield* serveTcp(function* () {}, { port: 0, host: '127.0.0.1' })
   * spawnLater(1, server.close())
   * yield* server.wait()
   * ```
   */
  *wait(): Coroutine<void> {
    yield* this.closed.wait()
  }

  /**
   * Takes no more connections, frees the address, and waits until those that are open have ended. To be
   * called from outside of its handlers.
   *
   * @param options - `timeout` is 10 s without it
   */
  *close(options: StreamServerCloseOptions = {}): Coroutine<void> {
    const { timeout = LIMITS.closeTime.value } = options
    this.closing = true
    this.accepting.cancel('the server is closed')
    this.listener.close()
    try {
      yield* moveOnAfter(timeout, this.group.join())
    } finally {
      yield* this.group.kill()
      this.closed.set()
    }
  }

  /** @returns how many connections are open, and how many ever were */
  statistics(): StreamServerStatistics {
    return { connections: this.group.size, accepted: this.accepted }
  }

  private *accept(): Coroutine<void> {
    try {
      for (;;) {
        yield* this.room.acquire()
        const stream = yield* this.nextConnection()
        this.group.spawn(this.serve(stream))
        // Those already open are not to be starved.
        if (++this.accepted % SIZES.acceptBatch === 0) yield* giveWay()
      }
    } finally {
      this.listener.close()
      if (!this.closing) yield* this.endWithScope()
    }
  }

  /** The scope has ended or was cancelled, and its tasks end with it: nobody calls `close()`. */
  private *endWithScope(): Coroutine<void> {
    try {
      yield* this.group.join()
    } finally {
      this.closed.set()
    }
  }

  private *nextConnection(): Coroutine<ByteStream> {
    for (;;) {
      try {
        const stream = this.listener.tryAccept()
        if (stream !== null) return stream
      } catch (error) {
        this.report(error, this.address)
        yield* sleep(SIZES.acceptPause)
        continue
      }
      yield* park(this.listener.acceptable)
    }
  }

  private *serve(stream: ByteStream): Coroutine<void> {
    try {
      yield* this.handler(stream)
    } catch (error) {
      if (error instanceof Cancelled) throw error
      // One who goes in the middle is no failure of the handler.
      if (!(error instanceof GyreError && error.blame === 'client')) this.report(error, stream.remote)
    } finally {
      stream.close()
      this.room.release()
    }
  }

  private report(error: unknown, remote: Endpoint): void {
    const task = currentTask()
    if (this.onError === undefined) return task.kernel.host.unobserved(error, task)
    try {
      this.onError(error, remote)
    } catch (failure) {
      task.kernel.host.unobserved(failure, task)
    }
  }
}

/**
 * Listens, and serves each connection by a task of its own. The stream is closed when the handler is done.
 * The server lives in the scope of the calling task: when that ends or is cancelled, so does the server with
 * all its connections.
 *
 * @param handler - is handed the stream
 * @param options - a `port` or a `path`, and what goes with it
 * @returns the server, which listens by then
 * @throws GyreError `GYRE_ADDRESS_IN_USE`, `GYRE_ADDRESS_DENIED`, `GYRE_ADDRESS_UNKNOWN`, `GYRE_BAD_OPTION`,
 *   `GYRE_TLS_CERTIFICATE`
 * @example
 * ```ts
 * const server = yield* serveTcp(function* (client) {
 *   const stream = new BufferedStream(client)
 *   for (let line = yield* stream.readLine(); line !== null; line = yield* stream.readLine())
 *     yield* stream.writeAll(`you said ${line}\n`)
 * }, { port: 0, host: '127.0.0.1' })
 * using stream = new BufferedStream(yield* connect({ host: '127.0.0.1', port: server.address.port }))
 * yield* stream.writeAll('good morning\n')
 * console.log(yield* stream.readLine()) // you said good morning
 * stream.shutdown()
 * yield* server.close() // waits until the handler is done
 * ```
 */
export function* serveTcp(handler: StreamHandler, options: ServeTcpOptions): Coroutine<StreamServer> {
  const { kernel, scope } = currentTask()
  const { tls } = options
  const where = yield* addressOf(options)
  const wish = tls === undefined ? null : { options: tls, handshakeTime: LIMITS.handshakeTime.value }
  const opening = openListener(chooseIo().kind, kernel, where, wish)
  const listener = yield* waitOwned(opening, (late) => late.close())
  return new StreamServer(listener, handler, scope, options)
}

function* addressOf(options: ServeTcpOptions): Coroutine<ListenAddress> {
  const { port, host, path, mode, connections, backlog = SIZES.backlog } = options
  if ((port === undefined) === (path === undefined))
    throw new GyreError('GYRE_BAD_OPTION', 'serveTcp() needs a port or a path, and not both')
  if (connections !== undefined && !(Number.isSafeInteger(connections) && connections > 0))
    throw new GyreError('GYRE_BAD_OPTION', `connections must be a whole number above 0, not ${connections}`)
  if (path !== undefined) {
    const name = path.replace(/^@/, '\0')
    return mode === undefined ? { path: name, backlog } : { path: name, mode, backlog }
  }
  if (!(Number.isInteger(port) && (port as number) >= 0 && (port as number) <= SIZES.highestPort))
    throw new GyreError(
      'GYRE_BAD_OPTION',
      `port must be a whole number from 0 to ${SIZES.highestPort}, not ${String(port)}`,
    )
  const address = host === undefined ? null : yield* waitPromise(resolveHost(host, false))
  return { address, port: port as number, backlog }
}
