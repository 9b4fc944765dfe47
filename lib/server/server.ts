/*
 * The server: takes connections in, keeps them, and lets them go.
 */
import { GyreError, SIZES, describeError, effectiveLimits, resolveLimits, unsafeCombinations } from '../base/index.ts'
import type { EffectiveLimit, Limits } from '../base/index.ts'
import { chooseIo } from '../io/index.ts'
import type { ByteStream, Endpoint, IoChoice, Listener } from '../io/index.ts'
import { ParkingLot } from '../kernel/index.ts'
import type { Coroutine, Kernel, Operation, Task } from '../kernel/index.ts'
import { dateLine } from '../protocol/index.ts'
import { accessWriter } from './access.ts'
import { Afterwork } from './afterwork.ts'
import { OutputBudget } from './budget.ts'
import { Connection } from './connection.ts'
import type { ServerContext } from './context.ts'
import { drain } from './drain.ts'
import { Entrance } from './entrance.ts'
import { Farewells } from './farewell.ts'
import type { CloseReport, RunningRequest } from './drain.ts'
import type { Handler } from './handler.ts'
import { NoBody } from './incoming.ts'
import { checkListenOptions, optionsFromEnvironment } from './listen-options.ts'
import type { ListenOptions } from './listen-options.ts'
import { openListeners, reloadCertificates } from './listening.ts'
import type { ServerAddress } from './listening.ts'
import { lineLogger } from './log.ts'
import type { Logger } from './log.ts'
import { checkServerOptions } from './options.ts'
import type { ServerOptions } from './options.ts'
import type { AccessWriter } from './record.ts'
import type { Request, RequestOrigin } from './request.ts'
import { Roster } from './roster.ts'
import { CLOSE_SIGNALS, waitCloseSignal } from './signals.ts'
import { watchStalls } from './stalls.ts'
import type { Manners } from './takeover.ts'
import { Tally, recordOf, unanswered } from './tally.ts'
import type { Counts, Settlement } from './tally.ts'

/** What a server is doing. */
export interface ServerStatistics extends Counts {
  /** The kind of io, and why it was chosen. */
  readonly io: IoChoice
  /** Connections that are open. */
  readonly connections: number
  /** Work that goes on behind answers (`request.afterwards`). */
  readonly afterwork: number
  /** Bytes of answers that wait in memory for slow clients. */
  readonly outputHeld: number
  /** Tasks, deadlines and ticks of the kernel, which all servers of the thread share. */
  readonly kernel: ReturnType<Kernel['statistics']>
}

/** Unready it still takes connections, closing it does not. */
type Phase = 'open' | 'unready' | 'closing' | 'closed'

/**
 * Serves HTTP/1.1. Made by `createServer`.
 *
 * @example
 * ```ts
 * const server = createServer((_request, response) => response.text('hello'))
 * console.log((await inject(server)).text(), server.statistics().outcomes.ok) // hello 1
 * ```
 */
export class Server implements ServerContext {
  /** Runs the server's tasks. */
  readonly kernel: Kernel
  /** The limits in force. */
  readonly limit: Limits
  /** @internal */ readonly handler: Handler
  /** @internal */ readonly connect: Handler | null
  /** @internal */ readonly cancelOnDisconnect: boolean
  /** @internal */ readonly manners: Manners | null
  /** @internal */ readonly accounting: boolean
  /** @internal */ readonly tally: Tally = new Tally()
  /** @internal */ readonly budget: OutputBudget
  /** @internal */ readonly afterwork: Afterwork
  /** @internal */ readonly noBody: NoBody
  private readonly io: IoChoice
  private readonly log: Logger
  private readonly access: AccessWriter | null
  private readonly entrance: Entrance
  private readonly farewells = new Farewells(this)
  private readonly closingSoon = new AbortController()
  private readonly roster: Roster
  private readonly empty = new ParkingLot('the last connection')
  private phase: Phase = 'open'
  private ending: Task<CloseReport> | null = null
  /** The line of the Date field, and until when it is good. */
  private date = ''
  private dateUntil = -Infinity

