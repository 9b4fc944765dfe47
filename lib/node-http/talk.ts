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
import { giveWay, park } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { input } from '../protocol/index.ts'
import { moveOnAfter } from '../sync/index.ts'
import type { Companion, Handler, Refused, Takeover } from '../server/index.ts'
import { requestStart, responseFinish } from './channels.ts'
import { answerTo, clientErrorOf } from './error-codes.ts'
import { dispatch } from './dispatch.ts'
import { guard, throwLater } from './hidden.ts'
import type { HiddenRequest, HiddenResponse } from './hidden.ts'
import { leaveHttp } from './leaving.ts'
import { Line, onSocketError } from './line.ts'
import { emitClose, endRequest, makeRequest, makeResponse, settleRequest } from './messages.ts'
import type { Audience } from './messages.ts'

const TALK = Symbol('talk')

interface Tied extends HiddenResponse {
  [TALK]?: Talk
}

export class Talk extends Line implements Companion {
  /** True while the body of the request may bring more. */
  private bodyOpen = false
  /** Requests so far, where they are counted. */
  counted = 0
  /** Bytes of the last answer's body, framing included. */
  private size = 0
  /** Whether the last answer was the last of the connection. */
  private last = false
  /** Whether the time of keep-alive holds. */
  private rested = false

  get refuses(): boolean {
    return this.audience.ownsConnections
  }

  get allowsHalfOpen(): boolean {
    return this.audience.server.httpAllowHalfOpen === true
  }

  /** True while no request is under way. */
  get isIdle(): boolean {
    return this.res === null && !this.bodyOpen && !this.port.inHead && !this.port.fresh && !this.left
  }

  /** Whether this answer is to be the last, because the server is closing. */
  private get mustClose(): boolean {
    return this.audience.closing && !this.port.hasAhead
  }

  /** Leads the conversation about one request. */
  converse(audience: Audience, takeover: Takeover, mountPath: string): ReturnType<Handler> {
    // 'finish' of the last one may not have been told. What they throw is not about this request; and where
    // AsyncLocalStorage is in use, neither is it told in this request's context.
    if (this.res !== null && this.port.kernel.contexts === null) guard(() => this.output.callNow())
    if (this.res !== null) return this.afterLast(audience, takeover, mountPath)
    return this.begin(audience, takeover, mountPath)
  }

  private *afterLast(audience: Audience, takeover: Takeover, mountPath: string): Coroutine<void> {
    // It comes within this turn, unless somebody has taken our listener away: then it is over all the same.
    process.nextTick(finishUntold, this, this.res)
    while (this.res !== null) yield* giveWay()
    const rest = this.begin(audience, takeover, mountPath)
    if (rest !== undefined) yield* rest as Coroutine<void>
  }

  private begin(audience: Audience, takeover: Takeover, mountPath: string): ReturnType<Handler> {
    const { head } = takeover
    const { server } = audience
    this.audience = audience
    this.takeover = takeover
    this.socket.server = server
    if (this.rested) this.resume(server.timeout)
    const req = (this.req = makeRequest(audience, this.socket, head, mountPath))
    if (head.method === 'CONNECT' || (head.upgrade && server.listenerCount('upgrade') > 0))
      return this.leave(req, takeover)
    const { body } = takeover
    if (body !== null) body.awaited = false
    const res: Tied = (this.res = makeResponse(audience, this.socket, req, takeover.mayGoOn && !this.mustClose))
    res[TALK] = this
    res.on('finish', onFinish)
    if (requestStart.hasSubscribers) requestStart.publish({ request: req, response: res, socket: this.socket, server })
    this.wanted = true
    this.bodyOpen = body !== null
    this.inStep = true
    try {
      dispatch(audience.server, this, req, res, head)
    } catch (error) {
      // On a mount it is the answer of the handler; the response is cut off from the connection.
      if (!audience.ownsConnections) {
        // An answer that was whole by then is not taken back, and neither are those before it.
        if (this.isWhole(res)) {
          this.output.flush()
          takeover.tell(res.statusCode)
        }
        this.detach(res)
        throw error
      }
      throwLater(error)
    } finally {
      this.inStep = false
    }
    if (body === null) {
      req.complete = true
      if (this.isWhole(res)) {
        this.note(res)
        return this.finish(takeover)
      }
    }
    return this.attend(takeover)
  }

