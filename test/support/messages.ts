/*
 * Requests without a connection: bytes in, cut anywhere, and out comes what a connection would make of
 * them, as lines of text. Head by head and body by body, until something is refused, the connection would close,
 * or the bytes end.
 */
import { GyreError, defaultLimits } from '../../lib/base/index.ts'
import type { Limits } from '../../lib/base/index.ts'
import { ChunkedDecoder, PartialHead, headEnd, input, parseHead } from '../../lib/protocol/index.ts'
import type { RequestHead } from '../../lib/protocol/index.ts'

/** What the first line of a request says already. */
const TOLD = ['host', 'content-length', 'transfer-encoding', 'connection', 'expect']
const LONG = 200

function quoted(text: string): string {
  if (text.length > LONG) return `${text.length} bytes`
  return JSON.stringify(text).replace(/[\x7f-\xff]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`)
}

function linesOf(head: RequestHead): string[] {
  const { method, target, minor, framing, contentLength, keepAlive, expectContinue, upgrade, fields } = head
  const what = target.length > LONG ? `${target.length} bytes` : target
  const line = [`${method} ${what} 1.${minor}`, framing === 'length' ? `length ${contentLength}` : framing]
  if (keepAlive) line.push('keepAlive')
  if (expectContinue) line.push('expectContinue')
  if (upgrade) line.push('upgrade')
  const lines = [line.join(', ')]
  for (const [name, value] of fields)
    if (!TOLD.includes(name.toLowerCase())) lines.push(`field ${name.slice(0, LONG)} ${quoted(value)}`)
  return lines
}

function withoutRepeats(lines: readonly string[]): string[] {
  const all: string[] = []
  for (let at = 0; at < lines.length;) {
    let next = at + 1
    while (lines[next] === lines[at]) next++
    all.push(next - at > 1 ? `${String(lines[at])} (${next - at} times)` : String(lines[at]))
    at = next
  }
  return all
}

/** A request that was found. */
export interface FoundRequest {
  readonly method: string
  readonly target: string
  /** Bytes of its body; undefined before its end. */
  size: number | undefined
}

export class MessageReader {
  readonly log: string[] = []
  readonly requests: FoundRequest[] = []
  /** True when no byte is looked at any more. */
  stopped = false
  private readonly limits: Limits
  /** What the input area holds around what is to be read; undefined to leave it as it is. */
  private readonly around: number | undefined
  private partial: PartialHead | null = null
  private head: RequestHead | null = null
  private remaining = 0
  private decoder: ChunkedDecoder | null = null
  private pieces: Buffer[] = []

  constructor(limits: Limits = defaultLimits(), around?: number) {
    this.limits = limits
    this.around = around
  }

  push(bytes: Buffer): void {
    let at = 0
    try {
      while (at < bytes.length && !this.stopped) {
        const [start, end] = this.place(bytes.subarray(at))
        at += this.head === null ? this.readHead(start, end) : this.readBody(start, end)
      }
    } catch (error) {
      if (!(error instanceof GyreError)) throw error
      this.stopped = true
      this.log.push(`${error.status} ${error.code}`)
    }
  }

  /** No more bytes: what is it that never came? */
  end(): string {
    if (!this.stopped && this.head !== null) this.log.push('waiting for the body')
    else if (!this.stopped && this.partial !== null) this.log.push('waiting for the head')
    this.partial?.release()
    this.decoder?.release()
    return withoutRepeats(this.log).join('\n')
  }

  /** Brings bytes into the input area. */
  private place(bytes: Buffer): [start: number, end: number] {
    const start = this.around === undefined ? 0 : this.around % 7
    if (this.around !== undefined) input.bytes.fill(this.around)
    return [start, start + bytes.copy(input.bytes, start)]
  }

  private readHead(start: number, end: number): number {
    if (this.partial === null) {
      const head = parseHead(start, end, this.limits)
      if (head !== undefined) {
        const used = headEnd() - start
        this.begin(head)
        return used
      }
      this.partial = new PartialHead()
    }
    const used = this.partial.push(start, end, this.limits)
    if (used === undefined) return end - start
    const head = this.partial.take(this.limits)
    this.partial.release()
    this.partial = null
    this.begin(head)
    return used
  }

  private begin(head: RequestHead): void {
    this.log.push(...linesOf(head))
    this.requests.push({ method: head.method, target: head.target, size: undefined })
    this.head = head
    this.remaining = head.contentLength
    if (head.framing === 'chunked') this.decoder = new ChunkedDecoder(this.limits)
    if (head.method === 'CONNECT') {
      this.log.push('tunnel')
      this.stopped = true
    } else if (head.framing === 'none' || (head.framing === 'length' && this.remaining === 0)) this.finish(head)
  }

  private readBody(start: number, end: number): number {
    const head = this.head as RequestHead
    let used: number
    if (this.decoder === null) {
      used = Math.min(this.remaining, end - start)
      this.remaining -= used
      this.pieces.push(Buffer.from(input.bytes.subarray(start, start + used)))
    } else {
      used = this.decoder.decode(start, end)
      const piece = this.decoder.take()
      if (piece !== null) this.pieces.push(piece)
    }
    if (this.decoder === null ? this.remaining === 0 : this.decoder.done) {
      this.log.push(`body ${quoted(Buffer.concat(this.pieces).toString('latin1'))}`)
      for (const [name, value] of this.decoder?.trailers ?? [])
        this.log.push(`trailer ${name.slice(0, LONG)} ${quoted(value)}`)
      this.finish(head)
    }
    return used
  }

  private finish(head: RequestHead): void {
    this.decoder?.release()
    this.decoder = null
    this.head = null
    const last = this.requests.at(-1) as FoundRequest
    last.size = this.pieces.reduce((sum, { length }) => sum + length, 0)
    this.pieces = []
    if (head.keepAlive) return
    this.log.push('close')
    this.stopped = true
  }
}

/**
 * What becomes of bytes that come in pieces.
 *
 * @param cuts - where the pieces end; the last ends with the bytes
 */
export function readMessages(bytes: Buffer, cuts: readonly number[] = [], limits?: Limits, around?: number): string {
  const reader = new MessageReader(limits, around)
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    if (to <= from || to > bytes.length) continue
    reader.push(bytes.subarray(from, to))
    from = to
  }
  return reader.end()
}
