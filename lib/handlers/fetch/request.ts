/*
 * A request as the Fetch standard has it, over one of ours: nothing is made before it is asked for. What the body is,
 * how it was sent and where to are read from our request; the rest, such as forms, clones and streams, is left to a
 * real Request that is made then.
 *
 * @see https://fetch.spec.whatwg.org/#request-class
 */
import type { Request as GyreRequest } from '../../server/index.ts'
import { LightHeaders } from './headers.ts'
import { resemble } from './resemble.ts'
import { readableBody } from './streams.ts'
import { urlOf } from './url.ts'

export class LightRequest {
  private readonly from: GyreRequest
  private readonly mountPath: string
  private made: Request | null = null
  private fields: LightHeaders | null = null
  private urlText: string | null = null
  private taken = false

  constructor(from: GyreRequest) {
    this.from = from
    this.mountPath = from.mountPath
  }

  get method(): string {
    return this.from.method
  }

  get url(): string {
    return (this.urlText ??= urlOf(this.from, this.mountPath))
  }

  get headers(): Headers {
    // It passes for one by design.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment
    return (this.fields ??= new LightHeaders(this.from.headers))
  }

  get signal(): AbortSignal {
    return this.from.signal
  }

  get bodyUsed(): boolean {
    return this.taken || (this.made?.bodyUsed ?? false)
  }

  async text(): Promise<string> {
    if (this.made !== null) return this.made.text()
    const text = this.take() ? await this.from.text() : ''
    // The standard's "UTF-8 decode" takes a byte order mark away.
    return text.startsWith('\ufeff') ? text.slice(1) : text
  }

  async json(): Promise<unknown> {
    return this.made === null ? (JSON.parse(await this.text()) as unknown) : this.made.json()
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer())
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    if (this.made !== null) return this.made.arrayBuffer()
    // Of its own: a Buffer may share its memory with others.
    return this.take() ? Uint8Array.from(await this.from.bytes()).buffer : new ArrayBuffer(0)
  }

  /** The real one, which has the body from here on. @throws TypeError where the body was read already */
  get native(): Request {
    if (this.made === null) {
      const { method } = this
      const body = this.hasBody && !this.taken ? readableBody(this.from) : null
      const init: RequestInit = {
        method,
        headers: this.lightHeaders.native,
        body,
        signal: this.signal,
      }
      this.made = new Request(this.url, body === null ? init : { ...init, duplex: 'half' })
    }
    return this.made
  }

  clone(): Request {
    if (this.taken) throw new TypeError('the body was read already, and cannot be cloned')
    return this.native.clone()
  }

  get [Symbol.toStringTag](): string {
    return 'Request'
  }

  private get lightHeaders(): LightHeaders {
    return (this.fields ??= new LightHeaders(this.from.headers))
  }

  /** The standard knows no body of GET and HEAD. */
  private get hasBody(): boolean {
    return this.from.hasBody && this.method !== 'GET' && this.method !== 'HEAD'
  }

  /** @returns whether there is something to take; no body at all may be read as often as one likes */
  private take(): boolean {
    if (this.taken) throw new TypeError('the body was read already')
    return (this.taken = this.hasBody)
  }
}

resemble(LightRequest, Request, new Request('http://localhost'))
