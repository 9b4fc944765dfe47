/*
 * From a response as a handler has made it to its head. For every front door: what one of them refuses, all do.
 */
import { responseHead } from '../protocol/index.ts'
import type { PlannedHead, RequestHead } from '../protocol/index.ts'
import type { Response } from './response.ts'

/** Where the head goes. */
interface Door {
  /** Length of the body in bytes; undefined where it is not known. */
  readonly length: number | undefined
  /** Whether we would have the connection go on; true for doors that do not decide it. */
  readonly keepAlive?: boolean
  /** The line of the Date field; empty where somebody else writes it. */
  readonly date?: string
}

/** The head of a response. @throws GyreError as `responseHead` @internal */
export function headOf(
  response: Response,
  { method, minor }: Pick<RequestHead, 'method' | 'minor'>,
  { length, keepAlive = true, date = '' }: Door,
): PlannedHead {
  const { status, reason, ownHeaders, contentType } = response
  return responseHead({ method, minor, status, reason, fields: ownHeaders, contentType, length, keepAlive, date })
}
