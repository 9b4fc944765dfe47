/*
 * The conversation on one connection between a client and Node's classes: a request is made and handed to the
 * listeners, its body pushed to it as far as it is wanted, and the bytes that its response writes are sent. One
 * request at a time: the next head is read when the answer is out and the body over.
 *
 * An answer that is whole when the listener returns is left to the connection at once, which sends it together with
 * others; 'finish' follows in the next turn, as in Node. Otherwise the connection's task waits here.
 */
import type { ServerResponse } from 'node:http'
import { GyreError, SIZES } from '../base/index.ts'
import { END, WOULD_WAIT } from '../io/index.ts'
import { Spot, giveWay, park } from '../kernel/index.ts'
import type { Coroutine, Operation } from '../kernel/index.ts'
import { input } from '../protocol/index.ts'
import type { Companion, Companioned, Handler, Refused, Request, Takeover } from '../server/index.ts'
import { requestStart, responseFinish } from './channels.ts'
import { answerTo, clientErrorOf } from './error-codes.ts'
import type { ClientError } from './error-codes.ts'
import { dispatch } from './dispatch.ts'
import { aborted, emitDrain, guard, throwLater } from './hidden.ts'
import type { HiddenRequest, HiddenResponse } from './hidden.ts'
import { IdleTime } from './idle-time.ts'
import { leaveHttp } from './leaving.ts'
import { emitClose, endRequest, makeRequest, makeResponse, settleRequest } from './messages.ts'
import type { Audience } from './messages.ts'
import { Output } from './output.ts'
import type { Encoding, OutputPort, WriteCallback } from './output.ts'
import { NodeSocket } from './socket.ts'

const TALK = Symbol('talk')
const OK = 200

interface Tied extends HiddenResponse {
  [TALK]?: Talk
}

export class Talk implements Companion, OutputPort {
  readonly socket: NodeSocket
  readonly port: Companioned
  readonly output: Output
  readonly idle: IdleTime
  /** Whether the body is wanted, as far as there is one. */
  wanted = true
  /** True once nothing more can be written. */
  ending = false
  /** True once the socket is closed for those who use it. */
  closed = false
  bytesRead = 0
  audience: Audience
  private takeover: Takeover | null = null
  private req: HiddenRequest | null = null
  private res: Tied | null = null
  /** True while the body of the request may bring more. */
  private bodyOpen = false
  private readonly spot = new Spot('an answer of node:http')
  /** True while it waits for the stream. */
  private onStream = false
  /** True while the connection's task is at work here: it sends what was written when it waits. */
  private inStep = false
  /** Requests so far, where they are counted. */
  counted = 0
  private mark = 0
  private left = false
  private error: Error | null = null

  constructor(audience: Audience, port: Companioned) {
    this.audience = audience
    this.port = port
    this.output = new Output(port.outlet, this, audience.highWaterMark)
    this.socket = new NodeSocket(audience.server, this)
    this.socket.on('error', onSocketError)
    this.idle = new IdleTime(port.kernel, () => guard(() => this.timedOut()))
    if (audience.server.timeout > 0) this.idle.set(audience.server.timeout)
  }

  get refuses(): boolean {
    return this.audience.ownsConnections
  }

  get allowsHalfOpen(): boolean {
    return this.audience.server.httpAllowHalfOpen === true
  }

  get highWaterMark(): number {
    return this.audience.highWaterMark
  }

  /** True while no request is under way. */
  get isIdle(): boolean {
    return this.res === null && this.port.idle && !this.port.inHead && !this.port.fresh
  }

  /** Whether this answer is to be the last, because the server is closing. */
  private get mustClose(): boolean {
    return this.audience.closing && !this.port.hasAhead
  }

  /** Leads the conversation about one request. */
  converse(audience: Audience, request: Request, takeover: Takeover): ReturnType<Handler> {
    // 'finish' of the last one may not have been told.
    if (this.res !== null) this.output.callNow()
    if (this.res !== null) return this.afterLast(audience, request, takeover)
    return this.begin(audience, request, takeover)
  }

