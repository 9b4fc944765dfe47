/*
 * What the three ways take besides the application, checked where it was written.
 */
import { GyreError, resolveWsgiLimits } from '../base/index.ts'
import type { WsgiLimits } from '../base/index.ts'

/** Options of a WSGI mount. */
export interface WsgiOptions {
  /** Limits that differ from the table's (docs/limits.md). */
  readonly limits?: Partial<WsgiLimits>
  /** How large a body may be, in bytes: without it the server's limit `bodyBytes` holds. */
  readonly bodyBytes?: number
  /**
   * Whether other processes serve the same application, as `wsgi.multiprocess` tells it. Only who starts the
   * processes knows. False by default.
   */
  readonly multiprocess?: boolean
}

/** Options as they are in force. */
export interface WsgiSettings {
  readonly limits: WsgiLimits
  readonly bodyBytes: number | undefined
  readonly multiprocess: boolean
}

const NAMES: readonly string[] = ['limits', 'bodyBytes', 'multiprocess'] satisfies (keyof WsgiOptions)[]

/** @throws GyreError `GYRE_BAD_OPTION` */
export function settingsOf(options: WsgiOptions): WsgiSettings {
  for (const name of Object.keys(options))
    if (!NAMES.includes(name))
      throw new GyreError('GYRE_BAD_OPTION', `a WSGI mount has no option ${name}; there are: ${NAMES.join(', ')}`)
  const { limits = {}, bodyBytes, multiprocess = false } = options
  if (bodyBytes !== undefined && !(bodyBytes >= 0))
    throw new GyreError('GYRE_BAD_OPTION', 'bodyBytes must be a number of bytes')
  if (typeof multiprocess !== 'boolean') throw new GyreError('GYRE_BAD_OPTION', 'multiprocess must be true or false')
  return { limits: resolveWsgiLimits(limits), bodyBytes, multiprocess }
}
