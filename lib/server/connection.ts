/*
 * A connection: one task that reads requests, runs the handler for each, and sends the answers in order.
 *
 * Life of a request
 *   1. `tryHead` reads into the shared input area and parses what is there. Heads that came together are
 *      all parsed at once, because another connection may read there as soon as this task waits.
 *   2. `exchange` runs the handler inside the connection's task, in a scope of its own. Whatever ends
 *      a request before its time cancels that scope: the client going away, a deadline, a drain.
 *   3. The answer goes to the outlet. It is sent when no further request is at hand, or when the task
 *      is about to wait; so the answers to requests that came together leave together.
 *   4. What the handler left of the body is read and dropped, if that is cheaper than a new connection.
 * While it idles, a connection holds no buffer and no parser.
 */
import { GyreError, SIZES, statusOf } from '../base/index.ts'
import { END, WOULD_WAIT } from '../io/index.ts'
import type { ByteStream, Endpoint, HangUpWatcher } from '../io/index.ts'
import { Cancelled, Deadline, InnerScope, currentTask, giveWay, park } from '../kernel/index.ts'
import type { Coroutine, Expiring, Kernel, Task, TaskKeeper } from '../kernel/index.ts'
import { PartialHead, headEnd, input, nextState, parseHead } from '../protocol/index.ts'
import type { ConnectionEvent, ConnectionState, RequestHead } from '../protocol/index.ts'
import type { ServerContext } from './context.ts'
import { finish } from './handler.ts'
import { Incoming } from './incoming.ts'
import type { BodyPort } from './incoming.ts'
import { Outgoing } from './outgoing.ts'
import { Outlet } from './outlet.ts'
import type { StallWatch } from './outlet.ts'
import { Request } from './request.ts'
import type { RequestOrigin } from './request.ts'
import { Response } from './response.ts'

export class Connection implements TaskKeeper, Expiring, HangUpWatcher, StallWatch, BodyPort, RequestOrigin {
  readonly kernel: Kernel
  readonly secure = false
  private readonly server: ServerContext
  private readonly stream: ByteStream
  private readonly outlet: Outlet
  private readonly deadline: Deadline
  private state: ConnectionState = 'idle'
  /** Read and not used yet. */
  private rest: Buffer | null = null
  /** A head of which some has come. */
  private partial: PartialHead | null = null
  /** Requests that came together with the one that is running; a refusal is the last of them. */
  private ahead: (RequestHead | GyreError)[] | null = null
  /** No further request is read. */
  private over = false
  private running: Task | null = null
  /** The scope of the handler that runs, or ran last. */
  private handling: InnerScope | null = null

  constructor(server: ServerContext, stream: ByteStream) {
    this.server = server
    this.kernel = server.kernel
    this.stream = stream
    this.outlet = new Outlet(stream, this)
    this.deadline = new Deadline(this)
    stream.watcher = this
    // The time of the first head counts from here: one who only connects gets no longer than one who dawdles.
    this.kernel.deadlines.set(this.deadline, this.kernel.host.now() + server.limits.headTime)
  }

  get remote(): Endpoint {
    return this.stream.remote
  }

  get local(): Endpoint {
    return this.stream.local
  }

  get scope(): Task | null {
    return this.running
  }

  /** True while it waits for a request. */
  get idle(): boolean {
    return this.state === 'idle' || this.state === 'head'
  }

  /** The connection's task. */
  *serve(): Coroutine<void> {
    const task = currentTask()
    this.running = task
    task.cork = this.outlet
    try {
      for (let served = false; !this.over; served = true) {
        // A client that always has more is not served before all others.
        if (served && this.ahead === null && (this.rest !== null || this.stream.readable.ready)) yield* giveWay()
        let head: RequestHead | GyreError | null = this.tryHead()
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- tryHead and windDown change it
        while (head === null && !this.over) {
          yield* park(this.stream.readable)
          head = this.tryHead()
        }
        if (head === null) break
        if (head instanceof GyreError) yield* this.refuse(head)
        else if (head.method === 'CONNECT')
          yield* this.refuse(new GyreError('GYRE_METHOD_REFUSED', 'CONNECT is for proxies'))
        else yield* this.exchange(head)
      }
    } catch (error) {
      this.abandon(error)
    } finally {
      this.close()
    }
  }

  /** Its task has ended. */
  ended(task: Task, failed: boolean, failure: unknown): void {
    this.server.connectionEnded(task, failed, failure)
  }

  /** No further request is to be served: an idle connection ends now, a busy one after its answer. */
  windDown(): void {
    this.over = true
    if (this.idle) this.stream.readable.wake()
  }

  /** Reads and parses, without waiting. @returns a head, a refusal, or null where more must come first */
  private tryHead(): RequestHead | GyreError | null {
    if (this.ahead !== null) return this.nextAhead(this.ahead)
    const size = this.fillInput()
    if (size === WOULD_WAIT) return null
    if (size === END) {
      this.over = true
      return null
    }
    try {
      return this.partial === null ? this.parseInput(size) : this.parseMore(this.partial, size)
    } catch (error) {
      if (error instanceof GyreError) return error
      throw error
    }
  }