  private *afterLast(audience: Audience, request: Request, takeover: Takeover): Coroutine<void> {
    while (this.res !== null) yield* giveWay()
    const rest = this.begin(audience, request, takeover)
    if (rest !== undefined) yield* rest as Coroutine<void>
  }

  private begin(audience: Audience, request: Request, takeover: Takeover): ReturnType<Handler> {
    const { head } = takeover
    const { server } = audience
    this.audience = audience
    this.takeover = takeover
    this.socket.server = server
    const req = (this.req = makeRequest(audience, this.socket, request, head))
    if (head.method === 'CONNECT' || (head.upgrade && server.listenerCount('upgrade') > 0))
      return this.leave(req, takeover)
    const { body } = takeover
    if (body !== null) body.awaited = false
    const res: Tied = (this.res = makeResponse(audience, this.socket, req, takeover.mayGoOn && !this.mustClose))
    res[TALK] = this
    res.on('finish', onFinish)
    if (requestStart.hasSubscribers) requestStart.publish({ request: req, response: res, socket: this.socket, server })
    this.mark = this.output.written
    this.wanted = true
    this.bodyOpen = body !== null
    this.inStep = true
    try {
      dispatch(audience.server, this, req, res, head)
    } catch (error) {
      // On a mount it is the answer of the handler; the response is cut off from the connection.
      if (!audience.ownsConnections) {
        this.detach(res)
        throw error
      }
      throwLater(error)
    } finally {
      this.inStep = false
    }
    if (body === null) {
      req.complete = true
      if (this.isWhole(res)) return this.finish(res, takeover)
    }
    return this.attend(res, takeover)
  }

  /** True when all of the answer lies in the outlet. */
  private isWhole(res: Tied): boolean {
    return res.writableEnded && this.res === res && res.outputData.length === 0 && !this.output.waiting && !this.closed
  }

  private finish(res: Tied, takeover: Takeover): undefined {
    const size = this.output.written - this.mark - (res._header?.length ?? 0)
    takeover.finish(Math.max(0, size), !res._last && !this.ending && !this.closed)
    this.takeover = null
    return undefined
  }

  /** Waits for the end of the answer and of the body. */
  private *attend(res: Tied, takeover: Takeover): Coroutine<void> {
    try {
      yield* this.lookAhead()
      while (this.res === res || this.bodyOpen || this.output.waiting) {
        if (this.closed) throw new GyreError('GYRE_STREAM_CLOSED', 'the socket was destroyed')
        if (this.bodyOpen && this.wanted) yield* this.pump(takeover)
        else yield* park(this.spot)
      }
      this.finish(res, takeover)
    } catch (error) {
      yield* this.broken(error)
      throw error
    }
  }

  /** What came behind the request, and is none, is told at once, because nothing that comes later can mend it. */
  private *lookAhead(): Coroutine<void> {
    const error = this.port.refusedNext
    if (error === null || !this.refuses) return
    yield* this.protest(clientErrorOf(error, null))
    throw error
  }

  /** Brings a piece of the body to the request. */
  private *pump({ body, head }: Takeover): Coroutine<void> {
    const { req } = this
    if (body === null || req === null) return
    const piece = body.tryReadBody()
    if (piece === WOULD_WAIT) {
      yield* this.waitOn(body.waitForMore())
      return
    }
    this.inStep = true
    if (piece !== null) {
      this.bytesRead += piece.length
      this.idle.touch()
      guard(() => {
        if (!req._dumped && !req.push(piece)) this.socket.pause()
      })
    }
    if (body.done) {
      this.bodyOpen = false
      guard(() => endRequest(req, head.framing === 'chunked' ? (body.trailers?.toRaw() ?? []) : []))
    }
    this.inStep = false
    // Those who listen have their turn between two pieces.
    if (this.bodyOpen) yield* giveWay()
  }

