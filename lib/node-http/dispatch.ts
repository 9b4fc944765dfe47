/*
 * Which listeners a request goes to, as Node's server decides it. Always by `emit`: programs take the listeners of
 * 'request' away and put their own in front.
 */
import type { RequestHead } from '../protocol/index.ts'
import type { HiddenRequest, HiddenResponse } from './hidden.ts'
import type { Audience } from './messages.ts'
import type { Talk } from './talk.ts'

const BAD_REQUEST = 400
const UNAVAILABLE = 503
const EXPECTATION_FAILED = 417

export function dispatch(
  server: Audience['server'],
  talk: Talk,
  req: HiddenRequest,
  res: HiddenResponse,
  head: RequestHead,
): void {
  // HTTP/1.0 knows neither of the two.
  if (head.minor === 1) {
    // RFC 9112 section 3.2.
    if (!head.hasHost && server.requireHostHeader !== false) {
      res.writeHead(BAD_REQUEST, ['Connection', 'close'])
      res.end()
      return
    }
    const most = server.maxRequestsPerSocket ?? 0
    if (most > 0 && isTooMany(most, server, talk, req, res)) return
    if (head.expectation !== null) return dispatchExpecting(server, req, res, head.expectation)
  }
  server.emit('request', req, res)
}

function isTooMany(
  most: number,
  server: Audience['server'],
  talk: Talk,
  req: HiddenRequest,
  res: HiddenResponse,
): boolean {
  talk.counted++
  res.maxRequestsOnConnectionReached = most <= talk.counted
  if (talk.counted <= most) return false
  server.emit('dropRequest', req, talk.socket)
  res.writeHead(UNAVAILABLE)
  res.end()
  return true
}

function dispatchExpecting(
  server: Audience['server'],
  req: HiddenRequest,
  res: HiddenResponse,
  expectation: string,
): void {
  if (expectation.toLowerCase() === '100-continue') {
    res._expect_continue = true
    if (server.listenerCount('checkContinue') > 0) return void server.emit('checkContinue', req, res)
    res.writeContinue()
    server.emit('request', req, res)
  } else if (server.listenerCount('checkExpectation') > 0) server.emit('checkExpectation', req, res)
  else {
    res.writeHead(EXPECTATION_FAILED)
    res.end()
  }
}
