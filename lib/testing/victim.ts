/*
 * What is attacked: a handler, a server, or an address. An attack sees only a kernel to run on and a way
 * to open connections.
 */
import { connect } from 'node:net'
import { GyreError } from '../base/index.ts'
import { DuplexStream, homeKernel } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import { Spot, park } from '../kernel/index.ts'
import type { Coroutine, Kernel } from '../kernel/index.ts'
import { Server } from '../server/index.ts'
import type { Handler, ServerOptions } from '../server/index.ts'
import { memoryPair } from './memory.ts'
import { Random } from './random.ts'
import { TESTING } from './sizes.ts'
import { VirtualHost } from './virtual-host.ts'

/** Where some server listens, ours or another. */
export interface TargetAddress {
  /** The TCP port. */
  readonly port: number
  /** `127.0.0.1` without it. */
  readonly host?: string
}

/**
 * Whom to attack. A handler is served in memory, in virtual time; a server in memory, in its own time;
 * an address over sockets, in real time.
 */
export type Target = Handler | Server | TargetAddress

/** How to attack. */
export interface AttackOptions {
  /** Where the cuts and the garbage come from; 1 without it. */
  readonly seed?: number
  /**
   * Milliseconds after which a server that should have ended a connection has failed; 90,000 without it,
   * which is more than all of our limits. In real time lower both this and the limits of the server.
   */
  readonly patience?: number
  /** What the requests ask for; `/` without it. The application should answer it to GET and to POST. */
  readonly path?: string
  /** For handlers: options of the server that is made. It logs nothing without them. */
  readonly server?: ServerOptions
}

export class Victim {
  readonly kernel: Kernel
  /** The server, where it is ours and here. */
  readonly server: Server | null
  readonly path: string
  readonly host: string
  readonly patience: number
  readonly seed: number
  private readonly address: TargetAddress | null

  constructor(target: Target, options: AttackOptions) {
    const { seed = 1, patience = TESTING.patience, path = '/', server = {} } = options
    this.seed = seed
    this.patience = patience
    this.path = path
    this.address = null
    this.host = 'localhost'
    if (typeof target === 'function')
      this.server = new Server(new VirtualHost().kernel, { log: false, ...server }, target)
    else if (target instanceof Server) this.server = target
    else {
      this.server = null
      this.address = target
      this.host = `${target.host ?? '127.0.0.1'}:${target.port}`
    }
    this.kernel = this.server?.kernel ?? homeKernel()
    if (options.server !== undefined && typeof target !== 'function')
      throw new GyreError('GYRE_BAD_OPTION', 'only a handler needs options of a server')
  }

  /** True where time costs nothing. */
  get virtual(): boolean {
    return this.kernel.host instanceof VirtualHost
  }

  /** Opens a connection. @throws GyreError `GYRE_PEER_GONE` where nobody takes it in */
  *open(): Coroutine<ByteStream> {
    if (this.server !== null) {
      const [client, serverEnd] = memoryPair()
      this.server.serve(serverEnd)
      return client
    }
    const { port, host = '127.0.0.1' } = this.address as TargetAddress
    const socket = connect({ port, host, allowHalfOpen: true, noDelay: true })
    const connected = new Spot(`a connection to ${this.host}`)
    socket.once('connect', () => connected.wake())
    const refused = (error: Error): void =>
      void connected.wakeThrow(new GyreError('GYRE_PEER_GONE', `no connection: ${error.message}`, error))
    socket.once('error', refused)
    try {
      yield* park(connected)
    } catch (error) {
      socket.destroy()
      throw error
    }
    const stream = new DuplexStream(socket)
    socket.off('error', refused)
    return stream
  }

  /** @param use - what for */
  random(use: string): Random {
    return new Random(this.seed, use)
  }

  /** A whole request with what every request needs. @param lines - fields besides, without line ends */
  request(method: string, lines: readonly string[] = [], body = ''): string {
    return `${[`${method} ${this.path} HTTP/1.1`, `Host: ${this.host}`, ...lines].join('\r\n')}\r\n\r\n${body}`
  }
}
