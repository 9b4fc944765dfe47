/*
 * A ByteStream over a socket's descriptor.
 *
 * It is itself the place where its bytes are waited for: there may be very many that idle, and all of them do just that.
 */
import { GyreError, SIZES } from '../../base/index.ts'
import type { Endpoint } from '../endpoint.ts'
import { Readiness } from '../readiness.ts'
import { END, WOULD_WAIT } from '../stream.ts'
import type { ByteStream, HangUpWatcher, SendableFile } from '../stream.ts'
import { acknowledgedOn } from './acknowledged.ts'
import { NOWHERE, endpointOf } from './address.ts'
import { ioFailed } from './poller.ts'
import type { EpollPoller, EventSource } from './poller.ts'
import { sendFile } from './send-file.ts'
import { holdMore } from './socket.ts'
import * as sys from './syscalls.ts'
import type { Syscalls } from './syscalls.ts'

// Room is not asked for before there was none: every connection would begin with an event that says what is known.
const TO_READ = sys.EPOLLIN | sys.EPOLLRDHUP | sys.EPOLLET
const TO_READ_AND_WRITE = TO_READ | sys.EPOLLOUT

/** The bytes wait for the end of our side: one segment, and one wake-up of the peer, where there would be two. */
const TO_SEND_WITH_END = sys.MSG_NOSIGNAL | sys.MSG_MORE

const READ_EVENTS = sys.EPOLLIN | sys.EPOLLRDHUP | sys.EPOLLHUP | sys.EPOLLERR
const WRITE_EVENTS = sys.EPOLLOUT | sys.EPOLLHUP | sys.EPOLLERR
const END_EVENTS = sys.EPOLLRDHUP | sys.EPOLLHUP | sys.EPOLLERR
const BROKEN_EVENTS = sys.EPOLLHUP | sys.EPOLLERR

/** `struct linger { on, 0 seconds }`: close sends a reset. */
const LINGER_NONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)

// The buffer of the last call and its address. Reads and writes come through a few large buffers that
// live as long as the thread, so nearly every call finds its own here.
let lastBuffer: Buffer | null = null
let lastAddress = 0
let otherBuffer: Buffer | null = null
let otherAddress = 0

function addressOf(calls: Syscalls, buffer: Buffer): number {
  if (buffer === lastBuffer) return lastAddress
  const found = buffer === otherBuffer ? otherAddress : calls.addressOf(buffer)
  otherBuffer = lastBuffer
  otherAddress = lastAddress
  lastBuffer = buffer
  lastAddress = found
  return found
}

export class FdStream extends Readiness implements ByteStream, EventSource {
  readonly descriptor: number
  /** Made by whoever first finds no room, or waits for it: most streams never do. */
  private room: Readiness | null = null
  closed = false
  peerEnded = false
  watcher: HangUpWatcher | null = null
  generation = 0
  private readonly poller: EpollPoller
  /** True while what was written last waits for the end of our side. */
  private awaitsEnd = false
  /** How often its client was waited for until it had taken what was written. */
  private stalls = 0
  private remoteEnd: Endpoint | null = null
  private localEnd: Endpoint | null = null

  /**
   * @param descriptor - a connected socket that does not block; the stream owns it from here on
   * @param remote - whose it is, where that is known
   * @param local - where it came in, where that is known
   */
  constructor(poller: EpollPoller, descriptor: number, remote: Endpoint | null = null, local: Endpoint | null = null) {
    super('bytes to read', false)
    this.poller = poller
    this.descriptor = descriptor
    this.remoteEnd = remote
    this.localEnd = local
    poller.add(descriptor, this, TO_READ)
  }

  get kind(): 'epoll' {
    return 'epoll'
  }

  /** Encryption is Node's business: see docs/listening.md. */
  get tls(): null {
    return null
  }

  get readable(): Readiness {
    return this
  }

  get writable(): Readiness {
    return (this.room ??= new Readiness('room to write', true))
  }

  get remote(): Endpoint {
    const calls = sys.syscalls()
    // Once closed, the number may be another's.
    return (this.remoteEnd ??= this.closed ? NOWHERE : endpointOf(calls, calls.getpeername, this.descriptor))
  }

  get local(): Endpoint {
    const calls = sys.syscalls()
    // Once closed, the number may be another's.
    return (this.localEnd ??= this.closed ? NOWHERE : endpointOf(calls, calls.getsockname, this.descriptor))
  }

  get acknowledged(): number {
    return this.closed ? 0 : acknowledgedOn(this.descriptor)
  }

  onEvents(events: number): void {
    if ((events & READ_EVENTS) !== 0) this.signal()
    if ((events & WRITE_EVENTS) !== 0) this.room?.signal()
    if ((events & END_EVENTS) === 0) return
    this.peerEnded = true
    this.watcher?.hungUp((events & BROKEN_EVENTS) !== 0)
  }

