/*
 * `toNodeListener`: a handler of Gyre's within a server of somebody else's. There the server is Node's, and so are
 * its limits and times; the handler runs as a task of this thread's kernel.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { GyreError, LIMITS, describeError, isExposed, statusOf } from '../base/index.ts'
import { homeKernel } from '../io/index.ts'
import type { ByteStream, Endpoint } from '../io/index.ts'
import { Cancelled, Spot, park } from '../kernel/index.ts'
import type { Coroutine, Kernel, Operation, Scope } from '../kernel/index.ts'
import { RequestFields, reasonOf, sameName } from '../protocol/index.ts'
import type { PlannedHead, ResponseFields } from '../protocol/index.ts'
import { Request, Response, finish, headOf, lineLogger } from '../server/index.ts'
import type { BodySource, Handler, InterimStatus, Logger, Payload, ResponseSink, Takeover } from '../server/index.ts'

const NOWHERE: Endpoint = { address: '', port: 0, family: 'unix' }
const NOT_MODIFIED = 304
const SERVER_ERROR = 500

/**
 * Makes a listener for a server of node:http, or for whatever takes such: Express, connect, Vite.
 *
 * @param handler - a handler of Gyre's; it cannot leave HTTP (`response.upgrade`) there
 * @returns a listener. What the handler throws it answers itself, as Gyre's server does
 * @example
 * ```ts
 * const server = createServer(toNodeListener((request, response) => response.text(`hello ${request.path}`)))
 * await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
 * const { port } = server.address() as { port: number }
 * console.log(await (await fetch(`http://127.0.0.1:${port}/ada`)).text()) // hello /ada
 * server.close()
 * ```
 */
export function toNodeListener(handler: Handler): RequestListener {
  const kernel = homeKernel()
  const log = lineLogger(
    () => kernel.host.now(),
    (line) => process.stderr.write(line),
  )
  return (req, res) => {
    const visit = new Visit(kernel, log, req, res)
    const task = kernel.spawn(visit.serve(handler), { name: 'handler' })
    visit.scope = task
    res.once('close', () => {
      if (!res.writableFinished) task.cancel('the client has gone')
    })
  }
}

/** One request of another server's. */
class Visit implements BodySource, ResponseSink {
  readonly kernel: Kernel
  scope: Scope | null = null
  readonly bodyLength: number | undefined
  trailers: RequestFields | null = null
  private readonly req: IncomingMessage & { originalUrl?: string; baseUrl?: string }
  private readonly res: ServerResponse
  private readonly log: Logger
  /** The head, once it was written, and how much of the body was. */
  private sent: PlannedHead | null = null
  private bodyBytes = 0
  private readonly readable = new Spot('the body of a request of node:http')
  private readonly writable = new Spot('room in a response of node:http')

  constructor(kernel: Kernel, log: Logger, req: IncomingMessage, res: ServerResponse) {
    this.kernel = kernel
    this.log = log
    this.req = req
    this.res = res
    const { 'content-length': length, 'transfer-encoding': coding } = req.headers
    this.bodyLength = coding !== undefined ? undefined : Number(length ?? 0)
  }

  *serve(handler: Handler): Coroutine<void> {
    const { req, res } = this
    const response = new Response(this)
    const request = this.request()
    try {
      const result = handler(request, response)
      if (result !== undefined) yield* finish(result)
      this.end(response)
    } catch (error) {
      request.breakOff()
      if (error instanceof Cancelled) throw error
      this.failed(error)
    } finally {
      response.stage = 'ended'
      // Whatever has thrown, and where: no client waits for an answer that nobody gives.
      if (!res.writableEnded) res.destroy()
      if (!req.complete) req.resume()
    }
  }