  /**
   * `createServer` makes one on the kernel of the thread.
   *
   * @param kernel - runs the server
   * @param manners - those of a dialect, where one serves all connections
   */
  constructor(kernel: Kernel, options: ServerOptions, handler: Handler, manners: Manners | null = null) {
    checkServerOptions(options)
    if (typeof handler !== 'function')
      throw new GyreError('GYRE_BAD_OPTION', 'createServer() needs a handler: a function of (request, response)')
    this.kernel = kernel
    const table = resolveLimits(options.limits ?? {})
    this.limit = manners?.limits(table) ?? table
    this.manners = manners
    this.handler = handler
    this.connect = options.connect ?? null
    this.cancelOnDisconnect = options.cancelOnDisconnect ?? true
    this.accounting = options.accounting ?? false
    this.io = chooseIo(options.io)
    this.roster = new Roster(kernel, this.limit.cancelGrace)
    this.noBody = new NoBody(kernel)
    this.afterwork = new Afterwork(kernel, this.limit.cancelGrace, this.tellIfEmpty)
    this.budget = new OutputBudget(this.limit.outputTotal)
    this.entrance = new Entrance({
      kernel,
      limit: this.limit,
      inside: () => this.roster.size,
      welcome: (stream) => {
        this.welcome(stream)
      },
      refused: (error, remote, address, plain) => {
        const origin = { remote, local: address, secure: false, tls: null }
        this.turnedAway(error, origin, plain === null ? 0 : error.status)
        if (plain !== null) this.farewells.say(plain, error)
      },
      report: (error, status, origin) => {
        this.report(error, status, origin)
      },
      nobodyArriving: this.tellIfEmpty,
    })
    this.access =
      options.access === undefined
        ? null
        : accessWriter(options.access, kernel, (text) => void process.stdout.write(text))
    const toStandardError = lineLogger(
      () => kernel.host.now(),
      (line) => process.stderr.write(line),
    )
    this.log = options.log === false ? () => undefined : (options.log ?? toStandardError)
    for (const sentence of unsafeCombinations(this.limit))
      this.report(new GyreError('GYRE_UNSAFE_LIMITS', sentence), 0, null)
    watchStalls(this)
  }

  /** False from the beginning of `close` on: what a readiness check should answer with. */
  get ready(): boolean {
    return this.phase === 'open'
  }

  /** Aborted when `close` begins. For handlers that stream without end, or have left HTTP, and can end well. */
  get closing(): AbortSignal {
    return this.closingSoon.signal
  }

  /** Where the server listens. */
  get addresses(): readonly ServerAddress[] {
    return this.entrance.addresses
  }

  /**
   * Listens at an address. May be called several times, for several addresses (docs/listening.md).
   *
   * @param options - without them the environment variables PORT and HOST say where
   * @returns a task: await it, or `yield*` it, for the address with the port that was taken; the first of
   *   them where systemd passed several sockets
   * @throws GyreError `GYRE_BAD_OPTION` at once; `GYRE_ADDRESS_IN_USE`, `GYRE_ADDRESS_DENIED`,
   *   `GYRE_ADDRESS_UNKNOWN`, `GYRE_NO_SOCKET`, `GYRE_IO_UNAVAILABLE` or `GYRE_TLS_CERTIFICATE` through the task
   * @example
   * ```ts
   * const server = createServer((_request, response) => response.text('hello'))
   * const { url } = await server.listen({ port: 0, host: '127.0.0.1' }) // any port that is free
   * console.log(await (await fetch(url)).text()) // hello
   * await server.close()
   * ```
   */
  listen(options: ListenOptions = optionsFromEnvironment()): Task<ServerAddress> {
    checkListenOptions(options)
    if (this.phase !== 'open')
      throw new GyreError('GYRE_SERVER_STATE', 'the server was closed: make a new one to listen again')
    return this.kernel.spawn(this.open(options), { name: 'listen' })
  }

