/*
 * A byte stream that lies over another: all of it is the other's, but for what a layer makes its own.
 */
import type { Endpoint } from './endpoint.ts'
import type { Readiness } from './readiness.ts'
import type { ByteStream, HangUpWatcher } from './stream.ts'
import type { TlsConnection } from './tls.ts'

/**
 * What a layer over a stream begins with: it hands everything on. Extend it, and change what the layer is for.
 * Files are not sent past it (`tryWriteFile`), because a layer that changes what is written would not see them.
 *
 * @example
 * ```ts
 * class Counted extends LayeredStream {
 *   written = 0
 *
 *   override tryWrite(from: Buffer, start: number, end: number) {
 *     const count = super.tryWrite(from, start, end)
 *     if (count > 0) this.written += count
 *     return count
 *   }
 * }
 * const echo = yield* serveTcp((client) => copy(client, client), { port: 0, host: '127.0.0.1' })
 * const stream = new Counted(yield* connect({ host: '127.0.0.1', port: echo.address.port }))
 * yield* writeAll(stream, Buffer.from('hello'))
 * console.log(stream.written) // 5
 * stream.close()
 * yield* echo.close()
 * ```
 */
export class LayeredStream implements ByteStream {
  /** What is beneath. */
  readonly stream: ByteStream

  /** @param stream - is used through this one from here on */
  constructor(stream: ByteStream) {
    this.stream = stream
  }

  get kind(): ByteStream['kind'] {
    return this.stream.kind
  }

  get readable(): Readiness {
    return this.stream.readable
  }

  get writable(): Readiness {
    return this.stream.writable
  }

  get closed(): boolean {
    return this.stream.closed
  }

  get peerEnded(): boolean {
    return this.stream.peerEnded
  }

  get remote(): Endpoint {
    return this.stream.remote
  }

  get local(): Endpoint {
    return this.stream.local
  }

  get tls(): TlsConnection | null {
    return this.stream.tls
  }

  get acknowledged(): number {
    return this.stream.acknowledged
  }

  get watcher(): HangUpWatcher | null {
    return this.stream.watcher
  }

  set watcher(watcher: HangUpWatcher | null) {
    this.stream.watcher = watcher
  }

  tryRead(into: Buffer, start: number, end: number): number {
    return this.stream.tryRead(into, start, end)
  }

  tryWrite(from: Buffer, start: number, end: number, last?: boolean): number {
    return this.stream.tryWrite(from, start, end, last)
  }

  shutdown(): void {
    this.stream.shutdown()
  }

  close(): void {
    this.stream.close()
  }

  reset(): void {
    this.stream.reset()
  }
}
