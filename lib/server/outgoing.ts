/*
 * A response going out over a connection: in one piece where the handler gave it in one piece, else
 * chunk by chunk, framed as the head has announced (RFC 9112 section 6).
 */
import { GyreError, SIZES } from '../base/index.ts'
import type { SendableFile } from '../io/index.ts'
import { giveWay } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import {
  LAST_CHUNK,
  chunkHead,
  interimHead,
  isBodiless,
  lastChunk,
  plainOpening,
  responseHead,
} from '../protocol/index.ts'
import type { PlannedHead, RequestHead, ResponseFields } from '../protocol/index.ts'
import type { ServerContext } from './context.ts'
import { errorText } from './error-text.ts'
import type { Incoming } from './incoming.ts'
import type { Outlet } from './outlet.ts'
import { headOf } from './planned.ts'
import type { Takeover } from './takeover.ts'
import { UpgradeRequired } from './upgrade.ts'
import type { InterimStatus, Payload, Response } from './response.ts'

const LOWEST_STATUS = 200
const HIGHEST_STATUS = 599
/** Longer answers take the general way, which looks at the room there is. */
const PLAIN_LENGTH = 8_192
const TEXT = 'text/plain; charset=utf-8'

/** What a response needs of its connection. */
export interface OutgoingPort {
  readonly server: ServerContext
  readonly outlet: Outlet
  /** True where no further request will be read. */
  readonly over: boolean
}

export class Outgoing {
  /** True when the answer is out, whole. */
  finished = false
  /** The status that was sent; 0 before. */
  status = 0
  /** Bytes of the body that were sent. */
  bodyBytes = 0
  /** Who writes the answer instead. */
  takeover: Takeover | null = null
  /** Told when a head is about to be sent. */
  onHead: (() => void) | null = null
  private readonly port: OutgoingPort
  private readonly head: RequestHead
  private readonly incoming: Incoming | null
  /** The head that was sent, once it was. */
  private sent: PlannedHead | null = null
  /** What may be written before others have their turn, in bytes. */
  private turn: number = SIZES.turn

  constructor(port: OutgoingPort, head: RequestHead, incoming: Incoming | null) {
    this.port = port
    this.head = head
    this.incoming = incoming
  }

  /** True once the head was sent. */
  get begun(): boolean {
    return this.sent !== null || this.finished || this.takeover?.begun === true
  }

  /** Whether the connection goes on after the answer that was sent. A plain one has no plan: it is sent only where it does. */
  get goesOn(): boolean {
    return this.sent?.keepAlive ?? true
  }

  /**
   * The way of most answers, which needs no waiting: a short body in one piece.
   *
   * @returns whether the answer is in the outlet; where not, `finish` must see to it
   * @throws GyreError as `finish`
   */
  tryFinish(response: Response): boolean {
    const { head, port } = this
    const { payload } = response
    if (this.sent !== null || response.ownTrailers !== null || payload.length > PLAIN_LENGTH) return false
    if (this.incoming !== null || head.method === 'HEAD' || head.method === 'CONNECT') return false
    const goesOn = head.keepAlive && head.minor === 1 && !port.over
    const isPlain = goesOn && response.ownHeaders === null && response.reason === undefined
    return (
      (isPlain && typeof payload === 'string' && this.tryPlain(response, payload)) || this.tryWhole(response, payload)
    )
  }

  /**
   * An answer with nothing of the handler's but its text, which is ASCII, in HTTP/1.1, after which the connection goes
   * on.
   */
  private tryPlain(response: Response, payload: string): boolean {
    const { port } = this
    const { status } = response
    if (response.contentType === '' || payload.length > port.server.limit.outputBytes) return false
    if (!(status >= LOWEST_STATUS && status <= HIGHEST_STATUS && Number.isInteger(status))) return false
    if (isBodiless(status)) return false
    const opening = plainOpening(status, response.contentType, port.server.dateLine())
    if (!port.outlet.tryPlain(opening, payload)) return false
    this.onHead?.()
    this.status = status
    this.bodyBytes = payload.length
    this.finished = true
    return true
  }

  /** Any other: with fields of the handler's, with bytes or text of any language, or the last of its connection. */
  private tryWhole(response: Response, payload: Payload): boolean {
    const size = this.sizeOf(payload)
    const planned = this.plan(response, size)
    const { hasBody, text } = planned
    if (!this.port.outlet.tryWhole(text, hasBody ? payload : '')) return false
    this.begin(planned)
    if (hasBody) this.bodyBytes = size
    this.finished = true
    return true
  }

