/*
 * Requests without a socket. They go through the real connection code over a memory pair, so framing,
 * limits, times and errors are the real ones.
 */
import { GyreError } from '../base/index.ts'
import { homeKernel } from '../io/index.ts'
import type { Coroutine, Operation } from '../kernel/index.ts'
import { LAST_CHUNK, ResponseFields, chunkHead } from '../protocol/index.ts'
import type { FieldValue } from '../protocol/index.ts'
import { Server } from '../server/index.ts'
import type { Handler, ServerOptions } from '../server/index.ts'
import { Client, talkOver } from './client.ts'
import type { Answer } from './answer.ts'
import { Elsewhere } from './elsewhere.ts'
import { memoryPair } from './memory.ts'
import type { VirtualHost } from './virtual-host.ts'

/** A request to inject. */
export interface InjectedRequest {
  /** `GET` without it. */
  readonly method?: string
  /** Path and query as they go into the request line; `/` without it. */
  readonly path?: string
  /**
   * Fields, a list being sent as a line each. `Host: localhost`, `Connection: close` and what frames the
   * body are added where they are not given. With `Expect: 100-continue` the body waits for the word.
   */
  readonly headers?: Readonly<Record<string, FieldValue>>
  /** Text is sent as UTF-8; text and bytes with Content-Length, a list of pieces chunked. */
  readonly body?: string | Uint8Array | Iterable<string | Uint8Array>
}

/** How a handler is served that is injected into without a server of its own. */
export interface InjectOptions {
  /** The clock: real time without it. */
  readonly time?: VirtualHost
  /** Options of the server. */
  readonly server?: ServerOptions
}

/**
 * Sends a request to a server, or to a handler, without any socket.
 *
 * The connection is an ordinary one of the server: its limits hold and its counts count. It is done when
 * the server has ended the connection, so the handler is over by then too.
 *
 * @param target - a handler, for which a server is made; or a server, which need not listen
 * @param request - `GET /` without it
 * @returns the answer; `yield*` or await it
 * @throws GyreError `GYRE_ANSWER_BROKEN` where no whole answer came; `GYRE_BAD_OPTION`
 * @example
 * ```ts
 * const notes: Handler = function* (request, response) {
 *   response.text(`noted: ${yield* request.text()}`, 201)
 * }
 * const answer = await inject(notes, { method: 'POST', path: '/notes', body: 'hello' })
 * expect([answer.status, answer.text()]).toEqual([201, 'noted: hello'])
 * ```
 */
export function inject(target: Server, request?: InjectedRequest): Operation<Answer> & PromiseLike<Answer>
/**
 * As above, for a handler.
 *
 * @param target - a handler, for which a server is made
 * @param request - `GET /` without it
 * @param options - the clock, and options of the server
 * @returns the answer; `yield*` or await it
 */
export function inject(
  target: Handler,
  request?: InjectedRequest,
  options?: InjectOptions,
): Operation<Answer> & PromiseLike<Answer>
export function inject(
  target: Server | Handler,
  request: InjectedRequest = {},
  options: InjectOptions = {},
): Operation<Answer> & PromiseLike<Answer> {
  const server = serverFor(target, options)
  const message = compose(request)
  return new Elsewhere(server.kernel, () => ask(server, message))
}

/** @returns the server itself, or one that is made for the handler and listens nowhere */
export function serverFor(target: Server | Handler, { time, server = {} }: InjectOptions): Server {
  if (!(target instanceof Server)) return new Server(time?.kernel ?? homeKernel(), server, target)
  if (time !== undefined || Object.keys(server).length > 0)
    throw new GyreError('GYRE_BAD_OPTION', 'a server has its clock and its options already: give them to the server')
  return target
}

/** A request as it goes over the wire. */
export interface Message {
  readonly method: string
  readonly head: string
  readonly body: Buffer
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectant: boolean
}

export function compose({ method = 'GET', path = '/', headers = {}, body }: InjectedRequest): Message {
  const fields = new ResponseFields()
  for (const [name, value] of Object.entries(headers)) fields.set(name, value)
  if (!fields.has('Host')) fields.set('Host', 'localhost')
  if (!fields.has('Connection')) fields.set('Connection', 'close')
  let bytes: Buffer = Buffer.alloc(0)
  if (typeof body === 'string' || body instanceof Uint8Array) {
    bytes = Buffer.from(body as Uint8Array)
    if (!fields.has('Content-Length')) fields.set('Content-Length', bytes.length)
  } else if (body !== undefined) {
    bytes = chunked(body)
    if (!fields.has('Transfer-Encoding')) fields.set('Transfer-Encoding', 'chunked')
  }
  let head = `${method} ${path} HTTP/1.1\r\n`
  for (const [name, value] of fields) head += `${name}: ${value}\r\n`
  const expectant = fields.get('Expect')?.toLowerCase() === '100-continue'
  return { method, head: `${head}\r\n`, body: bytes, expectant }
}

function chunked(pieces: Iterable<string | Uint8Array>): Buffer {
  const parts: Buffer[] = []
  for (const piece of pieces) {
    const bytes = Buffer.from(piece as Uint8Array)
    // An empty chunk would be the last one.
    if (bytes.length > 0) parts.push(Buffer.from(chunkHead(bytes.length)), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from(LAST_CHUNK)])
}

function ask(server: Server, message: Message): Coroutine<Answer> {
  const [stream, serverEnd] = memoryPair()
  const client = new Client(stream, () => message.method)
  server.serve(serverEnd)
  return talkOver(client, function* () {
    const { head, body, expectant } = message
    if (expectant) {
      yield* client.send(head)
      yield* client.until(() => client.parser.interim.length > 0 || client.answers.length > 0)
      if (client.answers.length === 0) yield* client.send(body)
    } else yield* client.send(Buffer.concat([Buffer.from(head, 'latin1'), body]))
    yield* client.until(() => client.answers.length > 0)
    // A connection that was asked to stay must be told that we have done.
    if (!asksToClose(head)) stream.shutdown()
    yield* client.end()
    const [answer] = client.answers
    if (answer !== undefined) return answer
    throw client.fault ?? new GyreError('GYRE_ANSWER_BROKEN', noAnswer(client))
  })
}

function asksToClose(head: string): boolean {
  return /\r\nconnection: *close\r\n/i.test(head)
}

function noAnswer(client: Client): string {
  return `the server ${client.ending === 'gone' ? 'reset' : 'ended'} the connection without an answer`
}
