/*
 * A Listener over Node's own server, with TLS or without.
 *
 * Node accepts by itself, so connections queue here until they are taken. Each is a stream from the
 * start, because a socket that nobody listens to ends the process with its first error.
 */
import { createServer } from 'node:net'
import type { ListenOptions, Server, Socket } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { chmodSync, fstatSync } from 'node:fs'
import { GyreError } from '../../base/index.ts'
import { sleep } from '../../kernel/index.ts'
import type { Coroutine } from '../../kernel/index.ts'
import { addressError } from '../address-error.ts'
import { shownPath } from '../listener.ts'
import type { Endpoint } from '../endpoint.ts'
import type { ListenAddress, Listener, Place } from '../listener.ts'
import { Readiness } from '../readiness.ts'
import { isAbstract } from '../socket-file.ts'
import type { SocketFile } from '../socket-file.ts'
import { endpointOf } from '../epoll/address.ts'
import { checkListening } from '../epoll/socket.ts'
import { loadSyscalls } from '../epoll/syscalls.ts'
import type { HandshakeEnds, Handshakes } from './handshakes.ts'
import { DuplexStream } from './stream.ts'

/** From when on Node's listen() knows `reusePort`: 22.12, and 23.1. Before, it is passed over without a word. */
const REUSE_PORT_SINCE: readonly (readonly [major: number, minor: number])[] = [
  [22, 12],
  [23, 1],
]

/** Turns of Node's loop in which nobody came, until it is believed that nobody waits; between two it looks at sockets. */
const QUIET_TURNS = 3

/** A connection that was not taken yet. */
interface Arrival {
  readonly stream: DuplexStream
  readonly place: Place | null
}

/**
 * Opens a listener of Node's.
 *
 * @param file - the file to make for a unix socket, which then waits to be published
 * @throws GyreError `GYRE_ADDRESS_IN_USE`, `GYRE_ADDRESS_DENIED`, `GYRE_ADDRESS_UNKNOWN` or `GYRE_NO_SOCKET`,
 *   by a rejection
 */
export async function openNodeListener(
  where: ListenAddress,
  handshakes: Handshakes | null,
  file: SocketFile | null = null,
): Promise<NodeListener> {
  if ('descriptor' in where) checkDescriptor(where.descriptor)
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  const listening = new Promise<void>((resolve, reject) => {
    server.once('listening', resolve)
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(addressError(where, error.code ?? '', error.message))
    })
  })
  const named = 'path' in where && file !== null ? { ...where, path: file.boundAt } : where
  if ('path' in named && named.mode !== undefined) listenWithMode(server, named.path, named.mode, named.backlog)
  else server.listen(nodeAddress(named))
  await listening
  server.removeAllListeners('error')
  file?.made()
  return new NodeListener(server, where, handshakes, file)
}

function nodeAddress(where: ListenAddress): ListenOptions {
  const { backlog } = where
  if ('path' in where) return { path: where.path, backlog }
  if ('descriptor' in where) return { fd: where.descriptor, backlog } as ListenOptions
  const { address, port, ipv6Only = false, reusePort = false } = where
  const options = { port, backlog, ipv6Only, reusePort }
  // Without a host Node takes all addresses, IPv4 alone where there is no IPv6.
  return address === null ? options : { ...options, host: address }
}

/** Binds under a umask, because Node binds and listens at once and a chmod comes after both. */
function listenWithMode(server: Server, path: string, mode: number, backlog: number): void {
  // A worker thread may not set the umask; there the file has the wider mode for a moment.
  const before = isMainThread ? process.umask(0o777 & ~mode) : undefined
  try {
    server.listen({ path, backlog })
  } finally {
    if (before !== undefined) process.umask(before)
  }
  server.once('listening', () => {
    chmodSync(path, mode)
  })
}

/** @returns what this Node's listen() cannot do for an address, in words; null where it can do all */
export function whatNodeLacks(where: ListenAddress): string | null {
  const version = `Node ${process.versions.node}`
  // It fills the name up with NULs, and no program but Node finds it then.
  if ('path' in where && isAbstract(where.path)) return `a socket without a file is not to be had from ${version}`
  if (!('reusePort' in where) || !where.reusePort) return null
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [newest] = REUSE_PORT_SINCE.at(-1) as readonly [number, number]
  const known = major > newest || REUSE_PORT_SINCE.some(([since, from]) => major === since && minor >= from)
  return known ? null : `reusePort is not to be had from ${version} before 22.12`
}