  /** True when all of the answer lies in the outlet. */
  private isWhole(res: Tied): boolean {
    return res.writableEnded && this.res === res && res.outputData.length === 0 && !this.output.waiting && !this.closed
  }

  /** Takes note of what is to be known of an answer that is out. */
  private note(res: Tied): void {
    this.size = Math.max(0, this.output.written - this.mark - (res._header?.length ?? 0))
    this.last = res._last || isMisframed(res, this.size)
  }

  private finish(takeover: Takeover): undefined {
    takeover.finish(this.size, !this.last && !this.ending && !this.closed)
    this.takeover = null
    return undefined
  }

  /** Waits for the end of the answer and of the body. It holds neither request nor response: they may be large. */
  private *attend(takeover: Takeover): Coroutine<void> {
    try {
      yield* this.lookAhead()
      while (this.res !== null || this.bodyOpen || this.output.waiting) {
        if (this.closed) {
          if (this.res === null) break
          throw new GyreError('GYRE_STREAM_CLOSED', 'the socket was destroyed')
        }
        // Behind the last answer nothing is waited for: who reads is brought what has come, and the connection ends.
        const isOver = this.res === null && this.last && !this.output.waiting
        if (isOver && (!this.wanted || this.req?._dumped !== false)) break
        if (!this.bodyOpen) yield* park(this.spot)
        else if (!this.wanted) yield* this.waitForReader(takeover)
        else if (!(yield* this.pump(takeover, isOver))) break
      }
      this.finish(takeover)
    } catch (error) {
      yield* this.broken(error)
      throw error
    }
  }

  /** Nobody reads the body: as in Node that may last as long as a client may take, and is held against the request. */
  private *waitForReader({ body }: Takeover): Coroutine<void> {
    const { requestTimeout } = this.audience.server
    if (body === null || requestTimeout <= 0) return yield* park(this.spot)
    if (yield* moveOnAfter(requestTimeout, this.parked())) return
    throw (body.brokenBy = new GyreError('GYRE_BODY_TIMEOUT'))
  }

  private *parked(): Coroutine<true> {
    yield* park(this.spot)
    return true
  }

  /** What came behind the request, and is none, is told at once, because nothing that comes later can mend it. */
  private *lookAhead(): Coroutine<void> {
    const error = this.port.refusedNext
    if (error === null || !this.refuses) return
    yield* this.protest(error, null)
    throw error
  }

