/*
 * What it means that something was thrown in an exchange: whose fault it is, what the client is told, and where it was.
 */
import { GyreError, statusOf } from '../base/index.ts'
import { Cancelled, currentTask } from '../kernel/index.ts'
import type { Coroutine, InnerScope } from '../kernel/index.ts'
import type { Incoming } from './incoming.ts'
import type { Outgoing } from './outgoing.ts'
import type { Outlet } from './outlet.ts'
import { outcomeOf } from './record.ts'
import type { Ending, Phase } from './record.ts'

/** How an exchange stands when something is thrown. */
export interface Standing {
  /** True once the client was seen to have gone. */
  readonly gone: boolean
  /** True once the connection has left HTTP. */
  readonly left: boolean
  readonly scope: InnerScope | null
  readonly incoming: Incoming | null
  readonly outgoing: Outgoing
  readonly outlet: Outlet
}

/** What it means. */
export interface Failure extends Ending {
  /** What to answer with; 0 where nobody is there to read it. */
  readonly status: number
  /** Whether the client has gone. */
  readonly gone: boolean
}

/** @returns what it means that this was thrown */
export function failureOf(thrown: unknown, standing: Standing): Failure {
  const error = causeOf(thrown, standing)
  const clients = thrown === standing.incoming?.brokenBy || thrown === standing.outlet.brokenBy || error !== thrown
  // An error without a status is about some other connection, if it is not about this one.
  const status = error instanceof GyreError && (error.status > 0 || clients) ? error.status : statusOf(error)
  return {
    error,
    status,
    outcome:
      error instanceof GyreError && error.status === 0 && !clients
        ? 'failed'
        : outcomeOf(error, status, standing.outgoing.begun),
    phase: phaseAt(thrown, standing),
    gone: standing.gone || (error instanceof GyreError && error.code === 'GYRE_PEER_GONE' && clients),
  }
}

/** @returns how it ended for a task that was dropped, which went on waiting after a cancel and its grace */
export function dropped({ gone, scope }: Standing, phase: Phase): Ending {
  const cancelled = (scope?.cancelled ?? null) !== null
  const error = new GyreError(gone ? 'GYRE_PEER_GONE' : cancelled ? 'GYRE_HANDLER_TIMEOUT' : 'GYRE_SHUTDOWN')
  return { outcome: outcomeOf(error, 0), phase, error }
}

/** What was thrown before anything could wait, as something to be run: it is thrown there. */
export function* throwing(error: unknown): Coroutine<never> {
  throw error
}

/** What a cancel means: who has cancelled, and why. */
function causeOf(thrown: unknown, { gone, scope }: Standing): unknown {
  if (!(thrown instanceof Cancelled)) return thrown
  if (thrown === scope?.cancelled)
    return new GyreError(gone ? 'GYRE_PEER_GONE' : 'GYRE_HANDLER_TIMEOUT', undefined, thrown)
  // The connection's task is cancelled by its server alone. Any other cancel is of something that the
  // handler has joined, and its own business.
  return currentTask().cancelledBy === null ? thrown : new GyreError('GYRE_SHUTDOWN', undefined, thrown)
}

/** Where the exchange was when this was thrown: what has broken off a wait for the client is known there. */
function phaseAt(thrown: unknown, { left, incoming, outlet, outgoing }: Standing): Phase {
  if (left) return 'upgraded'
  if (thrown === incoming?.brokenBy) return 'body'
  return thrown === outlet.brokenBy || outgoing.finished ? 'answer' : 'handler'
}

/** What ended a head half way: the shutdown, or the client. */
export function headFailure(error: unknown): GyreError {
  if (error instanceof Cancelled) return new GyreError('GYRE_SHUTDOWN', undefined, error)
  return error instanceof GyreError ? error : new GyreError('GYRE_PEER_GONE', undefined, error)
}
