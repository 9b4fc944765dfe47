/*
 * An exchange: one request and its answer.
 *
 * It runs the handler inside the connection's task, in a scope of its own. Whatever ends a request before
 * its time cancels that scope: the client going away, a deadline, a drain. What the handler has
 * awaited or spawned into the request lives in the scope too, and ends with it at the latest.
 * However an exchange ends, it is settled once: counted, and written down as one access record.
 */
import { GyreError } from '../base/index.ts'
import type { Limits } from '../base/index.ts'
import type { ByteStream, SendableFile } from '../io/index.ts'
import { currentTask, headStart } from '../kernel/index.ts'
import type { Coroutine, InnerScope, Kernel, Meter, Operation } from '../kernel/index.ts'
import { interimHead } from '../protocol/index.ts'
import type { RequestHead, ResponseFields } from '../protocol/index.ts'
import type { ServerContext } from './context.ts'
import { dropped, failureOf, throwing } from './failure.ts'
import type { Standing } from './failure.ts'
import { finish } from './handler.ts'
import type { Handler } from './handler.ts'
import type { HeadReader } from './head-reader.ts'
import { Incoming } from './incoming.ts'
import type { BodyPort } from './incoming.ts'
import { Outgoing } from './outgoing.ts'
import type { OutgoingPort } from './outgoing.ts'
import type { Outlet } from './outlet.ts'
import { UNENDED, WELL } from './record.ts'
import type { Ending, Phase } from './record.ts'
import { Request } from './request.ts'
import type { RequestDoor, RequestOrigin } from './request.ts'
import { Response } from './response.ts'
import type { InterimStatus, Payload, ResponseSink } from './response.ts'
import { serverTiming } from './server-timing.ts'
import type { Settlement } from './tally.ts'
import { Takeover } from './takeover.ts'
import type { Companioned, TakeoverPort } from './takeover.ts'
import { headSent, requestError, requestFinish, requestStart } from './tracing.ts'
import type { ErrorMessage, FinishMessage, RequestMessage } from './tracing.ts'
import { upgrade } from './upgrade.ts'
import type { Upgradable } from './upgrade.ts'

/** What an exchange needs of its connection. */
export interface ExchangePort extends Companioned, RequestDoor, OutgoingPort {
  readonly reader: HeadReader
  /** The exchange that runs. */
  exchange: Exchange | null
  /** The request that was served last, where stalls are watched. */
  recent: Request | null
  /** Opens the scope that a handler runs in. */
  openScope(): InnerScope
  /** The connection has left HTTP. */
  upgraded(): void
  /** The client has gone, or has ended its side. */
  hungUp(broken: boolean): void
}

const CONTINUE = 100

export class Exchange implements BodyPort, ResponseSink, Settlement, Standing, TakeoverPort, Upgradable {
  readonly head: RequestHead
  /** When it began, in milliseconds of the host's clock. */
  readonly started: number
  /** The scope of the handler: what is awaited or spawned into the request ends with it. */
  scope: InnerScope | null = null
  /** What counts its share of the loop; null where nothing does. */
  meter: Meter | null = null
  readonly outgoing: Outgoing
  readonly incoming: Incoming | null
  ending: Ending = UNENDED
  private readonly port: ExchangePort
  private madeRequest: Request | null = null
  private madeResponse: Response | null = null
  gone = false
  left = false
  /** True when an answer is out, from its head to its end. */
  private whole = false
  /** Whether the connection goes on. */
  keep = false
  /** What is left to run of the handler, or what throws what it has thrown. */
  private rest: Operation<unknown> | null = null
  /** True once the client is told where the time went. */
  private timed = false

  constructor(port: ExchangePort, head: RequestHead) {
    this.port = port
    this.head = head
    this.started = port.kernel.time
    this.incoming = head.framing === 'none' ? null : new Incoming(this, head)
    this.outgoing = new Outgoing(port, head, this.incoming)
  }

  /** Made when it is asked for: a dialect that answers all requests asks for none. */
  get request(): Request {
    const { head, port, incoming } = this
    const { noBody, limit } = port.server
    return (this.madeRequest ??= new Request(head, port, incoming ?? noBody, limit.bodyBytes))
  }

  /** As the request. */
  private get response(): Response {
    return (this.madeResponse ??= new Response(this))
  }

  get kernel(): Kernel {
    return this.port.kernel
  }

  get limit(): Limits {
    return this.port.server.limit
  }

  get server(): ServerContext {
    return this.port.server
  }

  get outlet(): Outlet {
    return this.port.outlet
  }

  get stream(): ByteStream {
    return this.port.stream
  }

  get origin(): RequestOrigin {
    return this.port
  }

  get status(): number {
    return this.outgoing.status
  }

  get bytesIn(): number {
    return this.incoming?.received ?? 0
  }

