/*
 * A response going out over a connection: in one piece where the handler gave it in one piece, else
 * chunk by chunk, framed as the head has announced (RFC 9112 section 6).
 */
import { GyreError, SIZES } from '../base/index.ts'
import { giveWay } from '../kernel/index.ts'
import type { Coroutine, Kernel, Scope } from '../kernel/index.ts'
import { LAST_CHUNK, chunkHead, isBodiless, plainHead, reasonOf, responseHead } from '../protocol/index.ts'
import type { PlannedHead, RequestHead } from '../protocol/index.ts'
import type { ServerContext } from './context.ts'
import type { BodyPort, Incoming } from './incoming.ts'
import type { Outlet } from './outlet.ts'
import type { Payload, Response, ResponseSink } from './response.ts'

const LOWEST_STATUS = 200
const HIGHEST_STATUS = 599
/** Longer answers take the general way, which looks at the room there is. */
const PLAIN_LENGTH = 8_192

export class Outgoing implements ResponseSink {
  readonly kernel: Kernel
  /** True when the answer is out, whole. */
  finished = false
  private readonly server: ServerContext
  private readonly outlet: Outlet
  private readonly head: RequestHead
  private readonly incoming: Incoming | null
  private readonly port: BodyPort
  /** The head that was sent, once it was. */
  private sent: PlannedHead | null = null
  private sentBytes = 0
  /** What may be written before others have their turn, in bytes. */
  private turn: number = SIZES.turn

  constructor(server: ServerContext, outlet: Outlet, head: RequestHead, incoming: Incoming | null, port: BodyPort) {
    this.server = server
    this.kernel = server.kernel
    this.outlet = outlet
    this.head = head
    this.incoming = incoming
    this.port = port
  }

  get scope(): Scope | null {
    return this.port.scope
  }

  /** True once the head was sent. */
  get begun(): boolean {
    return this.sent !== null
  }

  /**
   * The way of most answers, which needs no waiting: a short text or a few bytes, no field of the
   * handler's, HTTP/1.1, a connection that goes on.
   *
   * @returns true when the answer is in the outlet; undefined where `finish` must see to it
   */
  tryFinish(response: Response, goOn: boolean): true | undefined {
    const { head, outlet } = this
    const { payload, status } = response
    if (
      this.sent !== null ||
      response.ownHeaders !== null ||
      response.reason !== undefined ||
      typeof payload !== 'string'
    )
      return undefined
    if (!goOn || !head.keepAlive || head.minor === 0 || this.incoming !== null || head.method === 'HEAD')
      return undefined
    if (payload.length > PLAIN_LENGTH || response.contentType === '') return undefined
    if (!(status >= LOWEST_STATUS && status <= HIGHEST_STATUS) || isBodiless(status) || !isAscii(payload))
      return undefined
    const text = plainHead(status, response.contentType, payload.length, this.server.dateLine()) + payload
    if (!outlet.tryText(text)) return undefined
    this.finished = true
    return true
  }

  /**
   * Brings what is left of the answer into the outlet.
   *
   * @param goOn - whether the server would have the connection go on
   * @returns whether it does
   */
  *finish(response: Response, goOn: boolean): Coroutine<boolean> {
    yield* this.outlet.acquire()
    try {
      const { payload } = response
      if (this.sent === null) {
        const planned = this.plan(response, byteLength(payload), goOn)
        yield* this.outlet.write(planned.text, planned.hasBody ? payload : '')
        this.finished = true
        return planned.keepAlive
      }
      if (payload.length > 0) yield* this.writeBody(this.sent, payload)
      const { framing, hasBody, length } = this.sent
      if (hasBody && length !== undefined && this.sentBytes < length)
        throw new GyreError(
          'GYRE_LENGTH_MISMATCH',
          `Content-Length is ${length}, and the body has ${this.sentBytes} bytes`,
        )
      if (hasBody && framing === 'chunked') yield* this.outlet.write(LAST_CHUNK, '')
      this.finished = true
      return this.sent.keepAlive && goOn
    } finally {
      this.outlet.release()
    }
  }

