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
 * and what a drain does with it. While it idles it holds no buffer and no parser, and no generator (resting.ts).
 */
import { GyreError } from '../base/index.ts'
import type { ByteStream, Endpoint, HangUpWatcher, TlsConnection } from '../io/index.ts'
import { Cancelled, InnerScope, Meter, currentTask, giveWay, inFreshContext, park } from '../kernel/index.ts'
import type { Coroutine, Kernel, Operation, Task, TaskKeeper, Trap } from '../kernel/index.ts'
import { RequestHead, STATES } from '../protocol/index.ts'
import type { ConnectionState } from '../protocol/index.ts'
import type { ServerContext } from './context.ts'
import { Exchange } from './exchange.ts'
import type { ExchangePort } from './exchange.ts'
import { headFailure } from './failure.ts'
import { readToEnd } from './farewell.ts'
import { ENDED, HeadReader, MORE } from './head-reader.ts'
import { Outgoing } from './outgoing.ts'
import { Outlet } from './outlet.ts'
import type { Request } from './request.ts'
import { OVER, Resting } from './resting.ts'
import type { Companion } from './takeover.ts'
import { unanswered } from './tally.ts'

/** RFC 9110 section 15.5.6 asks for Allow with 405; of a tunnel nothing is allowed. */
const NOTHING_ALLOWED = 'Allow: \r\n'

/** The last answer is out, and its client may be sending more. */
const LAST = 'last'

/**
 * What was found that may have to wait: half a head, the rest of an exchange, the last answer; or a head, whose exchange
 * is to be run in a context of its own.
 */
type Found = ReturnType<HeadReader['next']> | Exchange | typeof LAST

export class Connection extends Resting implements TaskKeeper, HangUpWatcher, ExchangePort {
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

  protected get busy(): boolean {
    return this.reader.hasAhead
  }

  protected rest(): IteratorResult<Trap, void> {
    if (this.state === STATES.closed) return OVER
    // A client that always has more is not served before all others.
    const wait = this.reader.hasMore ? giveWay() : park<undefined>(this.stream.readable)
    return wait[Symbol.iterator]().next()
  }

  protected broken(error: unknown): void {
    this.abandon(error)
    this.close()
  }

  protected tryWork(): Coroutine<void> | null {
    const { reader } = this
    if (!reader.hasUnread && !this.quit) return null
    const task = currentTask()
    const { locals } = task
    task.cork = this.outlet
    try {
      do {
        const next = reader.next()
        if (next === MORE && !reader.begun && !this.quit) return null
        if (!(next instanceof RequestHead) || next.method === 'CONNECT' || this.kernel.contexts !== null)
          return this.serve(next, locals)
        const exchange = this.begin(next)
        if (!exchange.tryRun()) return this.serve(exchange, locals)
        if (!exchange.keep) {
          if (this.end(next)) return this.serve(LAST, locals)
          this.close()
        } else this.idleAgain(task, locals)
      } while (reader.hasAhead)
    } catch (error) {
      this.broken(error)
    }
    return null
  }

  /** Serves what was found. @param locals - as they were before any handler ran */
  private *serve(found: Found, locals: Task['locals']): Coroutine<void> {
    const { reader } = this
    let next = found
    let goesOn = false
    try {
      while (next === MORE && !this.quit) {
        if (this.state === STATES.idle) this.headBegun()
        yield* park(this.stream.readable)
        next = reader.next()
      }
      if (next === MORE) {
        // The loop may have been busy while the time ran out, and a request be waiting to be seen.
        yield* giveWay()
        next = reader.next()
      }
      if (next === MORE) return yield* this.leaveIdle()
      if (next === ENDED) return yield* this.endedByClient()
      if (next === LAST) return yield* this.linger()
      if (next instanceof GyreError) return yield* this.refuse(next)
      if (next instanceof Exchange) goesOn = yield* next.run()
      else if (next.method === 'CONNECT' && this.server.connect === null) return yield* this.refuseTunnel(next)
      else {
        const whole = (next = this.begin(next)).runWhole()
        goesOn = this.kernel.contexts === null ? yield* whole : yield* inFreshContext(whole)
      }
      if (goesOn) this.idleAgain(currentTask(), locals)
      else if (this.end(next.head)) yield* this.linger()
    } catch (error) {
      goesOn = false
      this.abandon(error)
    } finally {
      if (!goesOn) this.close()
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

  private idleAgain(task: Task, locals: Task['locals']): void {
    const { limit } = this.server
    // What a handler has set in task locals was its request's.
    task.locals = locals
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
    yield* readToEnd(stream)
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
    this.kernel.deadlines.set(this, from + duration)
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
