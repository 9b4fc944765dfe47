/*
 * The socket that `req.socket` is: what Node's own classes and the frameworks ask of one, over a connection of
 * Gyre's. It is no stream: bodies come and answers go through the conversation. Where a connection leaves HTTP it
 * becomes a real socket, the same object.
 */
import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SIZES } from '../base/index.ts'
import type { Endpoint, TlsConnection } from '../io/index.ts'
import type { Encoding, WriteCallback } from './output.ts'
import type { Line } from './line.ts'

/** The members of a stream's state that Node's classes, and `stream.finished`, look at. */
interface StreamState {
  corked: number
  needDrain: boolean
  length: number
  closed: boolean
  emitClose: true
  autoDestroy: true
  destroyed: boolean
  ended: boolean
  endEmitted: boolean
  finished: boolean
  errored: Error | null
}

function freshState(): StreamState {
  return {
    corked: 0,
    needDrain: false,
    length: 0,
    closed: false,
    emitClose: true,
    autoDestroy: true,
    destroyed: false,
    ended: false,
    endEmitted: false,
    finished: false,
    errored: null,
  }
}

export class NodeSocket extends EventEmitter {
  server: Server
  parser = null
  readonly allowHalfOpen = true
  /** The response whose turn it is. */
  _httpMessage: ServerResponse | null = null
  _writableState: StreamState = freshState()
  _readableState: StreamState = freshState()
  /** What does the work. */
  readonly line: Line

  constructor(server: Server, line: Line) {
    super()
    this.server = server
    this.line = line
  }

  // Where it goes to and comes from

  get remoteAddress(): string | undefined {
    return addressOf(this.line.port.remote)
  }

  get remotePort(): number | undefined {
    return portOf(this.line.port.remote)
  }

  get remoteFamily(): string | undefined {
    return familyOf(this.line.port.remote)
  }

  get localAddress(): string | undefined {
    return addressOf(this.line.port.local)
  }

  get localPort(): number | undefined {
    return portOf(this.line.port.local)
  }

  get localFamily(): string | undefined {
    return familyOf(this.line.port.local)
  }

  address(): AddressInfo | object {
    const { local } = this.line.port
    return local.family === 'unix' ? {} : { address: local.address, family: local.family, port: local.port }
  }

  // Encryption

  get encrypted(): true | undefined {
    return this.line.port.secure ? true : undefined
  }

  get authorized(): boolean | undefined {
    return this.tls?.authorized
  }

  get servername(): string | false | undefined {
    return this.tls === null ? undefined : (this.tls.serverName ?? false)
  }

  get alpnProtocol(): string | false | undefined {
    return this.tls === null ? undefined : (this.tls.alpn ?? false)
  }

  getPeerCertificate(): object | undefined {
    if (this.tls === null) return undefined
    return this.tls.peerCertificate?.toLegacyObject() ?? {}
  }

  getProtocol(): string | undefined {
    return this.tls?.protocol
  }

  getCipher(): object | undefined {
    return this.tls === null ? undefined : { name: this.tls.cipher, standardName: this.tls.cipher }
  }

  private get tls(): TlsConnection | null {
    return this.line.port.tls
  }

  // How far it has come

  get destroyed(): boolean {
    return this.line.closed
  }

  get closed(): boolean {
    return this._writableState.closed
  }

  get errored(): Error | null {
    return this._writableState.errored
  }

  get readable(): boolean {
    return !this.line.closed && !this.line.port.stream.peerEnded
  }

  get writable(): boolean {
    return !this.line.closed && !this.line.ending
  }

  get readyState(): string {
    if (this.writable) return this.readable ? 'open' : 'writeOnly'
    return this.readable ? 'readOnly' : 'closed'
  }

  get connecting(): boolean {
    return false
  }

  get pending(): boolean {
    return false
  }

  get readableEnded(): boolean {
    return this.line.port.stream.peerEnded
  }

  get writableEnded(): boolean {
    return this.line.ending || this.line.closed
  }

  get writableFinished(): boolean {
    return this.writableEnded && this.writableLength === 0
  }

  get readableFlowing(): boolean {
    return this.line.wanted
  }

  get writableLength(): number {
    return this._writableState.corked > 0 ? this.line.output.unsettled : this.line.output.held
  }

  get writableNeedDrain(): boolean {
    return this.line.output.full
  }

  get writableCorked(): number {
    return this._writableState.corked
  }

