/*
 * What `createServer` and `listen` take, checked at once: a wrong option throws where it was written,
 * with a sentence that says what to do.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { GyreError, SIZES } from '../base/index.ts'
import type { Limits } from '../base/index.ts'
import type { IoWish, ListenAddress } from '../io/index.ts'
import type { AccessOption } from './access.ts'
import type { Handler } from './handler.ts'
import type { Logger } from './log.ts'

/** Options of a server. */
export interface ServerOptions {
  /** Which io serves: `auto` (the default) takes epoll where it can be had. GYRE_IO decides where this is not given. */
  readonly io?: IoWish
  /** Limits that differ from the table's (docs/limits.md). */
  readonly limits?: Partial<Limits>
  /** Whether a handler is cancelled when its client goes away. True by default. */
  readonly cancelOnDisconnect?: boolean
  /** Answers CONNECT, by `response.upgrade('')` or with a refusal; without it CONNECT is refused with 405. */
  readonly connect?: Handler
  /**
   * Where access records go, one for every request: `combined` or `json` lines on standard output, or a function.
   * None by default.
   */
  readonly access?: AccessOption
  /** Where events go: lines on standard error by default; `false` for nowhere. */
  readonly log?: Logger | false
}

/** Where a server listens: a TCP port, or the path of a unix socket. */
export interface ListenOptions {
  /** From 0 to 65535; 0 takes a free one. */
  readonly port?: number
  /** An address or a name of this machine; all of its addresses without it. */
  readonly host?: string
  /** The path of a unix socket, instead of a port. */
  readonly path?: string
  /** How many completed connections may wait to be accepted. */
  readonly backlog?: number
}

const SERVER_OPTIONS: readonly (keyof ServerOptions)[] = [
  'io',
  'limits',
  'cancelOnDisconnect',
  'connect',
  'access',
  'log',
]
const LISTEN_OPTIONS: readonly (keyof ListenOptions)[] = ['port', 'host', 'path', 'backlog']
const HIGHEST_PORT = 65_535

/** @throws GyreError `GYRE_BAD_OPTION` */
export function checkServerOptions(options: ServerOptions): void {
  checkNames('createServer()', options, SERVER_OPTIONS)
  const { cancelOnDisconnect, connect, log } = options
  if (cancelOnDisconnect !== undefined && typeof cancelOnDisconnect !== 'boolean')
    throw badOption('cancelOnDisconnect must be true or false')
  if (connect !== undefined && typeof connect !== 'function') throw badOption('connect must be a handler')
  if (log !== undefined && log !== false && typeof log !== 'function')
    throw badOption('log must be a function, or false')
}

/** @throws GyreError `GYRE_BAD_OPTION` */
export function checkListenOptions(options: ListenOptions): void {
  checkNames('listen()', options, LISTEN_OPTIONS)
  const { port, host, path, backlog = SIZES.backlog } = options
  if ((port === undefined) === (path === undefined)) throw badOption('listen() needs either a port or a path')
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= HIGHEST_PORT))
    throw badOption(`port must be a whole number from 0 to ${HIGHEST_PORT}, not ${String(port)}`)
  if (path !== undefined && (path === '' || host !== undefined))
    throw badOption('path must not be empty, and goes without host')
  if (!(Number.isInteger(backlog) && backlog > 0))
    throw badOption(`backlog must be a whole number above 0, not ${String(backlog)}`)
}

/**
 * Finds out where to listen. A name is looked up; without a host it is all addresses, IPv6 and IPv4
 * alike where the machine has IPv6.
 */
export async function resolveAddress(options: ListenOptions): Promise<ListenAddress> {
  const { port = 0, host = '::', path, backlog = SIZES.backlog } = options
  if (path !== undefined) return { path, backlog }
  if (isIP(host) !== 0) return { address: host, port, backlog }
  try {
    return { address: (await lookup(host)).address, port, backlog }
  } catch (error) {
    throw new GyreError(
      'GYRE_ADDRESS_UNKNOWN',
      `the name ${host} cannot be looked up: use an address, or a name of this machine`,
      error,
    )
  }
}

function checkNames(call: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw badOption(`${call} has no option ${name}; there are: ${known.join(', ')}`)
}

function badOption(detail: string): GyreError {
  return new GyreError('GYRE_BAD_OPTION', detail)
}
