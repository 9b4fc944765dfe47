/*
 * The states of a connection on the server's side, as a table.
 *
 * Rule 1. A connection is in one state, and only an event of its row moves it.
 * Rule 2. Which time is running, what a hang-up of the client means, and what a drain does with the
 *   connection are decided by the state alone.
 * An event that a row does not have is a fault of ours, and throws.
 */
import { GyreError } from '../../base/index.ts'

/** Where a connection is. */
export type ConnectionState =
  /** Between requests: nothing of the next one has come. */
  | 'idle'
  /** Some of a head has come. */
  | 'head'
  /** A handler runs, or what it left of the body is read. Who waits for the client then has a time of its own. */
  | 'handling'
  /** The last answer is out; what the client still sends is read and dropped (RFC 9112 section 9.6). */
  | 'lingering'
  /** It speaks another protocol, and is its handler's. */
  | 'upgraded'
  | 'closed'

/** What moves it. */
export type ConnectionEvent = 'headBegun' | 'headRead' | 'upgraded' | 'answered' | 'lastAnswered' | 'refused' | 'ended'

type Row = Partial<Readonly<Record<ConnectionEvent, ConnectionState>>>

/** State by event: the next state. docs/design.md draws it. */
export const CONNECTION_STATES: Readonly<Record<ConnectionState, Row>> = {
  idle: { headBegun: 'head', headRead: 'handling', refused: 'lingering', lastAnswered: 'lingering', ended: 'closed' },
  head: { headRead: 'handling', refused: 'lingering', ended: 'closed' },
  handling: { answered: 'idle', lastAnswered: 'lingering', upgraded: 'upgraded', ended: 'closed' },
  lingering: { ended: 'closed' },
  upgraded: { ended: 'closed' },
  closed: {},
}

/**
 * The state of a connection after an event.
 *
 * @param state - the state before
 * @param event - what has happened
 * @returns the state that the event leads to
 * @throws GyreError `GYRE_TASK_MISUSE` for an event that the state does not know: a fault of the caller
 * @example
 * ```ts
 * console.log(nextState('idle', 'headRead'), nextState('handling', 'answered')) // handling idle
 * ```
 */
export function nextState(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  const next = CONNECTION_STATES[state][event]
  if (next === undefined) throw new GyreError('GYRE_TASK_MISUSE', `a connection that is ${state} cannot take ${event}`)
  return next
}
