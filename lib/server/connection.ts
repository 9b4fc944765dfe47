/*
 * A connection: one task that reads requests, has each answered, and sends the answers in order.
 *
 * Life of a request
 *   1. `reader.next` reads and parses a head, and those that came together with it.
 *   2. An Exchange runs the handler and brings the answer into the outlet. It is sent when no further
 *      request is at hand, or when the task is about to wait; so the answers to requests that came
 *      together leave together.
 *   3. What the handler left of the body is read and dropped, if that is cheaper than a new connection.
 * Where a connection is, its state tells (protocol/http1/states.ts): which time runs, what a hang-up means,
 * and what a drain does with it. While it idles it holds no buffer and no parser, and no generator waits in it: it is
 * itself what its task runs, and makes a generator for what comes between two rests.
 */
import { GyreError, SIZES } from '../base/index.ts'
import { END, WOULD_WAIT } from '../io/index.ts'
import type { ByteStream, Endpoint, HangUpWatcher, TlsConnection } from '../io/index.ts'
import { Cancelled, InnerScope, Meter, Timer, currentTask, giveWay, inFreshContext, park } from '../kernel/index.ts'
import type { Coroutine, Kernel, Operation, Task, TaskKeeper, Trap } from '../kernel/index.ts'
import { STATES, input } from '../protocol/index.ts'
import type { ConnectionState, RequestHead } from '../protocol/index.ts'
import type { ServerContext } from './context.ts'
import { Exchange } from './exchange.ts'
import type { ExchangePort } from './exchange.ts'
import { ENDED, HeadReader, MORE } from './head-reader.ts'
import { Outgoing } from './outgoing.ts'
import { Outlet } from './outlet.ts'
import type { Request } from './request.ts'
import type { Companion } from './takeover.ts'
import { unanswered } from './tally.ts'

/** RFC 9110 section 15.5.6 asks for Allow with 405; of a tunnel nothing is allowed. */
const NOTHING_ALLOWED = 'Allow: \r\n'

const OVER: IteratorResult<Trap, void> = { done: true, value: undefined }

/** It is its own timer, too, of which it needs one at a time. */
export class Connection extends Timer implements TaskKeeper, HangUpWatcher, ExchangePort, Operation<void> {
  readonly server: ServerContext
  readonly stream: ByteStream
  readonly outlet: Outlet
  readonly reader: HeadReader
  exchange: Exchange | null = null
  recent: Request | null = null
  /** Where it stands in the roster; the roster's to write. */
  seat = 0
  companion: Companion | null = null
  /** No request is read after the one that runs, or, of an idle connection, after the next. */
  over = false
  /** What keeps the count of the client's connections; null where they are not counted. */
  private readonly address: string | null
  private state: ConnectionState = STATES.idle
  /** What goes on; null while it rests. */
  private work: Coroutine<void> | null = null
  /** Nothing more is waited for. */
  private quit = false
  private served = 0
  /** When the head that is under way began, in milliseconds of the host's clock. */
  private headSince = 0
  /** The scope of the handler that runs, or ran last. */
  private handling: InnerScope | null = null

  constructor(server: ServerContext, stream: ByteStream, address: string | null) {
    super()
    this.server = server
    this.stream = stream
    this.address = address
    this.reader = new HeadReader(stream, server.limit, server.manners !== null)
    this.outlet = new Outlet(stream, server)
    stream.watcher = this
    // The time of the first head counts from here: one who only connects gets no longer than one who dawdles.
    // By the clock itself: who hands a connection over may do so outside of every tick.
    this.runFor(server.limit.headTime, this.kernel.host.now())
    if (server.manners !== null) this.companion = server.manners.meet(this)
  }

  get kernel(): Kernel {
    return this.server.kernel
  }

  get remote(): Endpoint {
    return this.stream.remote
  }

  get local(): Endpoint {
    return this.stream.local
  }

  get tls(): TlsConnection | null {
    return this.stream.tls
  }

  get doing(): string | undefined {
    const head = this.exchange?.head
    return head === undefined ? undefined : `${head.method} ${head.target}`
  }

  get secure(): boolean {
    return this.stream.tls !== null
  }

  /** True while nothing was answered on it. */
  get fresh(): boolean {
    return this.served === 0
  }

  /** True while it waits for a request. */
  get idle(): boolean {
    return this.state === STATES.idle || this.state === STATES.head
  }

  get refusedNext(): GyreError | null {
    return this.reader.refusedNext
  }

  get hasAhead(): boolean {
    return this.reader.hasAhead
  }

  get inHead(): boolean {
    return this.state === STATES.head
  }

  /** True while it reads what a handler left of a body; the answer is out. */
  private get discarding(): boolean {
    return this.state === STATES.handling && this.exchange === null
  }

  // What its task runs

  [Symbol.iterator](): this {
    return this
  }

  next(brought?: unknown): IteratorResult<Trap, void> {
    if (this.work === null && !this.reader.hasMore && !this.quit) return this.rest()
    this.work ??= this.serve()
    return this.onFrom(this.work.next(brought))
  }