  private fillInput(): number {
    const { rest } = this
    if (rest === null) return this.stream.tryRead(input.bytes, 0, SIZES.input)
    this.rest = null
    return rest.copy(input.bytes)
  }

  private parseInput(size: number): RequestHead | null {
    const { limits } = this.server
    const head = parseHead(0, size, limits)
    if (head === undefined) {
      this.partial = new PartialHead()
      this.advance('headBegun')
      this.kernel.deadlines.set(this.deadline, this.kernel.time + limits.headTime)
      this.parseMore(this.partial, size)
      return null
    }
    const end = headEnd()
    if (end < size) this.parseAhead(head, end, size)
    return head
  }

  private parseMore(partial: PartialHead, size: number): RequestHead | null {
    const { limits } = this.server
    const used = partial.push(0, size, limits)
    if (used === undefined) return null
    if (used < size) this.rest = Buffer.from(input.bytes.subarray(used, size))
    const head = partial.take(limits)
    this.dropPartial()
    return head
  }

  /** Parses the requests that came together with `head`. */
  private parseAhead(head: RequestHead, from: number, size: number): void {
    let at = from
    let last = head
    const { limits } = this.server
    const ahead: (RequestHead | GyreError)[] = []
    while (at < size && last.framing === 'none' && last.keepAlive && ahead.length < limits.pipelineDepth) {
      try {
        const next = parseHead(at, size, limits)
        if (next === undefined) break
        at = headEnd()
        ahead.push(next)
        last = next
      } catch (error) {
        // The answers before it are due first.
        if (!(error instanceof GyreError)) throw error
        ahead.push(error)
        at = size
      }
    }
    if (ahead.length > 0) this.ahead = ahead.reverse()
    if (at < size) this.rest = Buffer.from(input.bytes.subarray(at, size))
  }

  private nextAhead(ahead: (RequestHead | GyreError)[]): RequestHead | GyreError {
    const head = ahead.pop() as RequestHead | GyreError
    if (ahead.length === 0) this.ahead = null
    return head
  }

  private dropPartial(): void {
    this.partial?.release()
    this.partial = null
  }

  /** One request and its answer. */
  private *exchange(head: RequestHead): Coroutine<void> {
    const { server, outlet } = this
    this.advance('headRead')
    const incoming = head.framing === 'none' ? null : new Incoming(this, head)
    const request = new Request(head, this, incoming ?? server.noBody, server.limits.bodyBytes)
    const outgoing = new Outgoing(server, outlet, head, incoming, this)
    const response = new Response(outgoing)
    try {
      let keep = yield* this.handle(request, response, outgoing)
      if (this.stream.closed) return
      if (this.ahead === null || !keep) {
        outlet.tryFlush()
        if (outlet.pending) yield* outlet.flush()
      }
      if (keep && incoming !== null && !incoming.done) keep = yield* incoming.discard(server.limits.drainBytes)
      if (keep && !this.over) {
        this.advance('answered')
        this.kernel.deadlines.set(this.deadline, this.kernel.time + server.limits.keepAliveTime)
        return
      }
      this.over = true
      this.advance('lastAnswered')
      if (outgoing.finished) yield* this.linger(incoming !== null && !incoming.done)
    } finally {
      incoming?.release()
    }
  }

  /** Runs the handler and brings its answer into the outlet. @returns whether the connection goes on */
  private *handle(request: Request, response: Response, outgoing: Outgoing): Coroutine<boolean> {
    const { server } = this
    const scope = this.openScope()
    server.counts.requests++
    server.counts.running++
    try {
      try {
        const result = server.handler(request, response)
        if (result !== undefined) yield* finish(result)
      } finally {
        scope.close()
      }
      return outgoing.tryFinish(response, !this.over) ?? (yield* outgoing.finish(response, !this.over))
    } catch (error) {
      if (error !== scope.cancelled) return yield* this.handlerFailed(outgoing, request, response, error)
      server.counts.gone++
      return false
    } finally {
      server.counts.running--
      if (!outgoing.finished) request.breakOff()
      response.stage = 'ended'
    }
  }

  private openScope(): InnerScope {
    let scope = this.handling
    if (scope === null || scope.cancelled !== null) {
      this.handling = scope = new InnerScope(currentTask())
      scope.grace = this.server.limits.cancelGrace
    }
    // A client that had gone before its turn came is not worked for. (RFC 9112 section 9.3 knows no
    // half-closed clients; those that are served anyway get what needs no waiting.)
    if (this.stream.peerEnded && this.server.cancelOnDisconnect) scope.cancel('the client has ended its side')
    return scope.open()
  }

