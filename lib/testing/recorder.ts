/*
 * A recorder: a byte stream that passes everything on and remembers what happened, as lines that can be
 * compared. How the bytes were cut does not show, so the record of a request that came whole and of one
 * that came byte by byte are the same.
 */
import { END } from '../io/index.ts'
import type { ByteStream, Endpoint, HangUpWatcher, Readiness, TlsConnection } from '../io/index.ts'

/** What a recorder remembers: bytes of one direction, or an event. */
type Entry = { readonly way: '>' | '<'; readonly bytes: Buffer[] } | { readonly event: string }

/**
 * A byte stream with a record. Made by `record()`.
 *
 * @example
 * ```ts
 * const [client, serverEnd] = memoryPair()
 * const recorder = record(serverEnd)
 * await run(writeAll(client, Buffer.from('hello\n')))
 * client.close()
 * const bytes = Buffer.alloc(100)
 * while ((await run(readSome(recorder, bytes))) !== END);
 * recorder.close()
 * console.log(recorder.lines.join(' | ')) // < hello\n… | ended | closed
 * ```
 */
export class Recorder implements ByteStream {
  private readonly inner: ByteStream
  private readonly entries: Entry[] = []
  private over = false

  /** @param inner - is used through the recorder from here on */
  constructor(inner: ByteStream) {
    this.inner = inner
  }

  /**
   * What happened so far. `> ` opens a line that was written here, `< ` one that was read; `shutdown`,
   * `reset` and `closed` are what was done here, `ended` and `gone` what the peer did. A line ends with
   * CRLF; one that does not shows it: `\n` for a bare LF, and a last line without any end has a `…`.
   */
  get lines(): string[] {
    return this.entries.flatMap((entry) =>
      'event' in entry ? [entry.event] : linesOf(Buffer.concat(entry.bytes)).map((line) => `${entry.way} ${line}`),
    )
  }

  /** What carries it. */
  get kind(): ByteStream['kind'] {
    return this.inner.kind
  }
  get readable(): Readiness {
    return this.inner.readable
  }
  get writable(): Readiness {
    return this.inner.writable
  }
  /** True after `close()` or `reset()` on this side. */
  get closed(): boolean {
    return this.inner.closed
  }
  get peerEnded(): boolean {
    return this.inner.peerEnded
  }
  get acknowledged(): number {
    return this.inner.acknowledged
  }
  get remote(): Endpoint {
    return this.inner.remote
  }
  get local(): Endpoint {
    return this.inner.local
  }
  get tls(): TlsConnection | null {
    return this.inner.tls
  }
  get watcher(): HangUpWatcher | null {
    return this.inner.watcher
  }
  set watcher(watcher: HangUpWatcher | null) {
    this.inner.watcher = watcher
  }

  tryRead(into: Buffer, start: number, end: number): number {
    const count = this.trying(() => this.inner.tryRead(into, start, end))
    if (count > 0) this.addBytes('<', into.subarray(start, start + count))
    else if (count === END) this.peerDid('ended')
    return count
  }

  tryWrite(from: Buffer, start: number, end: number): number {
    const count = this.trying(() => this.inner.tryWrite(from, start, end))
    if (count > 0) this.addBytes('>', from.subarray(start, start + count))
    return count
  }

  shutdown(): void {
    this.entries.push({ event: 'shutdown' })
    this.inner.shutdown()
  }

  close(): void {
    if (!this.closed) this.entries.push({ event: 'closed' })
    this.inner.close()
  }

  reset(): void {
    if (!this.closed) this.entries.push({ event: 'reset' })
    this.inner.reset()
  }

  private trying(action: () => number): number {
    try {
      return action()
    } catch (error) {
      if (!this.closed) this.peerDid('gone')
      throw error
    }
  }

  /** An end is found by every read from then on, and told once. */
  private peerDid(event: string): void {
    if (this.over) return
    this.over = event === 'gone'
    const last = this.entries.findLast((entry) => 'event' in entry && entry.event === event)
    if (last === undefined) this.entries.push({ event })
  }

  private addBytes(way: '>' | '<', bytes: Buffer): void {
    const last = this.entries.at(-1)
    const copy = Buffer.from(bytes)
    if (last !== undefined && 'way' in last && last.way === way) last.bytes.push(copy)
    else this.entries.push({ way, bytes: [copy] })
  }
}

function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString('latin1').split('\r\n')
  const last = lines.pop()
  const shown = lines.map(escapeControls)
  return last === undefined || last === '' ? shown : [...shown, `${escapeControls(last)}…`]
}

const NAMES: Readonly<Record<string, string>> = { '\r': '\\r', '\n': '\\n', '\t': '\\t', '\\': '\\\\' }

/** Bytes as text that can be read: control characters and bytes above ASCII are spelled out. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u{ffff}\\]/gu,
    (char) => NAMES[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

/**
 * Puts a recorder round a byte stream.
 *
 * @param stream - is used through the recorder from here on
 * @returns the recorder
 * @example
 * ```ts
 * const server = createServer((_request, response) => response.text('hello'))
 * const [client, serverEnd] = memoryPair()
 * const recorder = record(client)
 * server.serve(serverEnd)
 * await run(writeAll(recorder, Buffer.from('GET / HTTP/1.0\r\n\r\n')))
 * await run(readSome(recorder, Buffer.alloc(1_000)))
 * console.log(recorder.lines.slice(0, 3).join(' | ')) // > GET / HTTP/1.0 | >  | < HTTP/1.1 200 OK
 * ```
 */
export function record(stream: ByteStream): Recorder {
  return new Recorder(stream)
}
