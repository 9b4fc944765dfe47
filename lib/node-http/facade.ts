/*
 * `http.Server` whose connections are Gyre's. It is one of Node's own servers, so every option, property and
 * overload of `listen` is understood by Node itself; only what happens after that is ours: once it listens, its
 * socket is taken over by the epoll loop, and where there is none, each connection that Node accepts.
 */
import cluster from 'node:cluster'
import type { ServerOptions as NodeServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { LIMITS, SIZES } from '../base/index.ts'
import type { Limits } from '../base/index.ts'
import { DuplexStream, adoptListener, chooseIo, homeKernel } from '../io/index.ts'
import type { Listener } from '../io/index.ts'
import { Server as GyreServer } from '../server/index.ts'
import type { ServerOptions as GyreOptions } from '../server/index.ts'
import { interceptAccepted, isAccepted } from './accepted.ts'
import { Dialect } from './dialect.ts'
import type { Owner } from './dialect.ts'
import { NodeServer, guard } from './hidden.ts'
import { NodeSocket } from './socket.ts'
import type { Line } from './line.ts'
import { Talk } from './talk.ts'

/** Options of a server: those of node:http, and Gyre's own beside them. */
export interface ServerOptions extends NodeServerOptions {
  /** Limits, io, access records, accounting and log, as of Gyre's `createServer`. The log is off without it. */
  readonly gyre?: Omit<GyreOptions, 'connect' | 'cancelOnDisconnect'>
}

/** What Node's servers keep under names that are not public. */
interface Hidden {
  _handle: Handle | null
  _connections: number
  _unref: boolean
  _emitCloseIfDrained(): void
}

interface Handle {
  fd?: number
  getsockname?(out: object): number
  close(done?: () => void): void
  ref(): void
  unref(): void
  hasRef?(): boolean
}

export class Facade implements Owner {
  readonly server: NodeServer & { requireHostHeader?: boolean; maxHeaderSize?: number; httpAllowHalfOpen?: boolean }
  readonly dialect: Dialect
  private readonly gyre: GyreServer
  private readonly talks = new Set<Line>()
  /** True from `close` until it listens again. */
  closing = false
  /** Whether the connection that is being taken in was told of already, by whoever hands it over. */
  private announced = false
  private intercepts = false

  constructor(server: NodeServer, options: ServerOptions | null) {
    this.server = server
    // Node's own constructor takes null for none.
    this.dialect = new Dialect(server, options ?? {}, this)
    const { gyre = {} } = options ?? {}
    const kernel = homeKernel()
    const { handler } = this.dialect
    this.gyre = new GyreServer(kernel, { log: false, ...gyre, connect: handler }, handler, this.dialect)
    server.removeAllListeners('connection')
    server.on('connection', (socket: Duplex) => this.serve(socket))
    server.on('listening', () => this.takeOver())
  }

  get statistics(): ReturnType<GyreServer['statistics']> {
    return this.gyre.statistics()
  }

  /** Node's properties hold, also those that change while it runs; Gyre's limits where Node has none. */
  limits(table: Limits): Limits {
    const { server } = this
    const live: Record<string, () => unknown> = {
      headBytes: () => Math.min(LIMITS.headBytes.most, oneOf(server.maxHeaderSize, table.headBytes)),
      targetBytes: () => LIMITS.headBytes.most,
      fieldBytes: () => LIMITS.headBytes.most,
      fieldCount: () => {
        const most = server.maxHeadersCount
        return (most ?? 0) === 0 ? SIZES.fieldRecords : Math.min(most as number, SIZES.fieldRecords)
      },
      headTime: () => Math.min(unlessZero(server.headersTimeout), unlessZero(server.requestTimeout)),
      bodyIdleTime: () => unlessZero(server.requestTimeout),
      keepAliveTime: () =>
        server.keepAliveTimeout > 0
          ? // Whoever listens for 'timeout' is told first.
            server.keepAliveTimeout + SIZES.second * (server.listenerCount('timeout') > 0 ? 2 : 1)
          : unlessZero(server.timeout),
      requestsPerConnection: () => Infinity,
      drainBytes: () => Infinity,
      anyExpectation: () => true,
      hostOptional: () => true,
      anyTarget: () => true,
      linesBetween: () => true,
    }
    const limits = Object.create(table) as Limits
    for (const [name, get] of Object.entries(live)) Object.defineProperty(limits, name, { get, enumerable: true })
    return limits
  }

  came(talk: Talk): void {
    const hidden = this.server as unknown as Hidden
    const most = this.server.maxConnections as number | undefined
    if (most !== undefined && most > 0 && hidden._connections >= most) return this.drop(talk)
    this.talks.add(talk)
    hidden._connections++
    if (!this.announced) guard(() => this.server.emit('connection', talk.socket))
  }

  /** There are as many as there may be, by Node's own count. */
  private drop({ port, socket }: Talk): void {
    const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = socket
    const who = { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily }
    port.stream.close()
    guard(() => this.server.emit('drop', who))
  }

  left(line: Line): void {
    if (!this.talks.delete(line)) return
    const hidden = this.server as unknown as Hidden
    hidden._connections--
    guard(() => hidden._emitCloseIfDrained())
  }

  /** The server is told to close: who is served says `Connection: close`, and who has sent nothing yet may hurry. */
  windDown(): void {
    this.closing = true
    for (const { port } of this.talks) if (port.fresh && port.idle && !port.inHead) port.windDown()
  }

  closeIdle(): void {
    for (const talk of this.talks) if (talk instanceof Talk && talk.isIdle) talk.destroy(null)
  }

  closeAll(): void {
    // What has left HTTP belongs to whoever got it, as in Node.
    for (const talk of this.talks) if (!talk.left) talk.destroy(null)
  }

  /** A connection that Node has accepted, or that somebody hands over. */
  private serve(socket: Duplex): void {
    // Of one that is destroyed nothing more is heard, not even its end; and Node counts it no longer.
    if (socket instanceof NodeSocket || socket.destroyed) return
    const hidden = this.server as unknown as Hidden
    const accepted = isAccepted(socket, this.server)
    if (accepted) {
      // Node has counted what it has accepted, and would count it out again; that is ours to do.
      hidden._connections--
      ;(socket as Duplex & { _server?: unknown })._server = null
    }
    const stream = new DuplexStream(socket)
    // What was put back into the socket before may never be told of.
    stream.readable.signal()
    this.announced = !accepted
    this.gyre.serve(stream)
    this.announced = false
  }

  private intercept(): void {
    if (this.intercepts) return
    this.intercepts = true
    interceptAccepted(this.server, (socket) => this.serve(socket))
  }

  /** Takes the listening socket out of Node's hands. */
  private takeOver(): void {
    this.closing = false
    const { server } = this
    const hidden = server as unknown as Hidden
    const handle = hidden._handle
    const address = server.address()
    const isTcp = address !== null && typeof address === 'object'
    // A worker of a cluster gets its connections, or its socket, from the primary, which wants to hear of its end.
    const isOurs = !cluster.isWorker && isTcp && chooseIo(undefined).kind === 'epoll'
    if (!isOurs || handle?.fd === undefined || handle.fd < 0) return this.intercept()
    const listener = adoptListener(homeKernel(), handle.fd, SIZES.backlog)
    this.gyre.takeFrom(listener)
    const ours = new ListeningHandle(listener, address)
    if (hidden._unref) ours.unref()
    hidden._handle = ours
    handle.close()
  }
}

/** What Node's server has for a handle once its socket is ours. */
class ListeningHandle implements Handle {
  readonly fd = -1
  private readonly listener: Listener
  private readonly address: AddressInfo

  constructor(listener: Listener, address: AddressInfo) {
    this.listener = listener
    this.address = address
  }

  getsockname(out: object): number {
    Object.assign(out, this.address)
    return 0
  }

  close(done?: () => void): void {
    this.listener.close()
    if (done !== undefined) process.nextTick(done)
  }

  ref(): void {
    this.listener.hold(true)
  }

  unref(): void {
    this.listener.hold(false)
  }
}

/** Node takes 0 for what holds without it. */
function oneOf(given: number | undefined, otherwise: number): number {
  return given === undefined || given === 0 ? otherwise : given
}

function unlessZero(time: number): number {
  return time > 0 ? time : Infinity
}