  /** What has broken the exchange off is told to those who listen. */
  private *broken(error: unknown): Coroutine<void> {
    if (error instanceof GyreError && error === this.takeover?.body?.brokenBy && this.refuses && !this.closed)
      yield* this.protest(clientErrorOf(error, null))
    this.ended()
  }

  // What a request that is none is told

  *refuse(error: GyreError, seen: Refused | null): Coroutine<void> {
    yield* this.protest(clientErrorOf(error, seen))
    const { stream } = this.port
    // Nobody has closed it: as in Node, whatever comes is told as well.
    for (let left: number = SIZES.lingerBytes; left > 0 && !this.closed && !this.ending && !stream.closed;) {
      const size = stream.tryRead(input.bytes, 0, SIZES.input)
      if (size === END) return
      if (size === WOULD_WAIT) yield* this.waitOn(park(stream.readable))
      else {
        left -= size
        const bytes = Buffer.from(input.bytes.subarray(0, size))
        this.tellServer(clientErrorOf(error, { bytes, parsed: 0 }))
      }
    }
  }

  private *protest(error: ClientError): Coroutine<void> {
    if (!this.tellServer(error)) {
      if (this.socket.writable && this.res?._headerSent !== true) {
        const answer = answerTo(error)
        this.output.take(`HTTP/1.1 ${answer}`, 'latin1', null)
        this.output.flush()
        this.takeover?.tell(Number.parseInt(answer, 10))
      } else if (this.res?.writableEnded === true) this.takeover?.tell(this.res.statusCode)
      return this.close(error)
    }
    if (this.takeover === null) return
    this.takeover.tell(0)
    while (!this.closed && !this.ending) yield* park(this.spot)
  }

  /** Waits for the stream, until `wake`. */
  private *waitOn(wait: Operation<unknown>): Coroutine<void> {
    this.onStream = true
    try {
      yield* wait
    } finally {
      this.onStream = false
    }
  }

  /** @returns whether somebody has heard of it, who then is to end the connection */
  private tellServer(error: Error): boolean {
    try {
      return this.audience.server.emit('clientError', error, this.socket)
    } catch (thrown) {
      throwLater(thrown)
      return true
    }
  }

  /** As in Node: whoever listens for 'clientError' ends the connection, and nobody else does. */
  failed(error: Error): void {
    if (!this.tellServer(error)) this.destroy(error)
  }

  // What the response, and who has the socket, can do

  write(data: string | Uint8Array, encoding: Encoding, callback: WriteCallback | undefined): boolean {
    if (this.closed || this.ending) {
      const error = Object.assign(new Error('Cannot call write after a stream was destroyed'), {
        code: 'ERR_STREAM_DESTROYED',
      })
      if (callback !== undefined) process.nextTick(callback, error)
      return false
    }
    const { takeover, res, output } = this
    if (takeover !== null && !takeover.begun && (res === null || res._header !== null))
      takeover.begin(res?.statusCode ?? OK)
    output.take(data, encoding, callback ?? null)
    this.idle.touch()
    if (!this.inStep && this.socket._writableState.corked === 0) output.flush()
    return !output.full
  }

  flush(): void {
    if (!this.inStep) this.output.flush()
  }

  /** Ends our side, when all is sent. */
  end(): void {
    if (this.ending || this.closed) return
    this.ending = true
    this.output.flush()
    if (!this.output.waiting) this.shutdown()
    this.wake()
  }

  destroy(error: Error | null): void {
    if (this.closed) return
    this.port.outlet.tryFlush()
    this.close(error)
    this.port.stream.close()
    this.wake()
  }

  want(): void {
    if (this.wanted && this.takeover?.body !== null && this.takeover !== null) return
    this.wanted = true
    const { req } = this
    if (req !== null && req.complete && !this.bodyOpen && req._readableState['ended'] !== true) req.push(null)
    else this.wake()
  }