  /**
   * Reads all certificates and keys again. New connections get the new ones, those that are open keep theirs.
   *
   * @returns a task that ends when all are in use, or newer ones of a later call
   * @throws GyreError `GYRE_TLS_CERTIFICATE` through the task: then nothing has changed, and the old ones go on
   * @example
   * ```ts
   * const server = createServer((_request, response) => response.text('hello'))
   * const reload = (): void => void server.reloadTls()
   * process.on('SIGHUP', reload)
   * process.off('SIGHUP', reload)
   * ```
   */
  reloadTls(): Task<void> {
    return this.kernel.spawn(reloadCertificates(this.entrance.listeners), { name: 'reload certificates' })
  }

  /** @internal Takes connections from a listener that was opened elsewhere, until it is closed. */
  takeFrom(listener: Listener): void {
    this.entrance.takeFrom(listener)
  }

  /** Serves a connection that was accepted elsewhere. @param stream - is the server's from here on */
  serve(stream: ByteStream): void {
    if (this.phase === 'closing' || this.phase === 'closed') stream.close()
    else this.welcome(stream)
  }

  private welcome(stream: ByteStream): void {
    const address = this.entrance.enter(stream.remote)
    if (address instanceof GyreError) return this.turnAway(stream, address)
    this.tally.accepted++
    const connection = new Connection(this, stream, address)
    // It was in the queue when the listener stopped, or in its handshake.
    if (this.phase === 'closing') connection.windDown()
    this.roster.enter(connection)
  }

  /**
   * Stops. `ready` is false at once; after `closeDelay` no new connections are taken, every answer says
   * `Connection: close`, and idle connections end. Requests that are not done within `closeTime` are
   * cancelled, every `finally` run.
   *
   * @returns a task that ends with the last connection, with a report of what became of it all
   * @example
   * ```ts
   * const server = createServer((_request, response) => response.text('hello'))
   * const { running, cut } = await server.close()
   * console.log(running, cut.length, server.ready) // 0 0 false
   * ```
   */
  close(): Task<CloseReport> {
    this.ending ??= this.kernel.spawn(this.drain(), { name: 'close' })
    return this.ending
  }

  /**
   * Closes on SIGTERM or SIGINT; the second signal ends the process at once.
   *
   * @param signals - others, instead of these
   * @returns a task that ends with the report of `close`
   * @example
   * ```ts
   * const server = createServer((_request, response) => response.text('hello'))
   * const closed = server.closeOnSignals(['SIGUSR2'])
   * setTimeout(() => process.kill(process.pid, 'SIGUSR2'), 10)
   * console.log((await closed).running) // 0
   * ```
   */
  closeOnSignals(signals: readonly NodeJS.Signals[] = CLOSE_SIGNALS): Task<CloseReport> {
    return this.kernel.spawn(this.closeAfter(waitCloseSignal(signals)), { name: 'close on signals' })
  }

  /** The requests that run now, the oldest first: what a close without patience would cut. */
  running(): RunningRequest[] {
    return this.roster.running(this.kernel.host.now())
  }

  /**
   * The limits in force, each with its unit, its reason and whether it was changed.
   *
   * @example
   * ```ts
   * const server = createServer({ limits: { bodyBytes: 5_000 } }, () => {})
   * const [changed] = server.limits().filter((limit) => limit.changed)
   * console.log(changed?.name, changed?.value, changed?.unit) // bodyBytes 5000 bytes
   * ```
   */
  limits(): EffectiveLimit[] {
    return effectiveLimits(this.limit)
  }

  /** `await using server = createServer(…)` closes it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @returns counts of what the server does and has done */
  statistics(): ServerStatistics {
    return {
      io: this.io,
      connections: this.roster.size,
      afterwork: this.afterwork.size,
      outputHeld: this.budget.held,
      ...this.tally.snapshot(),
      kernel: this.kernel.statistics(),
    }
  }