  throw(error: unknown): IteratorResult<Trap, void> {
    if (this.work !== null) return this.onFrom(this.work.throw(error))
    this.abandon(error)
    this.close()
    return OVER
  }

  return(): IteratorResult<Trap, void> {
    this.work?.return()
    return OVER
  }

  private onFrom(step: IteratorResult<Trap, void>): IteratorResult<Trap, void> {
    if (step.done !== true) return step
    this.work = null
    return this.state === STATES.closed ? OVER : this.rest()
  }

  private rest(): IteratorResult<Trap, void> {
    return park<undefined>(this.stream.readable)[Symbol.iterator]().next()
  }

  /** Serves what has come, until the connection can rest or is closed. */
  private *serve(): Coroutine<void> {
    const task = currentTask()
    task.cork = this.outlet
    const { locals } = task
    const { reader, stream } = this
    let rests = false
    try {
      for (;;) {
        let next = reader.next()
        while (next === MORE && !this.quit) {
          if (!reader.begun) {
            rests = true
            return
          }
          if (this.state === STATES.idle) this.headBegun()
          yield* park(stream.readable)
          next = reader.next()
        }
        if (next === MORE) {
          // The loop may have been busy while the time ran out, and a request be waiting to be seen.
          yield* giveWay()
          next = reader.next()
        }
        if (next === MORE) return yield* this.leaveIdle()
        if (next === ENDED) return yield* this.endedByClient()
        if (next instanceof GyreError) return yield* this.refuse(next)
        if (next.method === 'CONNECT' && this.server.connect === null) return yield* this.refuseTunnel(next)
        const exchange = this.begin(next)
        const keep =
          this.kernel.contexts === null
            ? (exchange.tryRun() ?? (yield* exchange.run()))
            : yield* inFreshContext(this.wholly(exchange))
        if (!keep) {
          if (this.end(next)) yield* this.linger()
          return
        }
        // What a handler has set in task locals was its request's.
        task.locals = locals
        this.idleAgain()
        // A client that always has more is not served before all others.
        if (!reader.hasAhead && reader.hasMore) yield* giveWay()
      }
    } catch (error) {
      this.abandon(error)
    } finally {
      if (!rests) this.close()
    }
  }

  /** Its task has ended, by itself or because the kernel has dropped it. */
  ended(task: Task): void {
    this.exchange?.settle()
    if (this.state !== STATES.closed) this.close()
    this.server.connectionEnded(task, this.address)
  }

  /** No further request is to be served. An idle connection waits a little for one that is on its way. */
  windDown(): void {
    this.over = true
    // One that has sent half a head, or reads what a handler left of a body, is as good as idle.
    if (this.idle || this.discarding) this.runFor(this.server.limit.lastCallTime)
  }

  // What an exchange needs of its connection

  afterwards(work: Operation<unknown> | PromiseLike<unknown>): void {
    const request = this.exchange?.request
    this.server.afterwork.start(work, (error) => {
      this.server.report(error, 0, this, request)
    })
  }

  openScope(): InnerScope {
    let scope = this.handling
    if (scope === null || scope.cancelled !== null || (scope.tasks !== null && scope.tasks.size > 0)) {
      this.handling = scope = new InnerScope(currentTask())
      scope.grace = this.server.limit.cancelGrace
    }
    return scope.open()
  }

  upgraded(): void {
    this.over = true
    this.runFor(Infinity)
    this.state = this.state.upgraded
  }

  private begin(head: RequestHead): Exchange {
    // The time that runs is left running: it is cheaper to put off than to take back, and means nothing meanwhile.
    this.state = this.state.headRead
    this.quit = false
    if (++this.served >= this.server.limit.requestsPerConnection) this.over = true
    const exchange = (this.exchange = new Exchange(this, head))
    if (this.server.accounting) currentTask().meter = exchange.meter = new Meter()
    return exchange
  }

  /** Where AsyncLocalStorage is in use, the stores of one request are not those of the next. */
  private *wholly(exchange: Exchange): Coroutine<boolean> {
    return exchange.tryRun() ?? (yield* exchange.run())
  }

  private idleAgain(): void {
    const { limit } = this.server
    this.state = this.state.answered
    // One that idles, and there may be many, keeps nothing that the next request can make anew.
    if (!this.reader.hasAhead) this.handling = null
    this.runFor(this.over ? limit.lastCallTime : limit.keepAliveTime)
  }

  /** The answer to this request was the last. @returns whether its client may be sending more */
  private end(head: RequestHead): boolean {
    if (this.stream.closed || this.state === STATES.upgraded) return false
    this.state = this.state.lastAnswered
    this.companion?.ended()
    this.settleAhead()
    // Where the client has asked for the end it sends nothing more; else something may be on its way.
    return head.keepAlive || head.framing !== 'none' || this.reader.hasUnread
  }

  private headBegun(): void {
    this.state = this.state.headBegun
    this.headSince = this.kernel.time
    // That of the first head has run since the connection came.
    if (this.served > 0) this.runFor(this.server.limit.headTime)
  }