  hasRoom(): void {
    if (this.res !== null && !this.output.full) emitDrain(this.res)
  }

  clientIsSlow(): void {
    const { kernel } = this.port
    kernel.spawn(this.sendRest(), { name: 'answer', scope: this.takeover?.scope ?? null })
  }

  private *sendRest(): Coroutine<void> {
    const { output, socket } = this
    try {
      yield* output.send()
    } catch (error) {
      output.fail(error instanceof Error ? error : new Error(String(error)))
      this.destroy(null)
      return
    }
    if (this.ending) this.shutdown()
    guard(() => {
      if (socket.listenerCount('drain') > 0) socket.emit('drain')
      if (this.res !== null) emitDrain(this.res)
    })
    this.wake()
  }

  private shutdown(): void {
    this.port.stream.shutdown()
    process.nextTick(() => this.socket.emit('finish'))
  }

  private wake(): void {
    if (!this.spot.wake() && this.onStream) this.port.stream.readable.wake()
  }

  // How it ends

  /** The response is finished, and everything of it handed over. */
  finished(res: Tied): void {
    if (this.res !== res) return
    const { req, socket, audience } = this
    if (responseFinish.hasSubscribers)
      responseFinish.publish({ request: req, response: res, socket, server: audience.server })
    this.detach(res)
    audience.responses.learn(res)
    if (req !== null) {
      audience.requests.learn(req)
      settleRequest(req, this.bodyOpen)
      if (!this.bodyOpen) this.req = null
    }
    process.nextTick(emitClose, res)
    if (this.idle.duration !== audience.server.timeout) this.idle.set(audience.server.timeout)
    this.wake()
  }

  ended(): void {
    this.close(null)
  }

  private detach(res: Tied): void {
    this.res = null
    if (this.socket._httpMessage === res) res.detachSocket(this.socket as never)
  }

  /** The socket is closed, for those who use it; the connection may go on to bring its last bytes home. */
  private close(error: Error | null): void {
    if (this.closed) return
    this.closed = true
    this.error = error
    this.idle.set(0)
    for (const state of [this.socket._writableState, this.socket._readableState]) state.destroyed = true
    process.nextTick(tellClosed, this)
    this.wake()
  }

  tellClosed(): void {
    const { req, res, socket, error, audience } = this
    audience.left(this)
    if (this.left) return
    if (res !== null && req !== null) req.destroy(aborted())
    for (const state of [socket._writableState, socket._readableState]) state.closed = true
    if (res !== null) emitClose(res)
    if (error !== null) emitError(socket, error)
    socket.emit('close', error !== null)
  }

  private timedOut(): void {
    const { req, res, socket, audience } = this
    const told = [
      req !== null && !req.complete && req.emit('timeout', socket),
      res !== null && res.emit('timeout', socket),
      audience.server.emit('timeout', socket),
      socket.emit('timeout'),
    ]
    if (!told.includes(true)) this.destroy(null)
  }

  /** Hands the connection to the listeners of 'upgrade' or 'connect', as a socket of Node's. */
  private *leave(req: HiddenRequest, takeover: Takeover): Coroutine<void> {
    const { server } = this.audience
    req.upgrade = true
    if (req.method === 'CONNECT' && server.listenerCount('connect') === 0) return this.destroy(null)
    this.left = true
    this.socket.removeListener('error', onSocketError)
    yield* leaveHttp(server, req, this.socket, takeover)
  }
}

function onFinish(this: ServerResponse): void {
  const res = this as Tied
  res[TALK]?.finished(res)
}

function emitError(socket: NodeSocket, error: Error): void {
  // We know already.
  socket.removeListener('error', onSocketError)
  if (socket.listenerCount('error') > 0) socket.emit('error', error)
}

/** Somebody says that the socket has failed. */
function onSocketError(this: NodeSocket, error: Error): void {
  this.talk.failed(error)
}

function tellClosed(talk: Talk): void {
  talk.tellClosed()
}