  /**
   * Brings what is left of the answer into the outlet.
   *
   * @returns whether the connection goes on
   */
  *finish(response: Response): Coroutine<boolean> {
    const { outlet } = this.port
    yield* outlet.acquire()
    try {
      const { payload, ownTrailers } = response
      if (this.sent === null) {
        const size = this.sizeOf(payload)
        // Trailers follow a body in chunks only.
        const planned = this.begin(this.plan(response, ownTrailers === null ? size : undefined))
        if (planned.framing !== 'chunked') {
          yield* outlet.write(planned.text, planned.hasBody ? payload : '')
          if (planned.hasBody) this.bodyBytes = size
          this.finished = true
          return planned.keepAlive
        }
        yield* outlet.write(planned.text, '')
      }
      const { framing, hasBody, length, keepAlive } = this.sent as PlannedHead
      if (payload.length > 0) yield* this.writeBody(this.sent as PlannedHead, payload)
      if (hasBody && length !== undefined && this.bodyBytes < length)
        throw new GyreError(
          'GYRE_LENGTH_MISMATCH',
          `Content-Length is ${length}, and the body has ${this.bodyBytes} bytes`,
        )
      if (hasBody && framing === 'chunked')
        yield* outlet.write(ownTrailers === null ? LAST_CHUNK : lastChunk(ownTrailers), '')
      this.finished = true
      return keepAlive
    } finally {
      outlet.release()
    }
  }

  /** Sends the head, if it was not sent yet, and a chunk of the body. */
  *sendChunk(response: Response, chunk: Payload): Coroutine<void> {
    const { outlet } = this.port
    yield* outlet.acquire()
    try {
      response.mustNotBeEnded()
      if (this.sent === null) {
        const planned = this.plan(response, undefined)
        this.mustFit(planned, byteLength(chunk))
        response.stage = 'started'
        yield* outlet.write(this.begin(planned).text, '')
      }
      yield* this.writeBody(this.sent as PlannedHead, chunk)
      yield* outlet.flush()
    } finally {
      outlet.release()
    }
    // A client that reads as fast as we write must not keep all others waiting.
    this.turn -= byteLength(chunk) + SIZES.turnPerWrite
    if (this.turn > 0) return
    this.turn = SIZES.turn
    yield* giveWay()
  }

  /**
   * Sends the head, if it was not sent yet, and a part of a file.
   *
   * @returns how many bytes; fewer where the file ends, none where it has to be read and written: the length of the
   *   answer is not known, or the connection cannot do that
   */
  *sendFile(response: Response, file: SendableFile, position: number, length: number): Coroutine<number> {
    const { outlet } = this.port
    yield* outlet.acquire()
    try {
      response.mustNotBeEnded()
      const planned = this.sent ?? this.plan(response, undefined)
      if (planned.framing === 'chunked' || !outlet.sendsFiles) return 0
      this.mustFit(planned, length)
      if (this.sent === null) {
        response.stage = 'started'
        yield* outlet.write(this.begin(planned).text, '')
      }
      yield* outlet.flush()
      if (!planned.hasBody) return length
      let sent = 0
      while (sent < length) {
        const count = yield* outlet.sendFile(file, position + sent, Math.min(length - sent, SIZES.turn))
        if (count === 0) break
        sent += count
        this.bodyBytes += count
        // A client that reads as fast as we write must not keep all others waiting.
        yield* giveWay()
      }
      return sent
    } finally {
      outlet.release()
    }
  }

  /** Sends an interim answer, where the client can read one. */
  *sendInterim(response: Response, status: InterimStatus, fields: ResponseFields): Coroutine<void> {
    response.mustBeOpen()
    // RFC 9110 section 15.2: an HTTP/1.0 client would take it for the answer.
    if (this.head.minor === 0) return
    const { outlet } = this.port
    yield* outlet.acquire()
    try {
      // Another task may have begun the answer meanwhile.
      response.mustBeOpen()
      yield* outlet.write(interimHead(status, fields), '')
      yield* outlet.flush()
    } finally {
      outlet.release()
    }
  }