  /** @internal */ dateLine(): string {
    // The wall clock is asked once a second at most; between, the tick's own time says how long the line is good.
    if (this.kernel.time >= this.dateUntil) {
      const wall = this.kernel.host.wallTime()
      this.date = dateLine(wall)
      this.dateUntil = this.kernel.time + SIZES.second - (wall % SIZES.second)
    }
    return this.date
  }

  /** @internal */ report(
    error: unknown,
    status: number,
    origin: { readonly remote: Endpoint } | null,
    request?: Request,
  ): void {
    const known = error instanceof GyreError
    const what = describeError(error)
    try {
      this.log({
        code: known ? error.code : 'GYRE_HANDLER_FAILED',
        status,
        blame: known ? error.blame : 'app',
        reason: request === undefined ? what : `${request.method} ${request.path}: ${what}`,
        ...(origin === null ? {} : { remote: `${origin.remote.address}:${origin.remote.port}` }),
        error,
      })
    } catch (failure) {
      // A logger that fails is nobody's request, and must not end any.
      process.stderr.write(`gyre: the logger failed: ${describeError(failure)}\n`)
    }
  }

  /** @internal */ settle(settlement: Settlement): void {
    this.tally.count(settlement.ending)
    if (this.access === null) return
    const { host } = this.kernel
    try {
      this.access(recordOf(settlement, host.now(), host.wallTime()))
    } catch (failure) {
      this.report(failure, 0, settlement.origin)
    }
  }

  /** @internal */ connectionEnded(task: Task, address: string | null): void {
    this.roster.leave(task)
    this.entrance.leave(address)
    this.tellIfEmpty()
  }

  private readonly tellIfEmpty = (): void => {
    if (this.roster.size === 0) this.empty.wakeAll()
  }

  private *open(options: ListenOptions): Coroutine<ServerAddress> {
    const listeners = yield* openListeners(this.io.kind, this.kernel, options, this.limit)
    if (this.phase !== 'open') {
      for (const listener of listeners) listener.close()
      throw new GyreError('GYRE_SERVER_STATE', 'the server was closed before it could listen')
    }
    const addresses = listeners.map((listener) => this.entrance.takeFrom(listener))
    return addresses[0] as ServerAddress
  }

  /** There are as many connections as there may be: say so, and do not wait for the client. */
  private turnAway(stream: ByteStream, error: GyreError): void {
    const { remote, local, tls } = stream
    this.turnedAway(error, { remote, local, secure: tls !== null, tls }, error.status)
    this.farewells.say(stream, error)
  }

  /** A connection has come to nothing before its first request. @param status - what it was told; 0 for nothing */
  private turnedAway(error: GyreError, origin: RequestOrigin, status: number): void {
    this.tally.rejected++
    this.report(error, status, origin)
    this.settle(unanswered(origin, error, { started: this.kernel.time, head: null, status }))
  }

  private *closeAfter(event: Operation<unknown>): Coroutine<CloseReport> {
    yield* event
    return yield* this.close()
  }

  private *drain(): Coroutine<CloseReport> {
    this.phase = 'unready'
    this.closingSoon.abort()
    const report = yield* drain({
      limit: this.limit,
      empty: this.empty,
      size: () => this.roster.size + this.entrance.arriving,
      afterwork: () => this.afterwork.size,
      running: () => this.running(),
      outcomes: () => ({ ...this.tally.outcomes }),
      now: () => this.kernel.host.now(),
      windDown: () => {
        this.roster.windDown()
      },
      stopListening: () => {
        // Who has just come, and who comes in from here on, is told at once.
        this.phase = 'closing'
        this.roster.windDownFresh()
        return this.entrance.stop()
      },
      cancel: () => {
        this.entrance.close()
        this.roster.cancel()
        this.afterwork.cancel()
      },
      reset: () => {
        this.roster.reset()
      },
    })
    this.phase = 'closed'
    this.entrance.close()
    return report
  }
}