  /** Sends the head, if it was not sent yet, and a chunk of the body. */
  *sendChunk(response: Response, chunk: Payload): Coroutine<void> {
    yield* this.outlet.acquire()
    try {
      response.mustNotBeEnded()
      if (this.sent === null) {
        const planned = this.plan(response, undefined, true)
        response.stage = 'started'
        this.sent = planned
        yield* this.outlet.write(planned.text, '')
      }
      yield* this.writeBody(this.sent, chunk)
      yield* this.outlet.flush()
    } finally {
      this.outlet.release()
    }
    // A client that reads as fast as we write must not keep all others waiting.
    this.turn -= byteLength(chunk) + SIZES.turnPerWrite
    if (this.turn > 0) return
    this.turn = SIZES.turn
    yield* giveWay()
  }

  /** Answers with an error instead of what the handler had begun to make. */
  *fail(response: Response, status: number, error: unknown): Coroutine<boolean> {
    const text = errorText(status, error)
    const planned = responseHead({
      method: this.head.method,
      minor: this.head.minor,
      status,
      fields: null,
      contentType: 'text/plain; charset=utf-8',
      length: Buffer.byteLength(text),
      keepAlive: this.mayGoOn() && !this.bodyBroken(error),
      date: this.server.dateLine(),
    })
    response.status = status
    yield* this.outlet.write(planned.text, planned.hasBody ? text : '')
    this.finished = true
    return planned.keepAlive
  }

  /** The answer to what could not be read as a request; the connection ends after it. */
  static refusal(error: GyreError, date: string): string {
    const text = errorText(error.status, error)
    return (
      responseHead({
        method: 'GET',
        minor: 1,
        status: error.status,
        fields: null,
        contentType: 'text/plain; charset=utf-8',
        length: Buffer.byteLength(text),
        keepAlive: false,
        date,
      }).text + text
    )
  }

  private plan(response: Response, length: number | undefined, goOn: boolean): PlannedHead {
    return responseHead({
      method: this.head.method,
      minor: this.head.minor,
      status: response.status,
      reason: response.reason,
      fields: response.ownHeaders,
      contentType: response.contentType,
      length,
      keepAlive: goOn && this.mayGoOn(),
      date: this.server.dateLine(),
    })
  }

  /** A connection goes on if the client wants it to, and if the rest of the body can be had cheaply. */
  private mayGoOn(): boolean {
    const { head, incoming } = this
    if (!head.keepAlive) return false
    if (incoming === null || incoming.done) return true
    // A client that was not told to go on may send the body or not (RFC 9110 section 10.1.1): close.
    if (incoming.awaited) return false
    return incoming.outstanding === Infinity || incoming.outstanding <= this.server.limits.drainBytes
  }

  /** After a fault in the body nobody knows where the next request begins. */
  private bodyBroken(error: unknown): boolean {
    return error instanceof GyreError && error.blame === 'client' && this.incoming !== null && !this.incoming.done
  }

  private *writeBody(planned: PlannedHead, chunk: Payload): Coroutine<void> {
    const size = byteLength(chunk)
    this.sentBytes += size
    if (planned.length !== undefined && this.sentBytes > planned.length)
      throw new GyreError('GYRE_LENGTH_MISMATCH', `Content-Length is ${planned.length}, and the body is longer`)
    if (!planned.hasBody) return
    if (planned.framing !== 'chunked') return yield* this.outlet.write('', chunk)
    yield* this.outlet.write(chunkHead(size), chunk)
    yield* this.outlet.write('\r\n', '')
  }
}

function byteLength(payload: Payload): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

/**
 * What an error's answer says. Below 500 the message is meant for the client; above, it may tell what
 * nobody outside should know. What the client sent is not repeated.
 */
function errorText(status: number, error: unknown): string {
  const reason = `${status} ${reasonOf(status)}`
  return status < 500 && error instanceof Error && error.message !== ''
    ? `${reason}: ${error.message}\n`
    : `${reason}\n`
}