  get bytesOut(): number {
    return this.outgoing.bodyBytes
  }

  get clientTime(): number {
    return (this.incoming?.waited ?? 0) + this.port.outlet.waited
  }

  /** What it is waiting for. */
  get phase(): Phase {
    if (this.left) return 'upgraded'
    if (this.port.outlet.held > 0 || this.outgoing.finished) return 'answer'
    return this.incoming?.waiting === true ? 'body' : 'handler'
  }

  /**
   * Runs the handler as far as it goes without waiting, which is most often to its end, and to that of the answer.
   *
   * @returns whether that is all; what is left, `run` sees to
   */
  tryRun(): boolean {
    this.port.server.tally.begin()
    this.port.outlet.begin()
    if (requestStart.hasSubscribers) requestStart.publish(this.message())
    if (headSent.hasSubscribers) this.outgoing.onHead = () => headSent.publish(this.message())
    try {
      this.rest = this.call()
      if (this.rest !== null || !this.tryAnswer() || this.incoming !== null) return false
    } catch (error) {
      this.rest = throwing(error)
      return false
    }
    this.succeed()
    this.conclude()
    return true
  }

  /**
   * Runs what `tryRun` has left of the handler, and brings its answer to the client.
   *
   * @returns whether the connection goes on
   */
  *run(): Coroutine<boolean> {
    const { incoming } = this
    try {
      try {
        if (this.rest !== null) yield* this.runRest(this.rest)
        if (!this.tryAnswer()) yield* this.answer()
        this.succeed()
      } catch (error) {
        this.keep = yield* this.failed(error)
      } finally {
        this.conclude()
      }
      return this.keep && (incoming === null || incoming.done || (yield* this.discard(incoming)))
    } finally {
      incoming?.release()
    }
  }

  /** Runs all of it. @returns whether the connection goes on */
  *runWhole(): Coroutine<boolean> {
    return this.tryRun() ? this.keep : yield* this.run()
  }

  /** Calls the handler. @returns what is left to run of it */
  private call(): Operation<unknown> | null {
    const scope = (this.scope = this.port.openScope())
    let rest: Operation<unknown> | null = null
    try {
      const result = this.handle(scope)
      if (result !== undefined) rest = headStart(finish(result))
    } finally {
      if (rest === null) scope.close()
    }
    return rest
  }

  private *runRest(rest: Operation<unknown>): Coroutine<void> {
    try {
      yield* rest
    } finally {
      this.scope?.close()
    }
  }

  /** Sends the answer, as far as nothing has to be waited for. May be called again. @returns whether it is done */
  private tryAnswer(): boolean {
    const { outgoing, port } = this
    if (this.left) return true
    if (outgoing.takeover !== null) this.keep = outgoing.takeover.keep
    else if (!outgoing.finished) {
      this.addTiming()
      if (!outgoing.tryFinish(this.response)) return false
      this.keep = outgoing.goesOn
    }
    if (this.keep && port.reader.hasAhead) return true
    port.outlet.tryFlush(!this.keep)
    return !port.outlet.pending
  }

  private *answer(): Coroutine<void> {
    const { outgoing, port } = this
    if (outgoing.takeover === null && !outgoing.finished) this.keep = yield* outgoing.finish(this.response)
    if (!this.keep || !port.reader.hasAhead) yield* port.outlet.flush(!this.keep)
  }

  private succeed(): void {
    this.whole = true
    this.ending = WELL
  }

  private conclude(): void {
    // The step that is under way is counted as far as it was this request's.
    if (this.meter !== null) currentTask().meter = null
    this.settle()
  }

  /** The client has gone, or has ended its side. */
  clientGone(broken: boolean): void {
    // While its body is unread, the end of its side lies behind that: who reads will find it. And of a
    // connection that has left HTTP, only the handler knows what half of it means.
    if (!broken && (this.left || (this.incoming !== null && !this.incoming.done))) return
    this.gone = true
    this.scope?.cancel('the client has gone')
  }

  /** Counts it and writes it down: once, by its own end or by that of its connection. */
  settle(): void {
    const { port, outgoing } = this
    if (port.exchange !== this) return
    port.exchange = null
    if (this.ending === UNENDED) this.ending = dropped(this, this.phase)
    // Those who are told of the end find a request and a response that have ended, too, where nobody had asked for them.
    const message = requestFinish.hasSubscribers ? this.message() : null
    // No fake clean end: the client must see that the answer is not whole (W29).
    if (outgoing.begun && !this.whole) port.stream.reset()
    // A step that took too long is told of when it is over, and so may be its request.
    if (this.limit.stallTime < Infinity) port.recent = this.request
    if (this.madeResponse !== null) this.madeResponse.stage = 'ended'
    // Of a connection that has left HTTP the end is no success of itself.
    if (!outgoing.finished || (this.left && this.ending.outcome !== 'ok')) this.madeRequest?.breakOff()
    port.server.tally.end()
    port.server.settle(this)
    if (message === null) return
    const { status, bytesIn, bytesOut } = this
    requestFinish.publish({
      ...message,
      outcome: this.ending.outcome,
      status,
      bytesIn,
      bytesOut,
    } satisfies FinishMessage)
  }