  /** Answers with an error instead of what the handler had begun to make. @returns whether the connection goes on */
  *fail(status: number, error: unknown): Coroutine<boolean> {
    const text = errorText(status, error)
    const planned = responseHead({
      method: this.head.method,
      minor: this.head.minor,
      status,
      fields: null,
      contentType: TEXT,
      length: Buffer.byteLength(text),
      keepAlive: this.mayGoOn() && !this.bodyBroken(error),
      date: this.port.server.dateLine() + (error instanceof UpgradeRequired ? error.lines : ''),
    })
    this.begin(planned, status)
    yield* this.port.outlet.write(planned.text, planned.hasBody ? text : '')
    if (planned.hasBody) this.bodyBytes = planned.length ?? 0
    this.finished = true
    return planned.keepAlive
  }

  /** The connection leaves HTTP with that status: there is nothing more to answer. */
  leave(status: number): void {
    this.status = status
    this.onHead?.()
    this.finished = true
  }

  /**
   * The answer to what could not be read as a request; the connection ends after it.
   *
   * @param fields - further lines of the head, each with its line end
   */
  static refusal(error: GyreError, date: string, fields: string = ''): string {
    const text = errorText(error.status, error)
    const { text: head } = responseHead({
      method: 'GET',
      minor: 1,
      status: error.status,
      fields: null,
      contentType: TEXT,
      length: Buffer.byteLength(text),
      keepAlive: false,
      date: date + fields,
    })
    return head + text
  }

  /** The head is about to be sent: from here on the answer can only go on, or be broken off. */
  private begin(planned: PlannedHead, status: number = planned.status): PlannedHead {
    this.sent = planned
    this.status = status
    this.onHead?.()
    // A client that waits for a 100 must not find it in the middle of this answer (W26).
    if (this.incoming !== null && this.incoming.awaited) this.incoming.refuseContinue()
    return planned
  }

  private plan(response: Response, length: number | undefined): PlannedHead {
    // Here, where it is not too late to answer with the error.
    if (response.ownTrailers !== null) lastChunk(response.ownTrailers)
    return headOf(response, this.head, { length, keepAlive: this.mayGoOn(), date: this.port.server.dateLine() })
  }

  /** A connection goes on if both sides want it to, and if the rest of the body can be had cheaply. */
  mayGoOn(): boolean {
    const { head, incoming, port } = this
    // What a client sends behind a CONNECT may be meant for the tunnel that it did not get.
    if (port.over || !head.keepAlive || head.method === 'CONNECT') return false
    if (incoming === null || incoming.done) return true
    // A client that was not told to go on may send the body or not (RFC 9110 section 10.1.1): close.
    if (incoming.awaited || incoming.unasked) return false
    return incoming.outstanding === Infinity || incoming.outstanding <= port.server.limit.drainBytes
  }

  /** After a fault in the body nobody knows where the next request begins. */
  private bodyBroken(error: unknown): boolean {
    return error instanceof GyreError && error.blame === 'client' && this.incoming !== null && !this.incoming.done
  }

  private *writeBody(planned: PlannedHead, chunk: Payload): Coroutine<void> {
    const size = byteLength(chunk)
    if (!planned.hasBody) return
    this.mustFit(planned, size)
    this.bodyBytes += size
    const { outlet } = this.port
    if (planned.framing !== 'chunked') return yield* outlet.write('', chunk)
    yield* outlet.write(chunkHead(size), chunk)
    yield* outlet.write('\r\n', '')
  }

  /** @throws GyreError `GYRE_LENGTH_MISMATCH` where the head has announced less */
  private mustFit(planned: PlannedHead, size: number): void {
    if (planned.length !== undefined && planned.hasBody && this.bodyBytes + size > planned.length)
      throw new GyreError('GYRE_LENGTH_MISMATCH', `Content-Length is ${planned.length}, and the body is longer`)
  }

  /** The size of an answer in one piece. @throws GyreError `GYRE_OUTPUT_TOO_LARGE` */
  private sizeOf(payload: Payload): number {
    const size = byteLength(payload)
    const most = this.port.server.limit.outputBytes
    if (size > most)
      throw new GyreError(
        'GYRE_OUTPUT_TOO_LARGE',
        `an answer of ${size} bytes in one piece; outputBytes is ${most}: stream it with write()`,
      )
    return size
  }
}

function byteLength(payload: Payload): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength
}
