/*
 * Sending a response of the Fetch standard by one of ours: in one piece where it is one, else piece by piece at the client's pace.
 */
import { GyreError } from '../../base/index.ts'
import { waitPromise } from '../../kernel/index.ts'
import type { Coroutine } from '../../kernel/index.ts'
import type { Request, Response as GyreResponse } from '../../server/index.ts'
import type { HeadersGiven, LightResponse } from './response.ts'
import { begin, readOn } from './streams.ts'

/** Answers with what is there. Never waits. */
export function sendLight(reply: LightResponse, response: GyreResponse): void {
  const { plain, ownFields } = reply
  startHead(reply, ownFields, response)
  if (response.contentType === '') response.contentType = reply.impliedType
  response.end(plain ?? '')
}

/** Answers with what a stream brings. @param reply - of the platform, or of a library that has its own */
export function* sendNative(reply: Response, request: Request, response: GyreResponse): Coroutine<void> {
  if (reply.bodyUsed) throw new GyreError('GYRE_HANDLER_RESULT', 'the body of the response was read already')
  startHead(reply, reply.headers, response)
  if (reply.body === null) return
  const reader = reply.body.getReader() as ReadableStreamDefaultReader<Uint8Array>
  let whole = false
  try {
    const { first, next } = yield* waitPromise(begin(reader))
    if (first !== null && next === null) response.end(first)
    else if (first !== null && next !== null) {
      yield* response.write(first)
      // HEAD is answered with the head that GET would have.
      if (request.method !== 'HEAD') yield* readOn(reader, next, (piece) => response.write(piece)[Symbol.iterator]())
    }
    whole = request.method !== 'HEAD'
  } finally {
    // The client has gone, or it was HEAD: whoever makes the stream is told that nobody reads it.
    if (!whole) reader.cancel(request.signal.reason).catch(() => undefined)
  }
}

function startHead(
  reply: { readonly status: number; readonly statusText: unknown },
  fields: HeadersGiven | undefined,
  response: GyreResponse,
): void {
  response.status = reply.status
  // Both are text from here on: what is checked must be what is sent, whatever an application's object says the second time.
  if (reply.statusText !== '') response.reason = String(reply.statusText)
  if (fields === undefined) return
  for (const [name, value] of Symbol.iterator in fields ? fields : Object.entries(fields)) {
    // Alone, it leaves the answer on the short way.
    if (/^content-type$/i.test(name)) response.contentType = String(value)
    // An answer of another server that is passed on has fields that were about that connection (RFC 9110 section 7.6.1).
    else if (!/^(?:transfer-encoding|keep-alive|te|trailer|upgrade|proxy-connection)$/i.test(name))
      response.headers.append(name, value as string)
  }
}
