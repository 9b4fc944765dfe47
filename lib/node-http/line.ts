/*
 * The socket's side of a conversation: bytes that go out, waiting for the client, and how it all ends. What a
 * request is, it does not know; only whose turn it is.
 */
import { types } from 'node:util'
import { Spot } from '../kernel/index.ts'
import type { Coroutine, Operation } from '../kernel/index.ts'
import type { Companioned, Takeover } from '../server/index.ts'
import { aborted, emitDrain, guard, throwLater } from './hidden.ts'
import type { HiddenRequest, HiddenResponse } from './hidden.ts'
import { IdleTime } from './idle-time.ts'
import { emitClose } from './messages.ts'
import type { Audience } from './messages.ts'
import { Output } from './output.ts'
import type { Encoding, OutputPort, WriteCallback } from './output.ts'
import { NodeSocket } from './socket.ts'

const { isUint8Array } = types
const OK = 200

export abstract class Line implements OutputPort {
  readonly socket: NodeSocket
  readonly port: Companioned
  readonly output: Output
  readonly idle: IdleTime
  /** True once nothing more can be written. */
  ending = false
  /** True once the socket is closed for those who use it. */
  closed = false
  /** Whether the body is wanted, as far as there is one. */
  wanted = true
  /** Bytes of bodies that came. */
  bytesRead = 0
  /** True once the connection has left HTTP. */
  left = false
  audience: Audience
  /** The answer that is being written. */
  takeover: Takeover | null = null
  req: HiddenRequest | null = null
  res: HiddenResponse | null = null
  /** How much had been written before the head of this answer. */
  protected mark = 0
  protected readonly spot: Spot = new Spot('an answer of node:http')
  /** True while the connection's task is at work here: it sends what was written when it waits. */
  protected inStep = false
  /** True while it waits for the stream. */
  private onStream = false
  /** True where it is destroyed as soon as all is sent. */
  private soon = false
  private error: Error | null = null
  /** Whether 'clientError' was emitted. */
  private told = false

  constructor(audience: Audience, port: Companioned) {
    this.audience = audience
    this.port = port
    this.output = new Output(port.outlet, this, audience.highWaterMark)
    this.socket = new NodeSocket(audience.server, this)
    this.socket.on('error', onSocketError)
    this.idle = new IdleTime(port.kernel, () => guard(() => this.timedOut()))
    if (audience.server.timeout > 0) this.idle.set(audience.server.timeout)
  }

  get highWaterMark(): number {
    return this.audience.highWaterMark
  }

  write(data: string | Uint8Array, encoding: Encoding, callback: WriteCallback | undefined): boolean {
    if (typeof data !== 'string' && !isUint8Array(data)) throw notWritable(data)
    if (this.closed || this.ending) {
      const error = Object.assign(new Error('Cannot call write after a stream was destroyed'), {
        code: 'ERR_STREAM_DESTROYED',
      })
      if (callback !== undefined) process.nextTick(callback, error)
      return false
    }
    const { takeover, res, output } = this
    if (takeover !== null && !takeover.begun && (res === null || res._header !== null)) {
      takeover.begin(res?.statusCode ?? OK)
      this.mark = output.written
    }
    output.take(data, encoding, callback ?? null)
    this.idle.touch()
    if (!this.inStep && this.socket._writableState.corked === 0) output.flush()
    return !output.full
  }

  flush(): void {
    if (!this.inStep) this.output.flush()
  }

  /** Ends our side, when all is sent. */
  end(): void {
    if (this.ending || this.closed) return
    this.ending = true
    this.output.flush()
    if (!this.output.waiting) this.shutdown()
    this.wake()
  }

  /** Ends our side when all is sent, and does not wait for the client's. */
  destroySoon(): void {
    if (this.closed) return
    this.ending = true
    this.output.flush()
    if (this.output.waiting) this.soon = true
    // An answer that is whole is not to be lost because of what nobody has read: the connection lingers.
    else if (this.takeover !== null && this.res === null) this.close(null)
    else this.destroy(null)
  }

  destroy(error: Error | null): void {
    if (this.closed) return
    // What is corked is lost, as it is in Node: who breaks off at once has not answered.
    if (this.socket._writableState.corked === 0) this.port.outlet.tryFlush()
    this.close(error)
    this.port.stream.close()
    this.wake()
  }

  hasRoom(): void {
    if (this.res !== null && !this.output.full) emitDrain(this.res)
  }

