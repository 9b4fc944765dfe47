/*
 * Node's request and response, made for a head of ours and let go again.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { RequestHead } from '../protocol/index.ts'
import type { Birth } from './birth.ts'
import { shareUniqueHeaders } from './hidden.ts'
import type { HiddenRequest, HiddenResponse } from './hidden.ts'
import type { NodeSocket } from './socket.ts'
import type { Line } from './line.ts'

/** Whom a conversation is led for. */
export interface Audience {
  /** Its listeners are asked, and its properties hold. */
  readonly server: Server & { httpAllowHalfOpen?: boolean; joinDuplicateHeaders?: boolean; requireHostHeader?: boolean }
  /** Whether all connections are its own, so that it hears of those too that bring no request. */
  readonly ownsConnections: boolean
  readonly requests: Birth<[socket: never], IncomingMessage>
  readonly responses: Birth<[request: never, options: object], ServerResponse>
  readonly responseOptions: object
  readonly highWaterMark: number
  /** True where each answer is to be the last of its connection. */
  readonly closing: boolean
  /** A connection has ended. */
  left(line: Line): void
}

export function makeRequest(
  { requests, server }: Audience,
  socket: NodeSocket,
  head: RequestHead,
  mountPath: string,
): HiddenRequest {
  const req = requests.make(socket as never) as HiddenRequest
  req.httpVersionMajor = 1
  req.httpVersionMinor = head.minor
  req.httpVersion = head.minor === 1 ? '1.1' : '1.0'
  req.method = head.method
  req.url = head.target
  if (mountPath !== '') relocate(req, mountPath)
  req.upgrade = head.upgrade
  if (server.joinDuplicateHeaders === true) req.joinDuplicateHeaders = true
  const raw = head.fields.toRaw()
  req._addHeaderLines(raw, raw.length)
  return req
}

/** @param mayGoOn - whether the connection may, as far as we are concerned */
export function makeResponse(
  { responses, responseOptions, server }: Audience,
  socket: NodeSocket,
  req: HiddenRequest,
  mayGoOn: boolean,
): HiddenResponse {
  const res = responses.make(req as never, responseOptions) as HiddenResponse
  res._keepAliveTimeout = server.keepAliveTimeout
  res._maxRequestsPerSocket = server.maxRequestsPerSocket ?? 0
  res.shouldKeepAlive = mayGoOn
  shareUniqueHeaders(server, res)
  // What `assignSocket` does, without a listener for each response.
  socket._httpMessage = res
  ;(res as { socket: unknown }).socket = socket
  return res
}

export function emitClose(res: HiddenResponse): void {
  if (res._closed) return
  res.destroyed = true
  res._closed = true
  res.emit('close')
}

/** The body is over. */
export function endRequest(req: HiddenRequest, trailers: string[]): void {
  req.complete = true
  if (trailers.length > 0) req._addHeaderLines(trailers, trailers.length)
  req.push(null)
}

/** The answer is out: what nobody reads of the request is let go. */
export function settleRequest(req: HiddenRequest, bodyOpen: boolean): void {
  const state = req._readableState
  if (req._consuming || state['resumeScheduled'] === true || state['dataEmitted'] === true) return
  if (bodyOpen || (req as unknown as { _eventsCount: number })._eventsCount > 0) {
    req._dump()
    if (!bodyOpen && state['ended'] !== true) req.push(null)
    return
  }
  // Nobody listens, so nobody sees the difference to a stream that has been read to its end, and closed.
  req._dumped = true
  state['ended'] = true
  state['endEmitted'] = true
  state['destroyed'] = true
  state['closed'] = true
  state['closeEmitted'] = true
}

/** Scheme and authority of an absolute target. */
const ORIGIN = /^[^:]*:\/\/[^/?]*/

/** Below a mount the path begins anew, as it does for what is mounted within Express or connect. */
function relocate(req: HiddenRequest, mountPath: string): void {
  const { url = '' } = req
  // In an absolute target the host may have the same letters (RFC 9112 section 3.2.2).
  const origin = url.startsWith('/') ? 0 : (ORIGIN.exec(url)?.[0].length ?? 0)
  const rest = url.slice(origin + mountPath.length)
  req.originalUrl = url
  req.baseUrl = mountPath
  req.url = rest.startsWith('/') ? rest : `/${rest}`
}
