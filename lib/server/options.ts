/*
 * What `createServer` takes, checked at once: a wrong option throws where it was written, with a sentence
 * that says what to do.
 */
import { GyreError } from '../base/index.ts'
import type { Limits } from '../base/index.ts'
import type { IoWish } from '../io/index.ts'
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
  /**
   * Whether each request's share of the loop is counted: in its access record, and for the client in the field
   * Server-Timing. Off by default.
   */
  readonly accounting?: boolean
  /** Where events go: lines on standard error by default; `false` for nowhere. */
  readonly log?: Logger | false
}

const SERVER_OPTIONS: readonly (keyof ServerOptions)[] = [
  'io',
  'limits',
  'cancelOnDisconnect',
  'connect',
  'access',
  'accounting',
  'log',
]

/** @throws GyreError `GYRE_BAD_OPTION` */
export function checkServerOptions(options: ServerOptions): void {
  checkNames('createServer()', options, SERVER_OPTIONS)
  const { cancelOnDisconnect, accounting, connect, log } = options
  if (cancelOnDisconnect !== undefined && typeof cancelOnDisconnect !== 'boolean')
    throw badOption('cancelOnDisconnect must be true or false')
  if (accounting !== undefined && typeof accounting !== 'boolean') throw badOption('accounting must be true or false')
  if (connect !== undefined && typeof connect !== 'function') throw badOption('connect must be a handler')
  if (log !== undefined && log !== false && typeof log !== 'function')
    throw badOption('log must be a function, or false')
}

/** Throws for an option that there is not. @throws GyreError `GYRE_BAD_OPTION` */
export function checkNames(call: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw badOption(`${call} has no option ${name}; there are: ${known.join(', ')}`)
}

/** @param detail - what is wrong, and what to do */
export function badOption(detail: string): GyreError {
  return new GyreError('GYRE_BAD_OPTION', detail)
}