  get readableHighWaterMark(): number {
    return this.line.highWaterMark
  }

  get writableHighWaterMark(): number {
    return this.line.highWaterMark
  }

  get bytesRead(): number {
    return this.line.bytesRead
  }

  get bytesWritten(): number {
    return this.line.output.written
  }

  get bufferSize(): number {
    return this.line.output.held
  }

  get timeout(): number {
    return this.line.idle.duration
  }

  // What can be done with it

  write(data: string | Uint8Array, encoding?: Encoding | WriteCallback, callback?: WriteCallback): boolean {
    if (typeof encoding === 'function') return this.line.write(data, null, encoding)
    return this.line.write(data, encoding ?? null, callback)
  }

  end(data?: string | Uint8Array | WriteCallback, encoding?: Encoding | WriteCallback, callback?: WriteCallback): this {
    const done = [data, encoding, callback].find((given) => typeof given === 'function')
    if (done !== undefined) this.once('finish', done)
    if (data !== undefined && typeof data !== 'function')
      this.line.write(data, typeof encoding === 'function' ? null : (encoding ?? null), undefined)
    this.line.end()
    return this
  }

  cork(): void {
    this._writableState.corked++
  }

  uncork(): void {
    const state = this._writableState
    if (state.corked > 0 && --state.corked === 0) this.line.flush()
  }

  destroy(error?: Error | null): this {
    this.line.destroy(error ?? null)
    return this
  }

  destroySoon(): void {
    this.line.destroySoon()
  }

  resetAndDestroy(): this {
    this.line.port.stream.reset()
    return this.destroy()
  }

  pause(): this {
    if (this.line.wanted) {
      this.line.wanted = false
      this.emit('pause')
    }
    return this
  }

  resume(): this {
    this.line.want()
    return this
  }

  isPaused(): boolean {
    return !this.line.wanted
  }

  setTimeout(duration: number, listener?: () => void): this {
    mustBeDuration(duration)
    this.line.idle.set(duration)
    if (listener !== undefined) {
      if (duration === 0) this.removeListener('timeout', listener)
      else this.once('timeout', listener)
    }
    return this
  }

  // Answers leave at once, and the operating system keeps its own watch: both are set for all connections.

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  setEncoding(): never {
    throw Object.assign(new Error('Changing the socket encoding is not allowed per RFC7230 Section 3.'), {
      code: 'ERR_HTTP_SOCKET_ENCODING',
    })
  }
}

/** Middleware behind a proxy sets `encrypted` or `remoteAddress`: what is said can be said otherwise. */
for (const [name, accessor] of Object.entries(Object.getOwnPropertyDescriptors(NodeSocket.prototype))) {
  if (accessor.get === undefined) continue
  Object.defineProperty(NodeSocket.prototype, name, {
    ...accessor,
    set(this: NodeSocket, value: unknown) {
      Object.defineProperty(this, name, { value, configurable: true, enumerable: true, writable: true })
    },
  })
}

/** `instanceof net.Socket` holds, and what is not ours to say is said as by a socket that was never connected. */
Object.setPrototypeOf(NodeSocket.prototype, Socket.prototype)
for (const name of ['on', 'addListener', 'once', 'removeListener', 'off', 'prependListener', 'removeAllListeners'])
  Object.defineProperty(
    NodeSocket.prototype,
    name,
    Object.getOwnPropertyDescriptor(EventEmitter.prototype, name) as PropertyDescriptor,
  )

/** How much is held of a body that nobody reads, and of an answer that a client does not take. */
export const HIGH_WATER: number = SIZES.bodyChunk / 4

/** @throws TypeError RangeError as Node's sockets do: a time that is none would hold for ever, without a word */
function mustBeDuration(duration: unknown): void {
  if (typeof duration !== 'number')
    throw Object.assign(new TypeError('The "msecs" argument must be of type number'), { code: 'ERR_INVALID_ARG_TYPE' })
  if (!(duration >= 0 && duration < Infinity))
    throw Object.assign(new RangeError(`"msecs" is out of range: ${duration}`), { code: 'ERR_OUT_OF_RANGE' })
}

function addressOf({ address, family }: Endpoint): string | undefined {
  return family === 'unix' ? undefined : address
}

function portOf({ port, family }: Endpoint): number | undefined {
  return family === 'unix' ? undefined : port
}

function familyOf({ family }: Endpoint): string | undefined {
  return family === 'unix' ? undefined : family
}
