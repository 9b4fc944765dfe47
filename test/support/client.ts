/*
 * A client that sends exactly the bytes it is told to, and shows exactly those that come back.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'

export class RawClient {
  readonly socket: Socket
  received: Buffer = Buffer.alloc(0)
  ended = false
  reset = false
  private waiting: (() => void)[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes) => {
      this.received = Buffer.concat([this.received, bytes])
      this.notify()
    })
    socket.on('end', () => {
      this.ended = true
      this.notify()
    })
    socket.on('error', () => {
      this.reset = true
      this.ended = true
      this.notify()
    })
    socket.on('close', () => {
      this.ended = true
      this.notify()
    })
  }

  static async connect(to: number | string, options: { allowHalfOpen?: boolean } = {}): Promise<RawClient> {
    const where = typeof to === 'number' ? { port: to, host: '127.0.0.1' } : { path: to }
    const socket = connect({ ...where, ...options })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RawClient(socket)
  }

  /** A client over a socket that is connected already. */
  static over(socket: Socket): RawClient {
    return new RawClient(socket)
  }

  send(bytes: string | Uint8Array): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return this
  }

  /** Sends one byte at a time, each in a segment of its own as far as the operating system allows. */
  async dribble(bytes: string): Promise<this> {
    for (const byte of Buffer.from(bytes, 'latin1')) {
      this.socket.write(Uint8Array.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    return this
  }

  get text(): string {
    return this.received.toString('latin1')
  }

  /** Waits until what came satisfies a condition, or the connection ends. */
  async until(condition: (text: string) => boolean): Promise<string> {
    while (!condition(this.text) && !this.ended) await new Promise<void>((resolve) => this.waiting.push(resolve))
    return this.text
  }

  /** Waits for the server to end the connection. */
  async end(): Promise<string> {
    return await this.until(() => this.ended)
  }

  close(): void {
    this.socket.destroy()
  }

  private notify(): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }
}

/** One answer. */
export interface Answer {
  status: number
  head: string
  headers: Record<string, string>
  body: string
}

/** Cuts what was received into answers; for bodies framed by length or chunks. */
export function answers(text: string): Answer[] {
  const found: Answer[] = []
  let rest = text
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`no whole head in ${JSON.stringify(rest)}`)
    const head = rest.slice(0, end)
    rest = rest.slice(end + 4)
    const [line, ...lines] = head.split('\r\n') as [string, ...string[]]
    const headers: Record<string, string> = {}
    for (const field of lines)
      headers[field.slice(0, field.indexOf(':')).toLowerCase()] = field.slice(field.indexOf(':') + 2)
    const status = Number(line.split(' ')[1])
    let body = ''
    if (headers['transfer-encoding'] === 'chunked') {
      for (;;) {
        const size = Number.parseInt(rest, 16)
        if (Number.isNaN(size)) throw new Error(`no chunk in ${JSON.stringify(rest)}`)
        const at = rest.indexOf('\r\n') + 2
        body += rest.slice(at, at + size)
        rest = rest.slice(at + size + 2)
        if (size === 0) break
      }
    } else if (headers['content-length'] !== undefined) {
      const length = Number(headers['content-length'])
      body = rest.slice(0, length)
      rest = rest.slice(length)
    } else if (status >= 200 && status !== 204 && status !== 304) {
      body = rest
      rest = ''
    }
    found.push({ status, head, headers, body })
  }
  return found
}
