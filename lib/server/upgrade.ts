/*
 * Leaving HTTP: the connection becomes a plain stream of bytes for another protocol (RFC 9110 section
 * 7.8), or a tunnel (section 9.3.6).
 */
import { GyreError } from '../base/index.ts'
import { LayeredStream } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { connectHead, upgradeHead } from '../protocol/index.ts'
import type { RequestHead, ResponseFields } from '../protocol/index.ts'
import type { ServerContext } from './context.ts'
import type { Incoming } from './incoming.ts'
import type { Outlet } from './outlet.ts'
import type { Response } from './response.ts'

const OK = 200
const SWITCHING_PROTOCOLS = 101

/** The client has not asked for the protocol that it would have to speak here: 426 names it (RFC 9110 section 15.5.22). */
export class UpgradeRequired extends GyreError {
  /** Lines of the answer's head. */
  readonly lines: string

  constructor(protocol: string) {
    super('GYRE_NO_UPGRADE', `this resource speaks ${protocol}`)
    this.lines = `Upgrade: ${protocol}\r\nConnection: upgrade\r\n`
  }
}

/** A head that leaves HTTP. */
interface SwitchingHead {
  readonly status: number
  readonly text: string
}

/**
 * The head of the answer that leaves HTTP.
 *
 * @param protocol - the protocol to go on with; empty for the tunnel of a CONNECT
 * @throws GyreError `GYRE_NO_UPGRADE` where the client has not asked for it; `GYRE_BAD_HEADER`
 */
function switchingHead(
  head: RequestHead,
  protocol: string,
  fields: ResponseFields | null,
  date: string,
): SwitchingHead {
  if (head.method === 'CONNECT' && protocol === '') return { status: OK, text: connectHead(OK, fields, date) }
  // First, because it checks the name, which goes into the refusal as well.
  const text = upgradeHead(protocol, fields)
  const asked = head.upgrade
    ? (head.fields.get('upgrade') ?? '').split(',').map((name) => name.trim().toLowerCase())
    : []
  if (!asked.includes(protocol.toLowerCase())) throw new UpgradeRequired(protocol)
  return { status: SWITCHING_PROTOCOLS, text }
}

/** An exchange that may leave HTTP. */
export interface Upgradable {
  readonly server: ServerContext
  readonly head: RequestHead
  readonly incoming: Incoming | null
  readonly stream: ByteStream
  readonly outlet: Outlet
  /** HTTP is left. @returns what was read too early */
  leave(status: number): Buffer | null
}

/** Answers, and leaves HTTP. @returns the stream, which is the caller's from here on */
export function* upgrade(exchange: Upgradable, response: Response, protocol: string): Coroutine<ByteStream> {
  const { server, head, incoming, stream, outlet } = exchange
  response.mustBeOpen()
  const { status, text } = switchingHead(head, protocol, response.ownHeaders, server.dateLine())
  // RFC 9110 section 7.8: the request is read to its end before the protocol changes.
  if (incoming !== null && !incoming.done && !(yield* incoming.discard(server.limit.drainBytes)))
    throw new GyreError('GYRE_BODY_TOO_LARGE', 'the body of a request for an upgrade is larger than drainBytes')
  yield* outlet.acquire()
  try {
    response.mustBeOpen()
    response.stage = 'ended'
    const rest = exchange.leave(status)
    yield* outlet.write(text, '')
    yield* outlet.flush()
    return streamWithRest(stream, rest)
  } finally {
    outlet.release()
  }
}

/** @returns the stream itself, or one that gives what was read of it too early before anything else */
function streamWithRest(stream: ByteStream, rest: Buffer | null): ByteStream {
  return rest === null ? stream : new StreamWithRest(stream, rest)
}

/** A stream of which some was read already. */
class StreamWithRest extends LayeredStream {
  private rest: Buffer | null

  constructor(stream: ByteStream, rest: Buffer) {
    super(stream)
    this.rest = rest
    // Who waits before the first try must not wait for what is here already.
    stream.readable.signal()
  }

  override tryRead(into: Buffer, start: number, end: number): number {
    const { rest } = this
    if (rest === null || this.closed) return super.tryRead(into, start, end)
    const count = rest.copy(into, start, 0, Math.min(rest.length, end - start))
    this.rest = count < rest.length ? rest.subarray(count) : null
    return count
  }
}