  private *refuseTunnel(head: RequestHead): Coroutine<void> {
    this.server.tally.requests++
    yield* this.refuse(new GyreError('GYRE_METHOD_REFUSED', 'CONNECT is for proxies'), head, NOTHING_ALLOWED)
  }

  /** Answers what is no request, and ends the connection. @param fields - further lines of the answer's head */
  private *refuse(error: GyreError, head: RequestHead | null = null, fields: string = ''): Coroutine<void> {
    this.server.report(error, error.status, this)
    this.settleHead(error, head)
    this.state = this.state.refused
    const { companion } = this
    if (companion?.refuses === true) yield* companion.refuse(error, this.reader.takeRefused())
    else yield* this.outlet.write(Outgoing.refusal(error, this.server.dateLine(), fields), '')
    yield* this.outlet.flush()
    companion?.ended()
    yield* this.linger()
  }

  /** The time for a request is over, or the server shuts down. */
  private *leaveIdle(): Coroutine<void> {
    // One that was served and is not used any more ends without a word; so does one that a drain has ended.
    const silent = this.served === 0 && this.companion?.refuses === true
    if (this.state === STATES.head || (silent && !this.over))
      return yield* this.refuse(new GyreError(this.over ? 'GYRE_SHUTDOWN' : 'GYRE_HEAD_TIMEOUT'))
    if (this.served === 0 && !this.over) this.settleHead(new GyreError('GYRE_HEAD_TIMEOUT'), null, 0)
    this.state = this.state.lastAnswered
    yield* this.linger()
  }

  private *endedByClient(): Coroutine<void> {
    if (this.state !== STATES.head) return
    const error = new GyreError('GYRE_PEER_GONE')
    if (this.companion?.refuses === true) yield* this.refuse(error)
    else this.settleHead(error)
  }

  /** Settles a request that never was one. */
  private settleHead(error: GyreError, head: RequestHead | null = null, status: number = error.status): void {
    const started = this.state === STATES.head ? this.headSince : this.kernel.time
    this.server.settle(unanswered(this, error, { started, head, status }))
  }

  /** Requests that came together with the last one, and that nobody will answer. */
  private settleAhead(): void {
    if (!this.reader.hasAhead) return
    const code = this.stream.peerEnded ? 'GYRE_PEER_GONE' : 'GYRE_NOT_SERVED'
    for (const head of this.reader.takeAllAhead()) {
      this.server.tally.requests++
      this.settleHead(new GyreError(code), head, 0)
    }
  }

  /**
   * Ends the connection so that the client can read the last answer: our side first; then what it still
   * sends is read and dropped for a while, because unread bytes would make the operating system reset
   * the connection, and the answer with it (RFC 9112 section 9.6).
   */
  private *linger(): Coroutine<void> {
    const { stream } = this
    if (stream.closed) return
    // Of a client that has ended its side all has come, and what of it nobody has read would reset the connection as well.
    if (!stream.peerEnded) stream.shutdown()
    else if (!stream.readable.ready) return
    this.runFor(this.server.limit.lingerTime)
    for (let left: number = SIZES.lingerBytes; left > 0 && !this.stream.closed;) {
      const size = stream.tryRead(input.bytes, 0, SIZES.input)
      if (size === END) return
      if (size === WOULD_WAIT) yield* park(stream.readable)
      else {
        left -= size
        yield* giveWay()
      }
    }
  }

  /** Something went wrong that no answer can tell of. */
  private abandon(error: unknown): void {
    if (this.state === STATES.head) this.settleHead(headFailure(error))
    const clientsFault = error instanceof GyreError && error.blame === 'client'
    if (!clientsFault && !(error instanceof Cancelled)) this.server.report(error, 0, this)
  }

  private close(): void {
    this.outlet.tryFlush(true)
    this.settleAhead()
    if (this.state !== STATES.closed) this.state = this.state.ended
    this.companion?.ended()
    this.kernel.deadlines.cancel(this)
    this.reader.release()
    this.stream.watcher = null
    this.stream.close()
  }

  /** Sets the time that the present state may last. @param duration - in milliseconds; Infinity for no end */
  private runFor(duration: number, from: number = this.kernel.time): void {
    const { deadlines } = this.kernel
    if (duration === Infinity) deadlines.cancel(this)
    else deadlines.set(this, from + duration)
  }

  // What the world does to a connection

  /** A time is over: which one, the state tells. */
  expired(): void {
    if (this.state === STATES.lingering) this.stream.close()
    else if (this.idle) {
      this.quit = true
      this.stream.readable.wake()
    } else if (this.over && this.discarding) this.stream.readable.wakeThrow(new GyreError('GYRE_BODY_TIMEOUT'))
  }

  hungUp(broken: boolean): void {
    if (!broken && this.companion?.allowsHalfOpen === true) return
    if (this.server.cancelOnDisconnect) this.exchange?.clientGone(broken)
  }
}

/** What ended a head half way: the shutdown, or the client. */
function headFailure(error: unknown): GyreError {
  if (error instanceof Cancelled) return new GyreError('GYRE_SHUTDOWN', undefined, error)
  return error instanceof GyreError ? error : new GyreError('GYRE_PEER_GONE', undefined, error)
}