  /** Brings a piece of the body to the request. @returns false where none has come, and none is to be waited for */
  private *pump({ body, head }: Takeover, isOver: boolean): Coroutine<boolean> {
    const { req } = this
    if (body === null || req === null) return true
    const piece = body.tryReadBody()
    if (piece === WOULD_WAIT) {
      if (!isOver) yield* this.waitOn(body.waitForMore())
      return !isOver
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
    return true
  }

  /** What has broken the exchange off is told to those who listen. */
  private *broken(error: unknown): Coroutine<void> {
    if (error instanceof GyreError && error === this.takeover?.body?.brokenBy && this.refuses && !this.closed)
      yield* this.protest(error, null)
    this.ended()
  }

  // What a request that is none is told

  *refuse(error: GyreError, seen: Refused | null): Coroutine<void> {
    yield* this.protest(error, seen)
  }

  private *protest(error: GyreError, seen: Refused | null): Coroutine<void> {
    const told = clientErrorOf(error, seen)
    if (!this.tellServer(told)) {
      if (this.socket.writable && this.res?._headerSent !== true) {
        const answer = answerTo(told)
        this.output.take(`HTTP/1.1 ${answer}`, 'latin1', null)
        this.output.flush()
        this.takeover?.tell(Number.parseInt(answer, 10))
      } else if (this.res?.writableEnded === true) this.takeover?.tell(this.res.statusCode)
      return this.close(told)
    }
    this.takeover?.tell(0)
    const { stream } = this.port
    // Nobody has closed it: as in Node, whatever comes is told as well, until the client has gone.
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

  want(): void {
    if (this.wanted && this.takeover?.body !== null && this.takeover !== null) return
    this.wanted = true
    const { req } = this
    if (req !== null && req.complete && !this.bodyOpen && req._readableState['ended'] !== true) req.push(null)
    else this.wake()
  }

  // How it ends

  /** The response is finished, and everything of it handed over. */
  finished(res: Tied): void {
    if (this.res !== res) return
    const { req, socket, audience } = this
    if (responseFinish.hasSubscribers)
      responseFinish.publish({ request: req, response: res, socket, server: audience.server })
    this.note(res)
    this.detach(res)
    audience.responses.learn(res)
    if (req !== null) {
      audience.requests.learn(req)
      settleRequest(req, this.bodyOpen)
      if (!this.bodyOpen) this.req = null
    }
    // Where nobody but us has listened, nobody sees that it closes a turn sooner than Node's.
    if ((res as unknown as { _eventsCount: number })._eventsCount === 1 && res.listenerCount('finish') === 1) {
      res.destroyed = res._closed = true
    } else process.nextTick(emitClose, res)
    if (this.mustClose) this.port.windDown()
    this.rest()
    this.wake()
  }

  ended(): void {
    this.close(null)
  }

  /** Between requests the time is that of keep-alive, which the connection keeps by itself if nobody listens. */
  private rest(): void {
    const { server } = this.audience
    if (server.keepAliveTimeout <= 0) return
    const isHeard = server.listenerCount('timeout') > 0
    // A second later than the client is told, so that no request crosses the end.
    if (isHeard || this.idle.duration > 0) this.idle.set(isHeard ? server.keepAliveTimeout + SIZES.second : 0)
    this.rested = true
  }

  private resume(timeout: number): void {
    this.rested = false
    if (this.idle.duration !== timeout) this.idle.set(timeout)
  }

  private detach(res: Tied): void {
    this.res = null
    if (this.socket._httpMessage !== res) return
    // What `detachSocket` does, but for a listener that it would look for in vain.
    this.socket._httpMessage = null
    ;(res as { socket: unknown }).socket = null
  }

  /** Hands the connection to the listeners of 'upgrade' or 'connect', as a socket of Node's. */
  private *leave(req: HiddenRequest, takeover: Takeover): Coroutine<void> {
    const { server } = this.audience
    req.upgrade = true
    if (req.method === 'CONNECT' && server.listenerCount('connect') === 0) return this.destroy(null)
    // What is written to the socket itself must not overtake the answers before it, or lose them.
    this.output.flush()
    while (this.output.waiting && !this.closed) yield* park(this.spot)
    if (this.closed) throw new GyreError('GYRE_STREAM_CLOSED', 'the socket was destroyed')
    this.left = true
    this.socket.removeListener('error', onSocketError)
    yield* leaveHttp(server, req, this.socket, takeover)
  }
}

/**
 * Whether an answer had more or fewer bytes than it had announced: what follows on the connection would be taken for a
 * part of it, or a part of it for what follows.
 */
function isMisframed(
  { _contentLength: announced, _hasBody, chunkedEncoding, _header: head }: Tied,
  size: number,
): boolean {
  if (announced === null || announced === size || !_hasBody || chunkedEncoding || head === null) return false
  // A head beyond ASCII goes out as UTF-8 where the body is text.
  return size - announced !== Buffer.byteLength(head) - head.length
}

function finishUntold(talk: Talk, res: Tied): void {
  talk.finished(res)
}

function onFinish(this: ServerResponse): void {
  const res = this as Tied
  res[TALK]?.finished(res)
}