function checkDescriptor(descriptor: number): void {
  const calls = loadSyscalls()
  if (!(calls instanceof Error)) return checkListening(calls, descriptor)
  try {
    if (fstatSync(descriptor).isSocket()) return
  } catch {
    // Not open: said below.
  }
  throw new GyreError(
    'GYRE_NO_SOCKET',
    `descriptor ${descriptor} is no socket: whoever starts this process must pass a listening socket as that number`,
  )
}

function endpointFor(server: Server, where: ListenAddress): Endpoint {
  if ('path' in where) return { address: shownPath(where.path), port: 0, family: 'unix' }
  const address = server.address()
  if (address !== null && typeof address === 'object')
    return {
      address: address.address,
      port: address.port,
      family: address.family === 'IPv6' ? 'IPv6' : 'IPv4',
    }
  const calls = loadSyscalls()
  // Node does not know the path of a unix socket that it did not bind.
  if ('descriptor' in where && !(calls instanceof Error)) return endpointOf(calls, calls.getsockname, where.descriptor)
  return { address: shownPath(address ?? ''), port: 0, family: 'unix' }
}

export class NodeListener implements Listener, HandshakeEnds {
  readonly endpoint: Endpoint
  readonly acceptable: Readiness = new Readiness('a connection', false)
  readonly certificates: Handshakes | null
  readonly backlog: number
  closed = false
  door: Listener['door'] = null
  onRefused: Listener['onRefused'] = null
  private readonly server: Server
  private readonly file: SocketFile | null
  private queue: Arrival[] = []
  /** Connections that Node has accepted so far. */
  private accepted = 0
  private stopped = false
  /** What went wrong with connections that were never in the queue; said once the queue is empty. */
  private failure: GyreError | null = null

  constructor(server: Server, where: ListenAddress, handshakes: Handshakes | null, file: SocketFile | null) {
    this.server = server
    this.backlog = where.backlog
    this.certificates = handshakes
    this.file = file
    this.endpoint = endpointFor(server, where)
    handshakes?.reportTo(this)
    server.on('connection', (socket: Socket) => {
      this.accepted++
      if (handshakes === null) this.enqueue({ stream: new DuplexStream(socket), place: null })
      else handshakes.begin(socket)
    })
    // Node goes on by itself when it is out of descriptors: libuv takes the connection in and drops it.
    server.on('error', (error) => {
      this.failure = new GyreError('GYRE_IO_FAILED', `no connection can be accepted: ${error.message}`)
      this.acceptable.signal()
    })
  }

  tryAccept(): DuplexStream | null {
    const arrival = this.queue.shift()
    if (arrival !== undefined) {
      // From here on it is counted by whoever takes it.
      arrival.place?.leave()
      return arrival.stream
    }
    const { failure } = this
    this.failure = null
    if (failure !== null) throw failure
    this.acceptable.ready = false
    return null
  }

  *gather(): Coroutine<void> {
    // Node takes one connection a turn, and does not tell how many wait. They are taken in the order in which they
    // came, so after as many as the backlog holds all others are later ones.
    const enough = this.accepted + this.backlog
    for (let quiet = 0; quiet < QUIET_TURNS && this.accepted < enough;) {
      const before = this.accepted
      yield* sleep(1)
      quiet = this.accepted === before ? quiet + 1 : 0
    }
  }

  stop(patience: number): void {
    if (this.stopped) return
    this.stopped = true
    // libuv removes the name that was bound, which is another.
    this.file?.remove()
    this.server.close()
    this.certificates?.hurry(patience)
    if (this.certificates === null) this.close()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.stop(0)
    this.certificates?.close()
    for (const { stream, place } of this.queue.splice(0)) {
      stream.reset()
      place?.leave()
    }
    this.acceptable.signal()
  }

  hold(on: boolean): void {
    if (on) this.server.ref()
    else this.server.unref()
  }

  secured(stream: DuplexStream, place: Place): void {
    this.enqueue({ stream, place })
  }

  refused(error: GyreError, remote: Endpoint, plain: DuplexStream | null): void {
    if (this.onRefused === null) plain?.close()
    else this.onRefused(error, remote, plain)
  }

  private enqueue(arrival: Arrival): void {
    if (this.queue.length >= this.backlog) return this.overflow(arrival)
    this.queue.push(arrival)
    this.acceptable.signal()
  }

  private overflow({ stream, place }: Arrival): void {
    const { remote } = stream
    stream.reset()
    place?.leave()
    const why = `more than ${this.backlog} connections waited to be accepted`
    this.refused(new GyreError('GYRE_CONNECTIONS_FULL', why), remote, null)
  }
}