  *readBody(): Coroutine<Buffer | null> {
    const { req } = this
    const wake = (): void => void this.readable.wake()
    const events = ['readable', 'end', 'close', 'error'] as const
    for (const event of events) req.on(event, wake)
    try {
      for (;;) {
        const piece = req.read() as Buffer | null
        if (piece !== null) return piece
        if (req.readableEnded) {
          this.trailers = RequestFields.from(pairsOf(req.rawTrailers))
          return null
        }
        if (req.destroyed) throw new GyreError('GYRE_BODY_TRUNCATED')
        yield* park(this.readable)
      }
    } finally {
      for (const event of events) req.off(event, wake)
    }
  }

  *sendChunk(response: Response, chunk: Payload): Coroutine<void> {
    const { res } = this
    const size = Buffer.byteLength(chunk)
    const { hasBody } = this.begin(response, undefined, size)
    if (!hasBody) return
    this.bodyBytes += size
    if (res.write(chunk)) return
    const wake = (): void => void this.writable.wake()
    res.on('drain', wake).on('close', wake)
    try {
      if (!res.destroyed) yield* park(this.writable)
    } finally {
      res.off('drain', wake).off('close', wake)
    }
    if (res.destroyed) throw new GyreError('GYRE_PEER_GONE')
  }

  /** Node's response knows no files: who asks is told that nothing was sent, and writes it. */
  *sendFile(): Coroutine<number> {
    return 0
  }

  afterwards(work: Operation<unknown> | PromiseLike<unknown>): void {
    // Here and not in the task, which begins later: a promise that has nobody to tell ends the process.
    this.kernel.spawn(this.runAfterwards(finish(work)), { name: 'afterwards' })
  }

  private *runAfterwards(work: Operation<unknown>): Coroutine<void> {
    try {
      yield* work
    } catch (error) {
      this.report(error, 0)
    }
  }

  *sendInterim(response: Response, status: InterimStatus, fields: ResponseFields): Coroutine<void> {
    response.mustBeOpen()
    // Somebody else has answered meanwhile, such as a middleware that keeps a time.
    if (this.res.headersSent) throw new GyreError('GYRE_RESPONSE_STARTED')
    if (this.req.httpVersionMinor === 0) return
    if (status !== 103) return this.res.writeProcessing()
    const hints = Object.create(null) as Record<string, string[]>
    for (const [name, value] of fields) (hints[name.toLowerCase()] ??= []).push(value)
    this.res.writeEarlyHints(hints)
  }

  *upgrade(): Coroutine<ByteStream> {
    throw new GyreError('GYRE_NO_UPGRADE', 'a handler cannot leave HTTP within a server of node:http')
  }

  takeOver(): Takeover {
    throw new GyreError('GYRE_RESPONSE_STARTED', 'the response is written by node:http already')
  }

  private request(): Request {
    const { req } = this
    const { remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily } = req.socket
    const facts = {
      method: req.method ?? 'GET',
      target: req.originalUrl ?? req.url ?? '/',
      minor: req.httpVersionMinor === 0 ? (0 as const) : (1 as const),
      fields: RequestFields.from(pairsOf(req.rawHeaders)),
      upgrade: false,
    }
    const door = {
      afterwards: (work: Operation<unknown> | PromiseLike<unknown>) => this.afterwards(work),
      remote: endpoint(remoteAddress, remotePort, remoteFamily),
      local: endpoint(localAddress, localPort, localFamily),
      secure: 'encrypted' in req.socket,
      tls: null,
    }
    const request = new Request(facts, door, this, LIMITS.bodyBytes.value)
    request.mountPath = req.baseUrl ?? ''
    return request
  }