  clientIsSlow(): void {
    const { kernel } = this.port
    kernel.spawn(this.sendRest(), { name: 'answer', scope: this.takeover?.scope ?? null })
  }

  private *sendRest(): Coroutine<void> {
    const { output, socket } = this
    try {
      yield* output.send()
    } catch (error) {
      output.fail(error instanceof Error ? error : new Error(String(error)))
      this.destroy(null)
      return
    }
    if (this.soon) this.destroySoon()
    else if (this.ending) this.shutdown()
    guard(() => {
      if (socket.listenerCount('drain') > 0) socket.emit('drain')
      if (this.res !== null) emitDrain(this.res)
    })
    this.wake()
  }

  private shutdown(): void {
    this.port.stream.shutdown()
    process.nextTick(emitFinish, this.socket)
  }

  protected wake(): void {
    if (!this.spot.wake() && this.onStream) this.port.stream.readable.wake()
  }

  /** The body of the request is wanted, from now on. */
  abstract want(): void

  // How it ends

  /** @returns whether somebody has heard of it, who then is to end the connection */
  protected tellServer(error: Error): boolean {
    this.told = true
    try {
      return this.audience.server.emit('clientError', error, this.socket)
    } catch (thrown) {
      throwLater(thrown)
      return true
    }
  }

  /** As in Node: whoever listens for 'clientError' ends the connection, and nobody else does. */
  failed(error: Error): void {
    if (!this.tellServer(error)) this.destroy(error)
  }

  /** The socket is closed, for those who use it; the connection may go on to bring its last bytes home. */
  protected close(error: Error | null): void {
    if (this.closed) return
    this.closed = true
    this.error = error
    this.idle.set(0)
    for (const state of [this.socket._writableState, this.socket._readableState]) state.destroyed = true
    process.nextTick(tellClosed, this)
    this.wake()
  }

  tellClosed(): void {
    const { req, res, socket, error, audience } = this
    audience.left(this)
    if (this.left) return
    if (error !== null) {
      // As in Node, also of an error that the application has destroyed the socket with.
      if (!this.told) this.tellServer(error)
      emitError(socket, error)
    } else if (this.port.stream.peerEnded) this.emitEnds()
    if (res !== null && req !== null) req.destroy(aborted())
    for (const state of [socket._writableState, socket._readableState]) state.closed = true
    if (res !== null) emitClose(res)
    socket.emit('close', error !== null)
  }

  /** The client has ended its side, and ours has followed. */
  private emitEnds(): void {
    const { socket, output } = this
    const state = socket._readableState
    state.ended = state.endEmitted = true
    socket.emit('end')
    if (!output.waiting) emitFinish(socket)
  }

  private timedOut(): void {
    const { req, res, socket, audience } = this
    const told = [
      req !== null && !req.complete && req.emit('timeout', socket),
      res !== null && res.emit('timeout', socket),
      audience.server.emit('timeout', socket),
    ]
    if (!told.includes(true)) this.destroy(null)
    // Who listens at the socket itself only hears of it.
    socket.emit('timeout')
  }

  /** Waits for the stream, until `wake`. */
  protected *waitOn(wait: Operation<unknown>): Coroutine<void> {
    this.onStream = true
    try {
      yield* wait
    } finally {
      this.onStream = false
    }
  }
}

function emitFinish(socket: NodeSocket): void {
  const state = socket._writableState
  if (state.finished) return
  state.ended = state.finished = true
  socket.emit('finish')
}

/** What Node says of it. Taken, it would have no length, and all that was gathered before would be lost. */
function notWritable(data: unknown): TypeError {
  const isNull = data === null
  return Object.assign(
    new TypeError(
      isNull ? 'May not write null values to stream' : 'Only a string, a Buffer or a Uint8Array can be written',
    ),
    { code: isNull ? 'ERR_STREAM_NULL_VALUES' : 'ERR_INVALID_ARG_TYPE' },
  )
}

function emitError(socket: NodeSocket, error: Error): void {
  // We know already.
  socket.removeListener('error', onSocketError)
  if (socket.listenerCount('error') > 0) socket.emit('error', error)
}

/** Somebody says that the socket has failed. */
export function onSocketError(this: NodeSocket, error: Error): void {
  this.line.failed(error)
}

function tellClosed(line: Line): void {
  line.tellClosed()
}