  private message(): RequestMessage {
    return { request: this.request, response: this.response }
  }

  // What the body needs of its exchange

  get reader(): HeadReader {
    return this.port.reader
  }

  *sendContinue(): Coroutine<void> {
    const { outlet } = this.port
    yield* outlet.write(interimHead(CONTINUE, null), '')
    yield* outlet.flush()
  }

  bodyDone(): void {
    if (this.port.stream.peerEnded) this.port.hungUp(false)
  }

  bodyCut(): void {
    // Whoever reads is told by the error, and may still answer; what else works on the request, by the signal.
    if (!this.outgoing.finished) this.madeRequest?.breakOff()
  }

  // What the response needs of it

  sendChunk(response: Response, chunk: Payload): Coroutine<void> {
    this.addTiming()
    return this.outgoing.sendChunk(response, chunk)
  }

  sendFile(response: Response, file: SendableFile, position: number, length: number): Coroutine<number> {
    return this.outgoing.sendFile(response, file, position, length)
  }

  sendInterim(response: Response, status: InterimStatus, fields: ResponseFields): Coroutine<void> {
    return this.outgoing.sendInterim(response, status, fields)
  }

  upgrade(response: Response, protocol: string): Coroutine<ByteStream> {
    return upgrade(this, response, protocol)
  }

  takeOver(): Takeover {
    return (this.outgoing.takeover = new Takeover(this))
  }

  // What a takeover needs of it

  get connection(): Companioned {
    return this.port
  }

  leave(status: number): Buffer | null {
    const { port } = this
    this.left = true
    // The times of HTTP are over; so is that of its handler.
    this.scope?.cancelAt(Infinity, '')
    this.outgoing.leave(status)
    port.upgraded()
    return port.reader.takeRest()
  }

  /** Calls the handler. */
  private handle(scope: InnerScope): ReturnType<Handler> {
    const { port, head } = this
    const { server } = port
    // A client that had gone before its turn came is not worked for. (RFC 9112 section 9.3 knows no
    // half-closed clients; those that are served anyway get what needs no waiting.)
    if (port.stream.peerEnded) port.hungUp(false)
    const { handlerTime } = server.limit
    if (handlerTime < Infinity) scope.cancelAt(port.kernel.host.now() + handlerTime, 'handlerTime is over')
    if (server.manners !== null) return server.manners.answer(this.takeOver())
    if (head.method !== 'CONNECT' || server.connect === null) return server.handler(this.request, this.response)
    return server.connect(this.request, this.response)
  }

  /** Tells the client where the time went so far, once, where that is counted. */
  private addTiming(): void {
    const { meter, started, clientTime, outgoing } = this
    if (meter === null || outgoing.begun || this.timed) return
    this.timed = true
    const timing = serverTiming(meter, { started, clientTime, now: this.kernel.host.now() })
    this.response.headers.append('Server-Timing', timing)
  }

  /** Reads what the handler left of the body, if that is cheaper than a new connection. @returns whether it was */
  private *discard(incoming: Incoming): Coroutine<boolean> {
    try {
      return yield* incoming.discard(this.limit.drainBytes)
    } catch (error) {
      // The answer is out, and whole: what the client does with its body now only ends the connection.
      if (error instanceof GyreError && error.blame === 'client') return false
      throw error
    }
  }

  /** Something went wrong: answers, where there is somebody to answer. @returns whether the connection goes on */
  private *failed(thrown: unknown): Coroutine<boolean> {
    const { port, outgoing } = this
    const failure = failureOf(thrown, this)
    const { error, status, outcome, gone } = failure
    this.ending = failure
    this.gone = gone
    if (requestError.hasSubscribers) requestError.publish({ ...this.message(), error } satisfies ErrorMessage)
    // A client that leaves, and an answer that the handler chose to throw, are no news.
    if (outcome !== 'ok' && !gone) port.server.report(error, status, port, this.request)
    try {
      if (outgoing.takeover?.told === true) {
        this.whole = true
        return false
      }
      // It is too late for another answer; or the client has gone, or reads nothing.
      if (outgoing.begun || status === 0) return false
      this.response.status = status
      const keep = yield* outgoing.fail(status, error)
      yield* port.outlet.flush()
      this.whole = true
      return keep
    } catch {
      // The first error is the one that counts.
      return false
    }
  }
}