  /**
   * Writes the head, if it was not written yet, as our own server would: what that refuses is refused.
   *
   * @param length - of the body, where it is known
   * @param next - how many bytes of the body come next
   * @throws GyreError `GYRE_BAD_STATUS`, `GYRE_BAD_HEADER`, `GYRE_LENGTH_MISMATCH`; `GYRE_RESPONSE_ENDED` where somebody else
   *   has answered
   */
  private begin(response: Response, length: number | undefined, next: number): PlannedHead {
    const { res, req } = this
    if (res.writableEnded || (res.headersSent && this.sent === null)) throw new GyreError('GYRE_RESPONSE_ENDED')
    const { status, reason, ownHeaders, contentType } = response
    const asked = { method: req.method ?? 'GET', minor: req.httpVersionMinor === 0 ? 0 : 1 } as const
    const planned = (this.sent ??= headOf(response, asked, { length }))
    if (planned.hasBody && planned.length !== undefined && this.bodyBytes + next > planned.length)
      throw new GyreError('GYRE_LENGTH_MISMATCH', `Content-Length is ${planned.length}, and the body is longer`)
    if (res.headersSent) return planned
    response.stage = 'started'
    if (contentType !== '' && planned.framing !== 'none' && ownHeaders?.has('content-type') !== true)
      res.setHeader('Content-Type', contentType)
    const lines = new Map<string, { name: string; values: string[] }>()
    for (const [name, value] of ownHeaders ?? []) {
      // How the body is framed, the plan says; on 304 the length is that of what is not sent.
      if (sameName(name, 'content-length') && status !== NOT_MODIFIED) continue
      const line = lines.get(name.toLowerCase())
      if (line === undefined) lines.set(name.toLowerCase(), { name, values: [value] })
      else line.values.push(value)
    }
    // Not by `writeHead`, which keeps one line of each name where fields were set before, by Express for one.
    for (const { name, values } of lines.values())
      res.setHeader(name, values.length > 1 ? values : (values[0] as string))
    if (planned.framing === 'length') res.setHeader('Content-Length', String(planned.length))
    if (reason === undefined) res.writeHead(status)
    else res.writeHead(status, reason)
    return planned
  }

  private end(response: Response): void {
    const { res } = this
    // Somebody else has answered, and this comes too late.
    if (res.writableEnded) return
    const { payload, ownTrailers } = response
    const size = Buffer.byteLength(payload)
    const { hasBody, length } = this.begin(response, ownTrailers === null ? size : undefined, size)
    if (hasBody && length !== undefined && this.bodyBytes + size < length)
      throw new GyreError(
        'GYRE_LENGTH_MISMATCH',
        `Content-Length is ${length}, and the body has ${this.bodyBytes + size} bytes`,
      )
    if (ownTrailers !== null) res.addTrailers([...ownTrailers])
    res.end(hasBody ? payload : '')
  }

  private report(error: unknown, status: number): void {
    const { req } = this
    const known = error instanceof GyreError
    const reason = `${req.method ?? ''} ${req.url ?? ''}: ${describeError(error)}`
    const code = known ? error.code : 'GYRE_HANDLER_FAILED'
    this.log({ code, status, blame: known ? error.blame : 'app', reason, error })
  }

  private failed(error: unknown): void {
    const { res } = this
    const status = error instanceof GyreError ? error.status : statusOf(error)
    if (status >= SERVER_ERROR) this.report(error, status)
    // Of what somebody else has answered nothing is to be lost.
    if (res.writableEnded) return
    if (res.headersSent || status === 0) return void res.destroy()
    const detail = status < SERVER_ERROR && isExposed(error) ? `: ${describeError(error)}` : ''
    res.writeHead(status, reasonOf(status), { 'Content-Type': 'text/plain; charset=utf-8' })
    res.end(`${status} ${reasonOf(status)}${detail}\n`)
  }
}

function pairsOf(raw: readonly string[]): [name: string, value: string][] {
  const pairs: [name: string, value: string][] = []
  for (let at = 0; at < raw.length; at += 2) pairs.push([raw[at] as string, raw[at + 1] as string])
  return pairs
}

function endpoint(address: string | undefined, port: number | undefined, family: string | undefined): Endpoint {
  if (address === undefined || port === undefined) return NOWHERE
  return { address, port, family: family === 'IPv6' ? 'IPv6' : 'IPv4' }
}