  /** The handler threw. @returns whether the connection goes on */
  private *handlerFailed(outgoing: Outgoing, request: Request, response: Response, error: unknown): Coroutine<boolean> {
    const { server } = this
    // A cancel from further out, or a client that has gone: there is nobody to answer.
    if (error instanceof Cancelled || (error instanceof GyreError && error.status === 0)) throw error
    const status = statusOf(error)
    server.report(error, status, this, request)
    if (outgoing.begun) {
      // No fake clean end: the client must see that the answer is not whole.
      this.over = true
      this.stream.reset()
      return false
    }
    return yield* outgoing.fail(response, status, error)
  }

  /** Answers what is no request, and ends the connection. */
  private *refuse(error: GyreError): Coroutine<void> {
    this.server.counts.refused++
    this.server.report(error, error.status, this)
    this.advance('refused')
    if (error.status !== 0) {
      yield* this.outlet.write(Outgoing.refusal(error, this.server.dateLine()), '')
      yield* this.outlet.flush()
    }
    this.over = true
    yield* this.linger(true)
  }

  /**
   * Ends the connection so that the client can read the last answer: our side first; then what it still
   * sends is read and dropped for a while, because unread bytes would make the operating system reset
   * the connection, and the answer with it (RFC 9112 section 9.6).
   *
   * @param more - whether the client is likely to be sending
   */
  private *linger(more: boolean): Coroutine<void> {
    const { stream } = this
    const unread = more || this.rest !== null || this.ahead !== null || stream.readable.ready
    if (!unread || stream.peerEnded || stream.closed) return
    stream.shutdown()
    this.kernel.deadlines.set(this.deadline, this.kernel.host.now() + this.server.limits.lingerTime)
    while (!stream.closed) {
      const size = stream.tryRead(input.bytes, 0, SIZES.input)
      if (size === END) return
      if (size === WOULD_WAIT) yield* park(stream.readable)
    }
  }

  /** Something went wrong that no answer can tell of. */
  private abandon(error: unknown): void {
    if (error instanceof GyreError && error.blame === 'client') {
      if (!this.idle) this.server.counts.gone++
      if (error.code === 'GYRE_WRITE_TIMEOUT') this.server.report(error, 0, this)
    } else if (!(error instanceof Cancelled)) this.server.report(error, 0, this)
    // Whatever was sent is not whole, and must not look so.
    if (!this.idle && this.state !== 'lingering') this.stream.reset()
  }

  private close(): void {
    this.outlet.tryFlush()
    if (this.state !== 'closed') this.advance('ended')
    this.kernel.deadlines.cancel(this.deadline)
    this.dropPartial()
    this.stream.watcher = null
    this.stream.close()
  }

  private advance(event: ConnectionEvent): void {
    this.state = nextState(this.state, event)
  }

  // What the world does to a connection

  /** A time is over: which one, the state tells. */
  expired(): void {
    switch (this.state) {
      case 'idle':
        this.over = true
        this.stream.readable.wake()
        break
      case 'lingering':
        this.stream.close()
        break
      case 'head':
        this.ahead = [new GyreError('GYRE_HEAD_TIMEOUT')]
        this.stream.readable.wake()
        break
      case 'body':
        this.stream.readable.wakeThrow(new GyreError('GYRE_BODY_TIMEOUT'))
        break
      case 'stalled':
        this.stream.writable.wakeThrow(new GyreError('GYRE_WRITE_TIMEOUT'))
        break
    }
  }

  hungUp(): void {
    // In every other state somebody reads or writes, and finds out.
    if (this.state === 'handling' && this.server.cancelOnDisconnect) this.handling?.cancel('the client has gone')
  }

  writeStalled(): void {
    this.advance('writeStalled')
    this.kernel.deadlines.set(this.deadline, this.kernel.host.now() + this.server.limits.writeStallTime)
  }

  writeResumed(): void {
    // The connection may have ended meanwhile, where another task than its own was writing.
    if (this.state === 'closed') return
    this.advance('writeResumed')
    this.noticeGone()
  }

  private noticeGone(): void {
    if (this.stream.peerEnded) this.hungUp()
  }

  // What a body needs of its connection

  takeRest(): Buffer | null {
    const { rest } = this
    this.rest = null
    return rest
  }

  giveRest(rest: Buffer): void {
    this.rest = rest
  }

  tryReadInput(limit: number): number {
    return this.stream.tryRead(input.bytes, 0, limit)
  }

  *waitForBody(): Coroutine<void> {
    this.advance('bodyAwaited')
    this.kernel.deadlines.set(this.deadline, this.kernel.host.now() + this.server.limits.bodyIdleTime)
    try {
      yield* park(this.stream.readable)
    } finally {
      if (this.state === 'body') this.advance('bodyArrived')
      this.noticeGone()
    }
  }

  sendContinue(): void {
    if (this.outlet.tryText('HTTP/1.1 100 Continue\r\n\r\n')) this.outlet.tryFlush()
  }
}