  tryRead(into: Buffer, start: number, end: number): number {
    if (!this.ready) return WOULD_WAIT
    this.mustBeOpen()
    const calls = sys.syscalls()
    for (;;) {
      const count = calls.recv(this.descriptor, addressOf(calls, into) + start, end - start, 0)
      if (count > 0) {
        // A short read has emptied the socket; only the end of the peer's side may be left to read.
        if (count < end - start && !this.peerEnded) this.ready = false
        return count
      }
      if (count === 0) {
        this.peerEnded = true
        return END
      }
      const errno = calls.errno()
      if (errno === sys.EAGAIN) {
        this.ready = false
        return WOULD_WAIT
      }
      if (errno !== sys.EINTR) throw streamError(calls, 'recv', errno)
    }
  }

  tryWrite(from: Buffer, start: number, end: number, last: boolean = false): number {
    if (this.room?.ready === false) return WOULD_WAIT
    this.mustBeOpen()
    const calls = sys.syscalls()
    const flags = last ? TO_SEND_WITH_END : sys.MSG_NOSIGNAL
    for (;;) {
      const count = calls.send(this.descriptor, addressOf(calls, from) + start, end - start, flags)
      if (count >= 0) {
        this.awaitsEnd = last
        return count
      }
      const errno = calls.errno()
      if (errno === sys.EAGAIN) return this.noRoom(calls)
      if (errno !== sys.EINTR) throw streamError(calls, 'send', errno)
    }
  }

  tryWriteFile(file: SendableFile, position: number, length: number): number {
    if (this.room?.ready === false) return WOULD_WAIT
    this.mustBeOpen()
    const calls = sys.syscalls()
    for (;;) {
      const count = sendFile(this.descriptor, file.descriptor, position, length)
      if (count >= 0) return count
      const errno = calls.errno()
      if (errno === sys.EAGAIN) return this.noRoom(calls)
      // What has no pages cannot be sent from them: pipes, and files of some systems.
      if (errno === sys.EINVAL || errno === sys.ENOSYS) return END
      if (errno !== sys.EINTR) throw streamError(calls, 'sendfile', errno)
    }
  }

  private noRoom(calls: Syscalls): number {
    this.writable.ready = false
    if (++this.stalls === SIZES.unsentAfter) holdMore(calls, this.descriptor)
    // Room is told of as a change. A refusal for want of memory, while nothing is on its way to the peer, may not be
    // followed by one: so it is asked for each time, or the answer would lie until writeStallTime.
    this.poller.change(this.descriptor, this, TO_READ_AND_WRITE)
    return WOULD_WAIT
  }

  shutdown(): void {
    this.awaitsEnd = false
    if (!this.closed) sys.syscalls().shutdown(this.descriptor, sys.SHUT_WR)
  }

  close(): void {
    if (this.closed) return
    // Where the peer has sent what nobody has read, to close is to reset, and what waits here would never leave.
    if (this.awaitsEnd) this.shutdown()
    this.closed = true
    this.poller.remove(this.descriptor)
    sys.syscalls().close(this.descriptor)
    // Who waits here finds out by the next try.
    this.signal()
    this.room?.signal()
  }

  reset(): void {
    if (this.closed) return
    const calls = sys.syscalls()
    this.awaitsEnd = false
    calls.setsockopt(this.descriptor, sys.SOL_SOCKET, sys.SO_LINGER, calls.addressOf(LINGER_NONE), LINGER_NONE.length)
    this.close()
  }

  /**
   * Gives the descriptor away: the stream is closed from here on.
   *
   * @throws GyreError `GYRE_STREAM_CLOSED`
   */
  release(): number {
    this.mustBeOpen()
    this.closed = true
    this.poller.takeOut(this.descriptor)
    this.signal()
    this.room?.signal()
    return this.descriptor
  }

  private mustBeOpen(): void {
    if (this.closed) throw new GyreError('GYRE_STREAM_CLOSED')
  }
}

/** What recv() and send() report when nothing can reach the peer any more. */
const PEER_GONE: readonly number[] = [
  sys.ECONNRESET,
  sys.EPIPE,
  sys.ETIMEDOUT,
  sys.ECONNABORTED,
  sys.ENOTCONN,
  sys.EHOSTUNREACH,
  sys.ENETUNREACH,
  sys.ENETDOWN,
]

function streamError(calls: Syscalls, call: string, errno: number): GyreError {
  if (PEER_GONE.includes(errno)) return new GyreError('GYRE_PEER_GONE', `the peer is gone: ${calls.describe(errno)}`)
  return ioFailed(calls, call)
}
