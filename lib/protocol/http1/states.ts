/*
 * The states of a connection on the server's side, as a table.
 *
 * Rule 1. A connection is in one state, and only an event of its row moves it.
 * Rule 2. Which time is running, what a hang-up of the client means, and what a drain does with the
 *   connection are decided by the state alone.
 * An event that a row does not have is a fault of ours, and throws.
 */
import { GyreError } from '../../base/index.ts'

/** Where a connection is, by name. */
export type ConnectionStateName =
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
export type ConnectionEvent = Exclude<keyof ConnectionState, 'name'>

const EVENTS: readonly ConnectionEvent[] = [
  'headBegun',
  'headRead',
  'upgraded',
  'answered',
  'lastAnswered',
  'refused',
  'ended',
]

type Row = Partial<Readonly<Record<ConnectionEvent, ConnectionStateName>>>

/** State by event: the next state. docs/design.md draws it. */
export const CONNECTION_STATES: Readonly<Record<ConnectionStateName, Row>> = {
  idle: { headBegun: 'head', headRead: 'handling', refused: 'lingering', lastAnswered: 'lingering', ended: 'closed' },
  head: { headRead: 'handling', refused: 'lingering', ended: 'closed' },
  handling: { answered: 'idle', lastAnswered: 'lingering', upgraded: 'upgraded', ended: 'closed' },
  lingering: { ended: 'closed' },
  upgraded: { ended: 'closed' },
  closed: {},
}

/** A row of the table, with the states themselves instead of their names: what an event leads to is its property. */
export interface ConnectionState {
  /** Which it is. */
  readonly name: ConnectionStateName
  /** Some of a head has come. */
  readonly headBegun: ConnectionState
  /** A head is whole, and its request begins. */
  readonly headRead: ConnectionState
  /** The connection has left HTTP. */
  readonly upgraded: ConnectionState
  /** The answer is out, and the connection goes on. */
  readonly answered: ConnectionState
  /** The answer is out, and was the last; or none will come. */
  readonly lastAnswered: ConnectionState
  /** What came is no request, and was told so. */
  readonly refused: ConnectionState
  /** The connection is over. */
  readonly ended: ConnectionState
}

/** Events are its properties: its own are those of its row, and lead on; all others are found here, and throw. */
class State {
  readonly name: ConnectionStateName

  constructor(name: ConnectionStateName) {
    this.name = name
  }
}

for (const event of EVENTS)
  Object.defineProperty(State.prototype, event, {
    get(this: State): never {
      throw new GyreError('GYRE_TASK_MISUSE', `a connection that is ${this.name} cannot take ${event}`)
    },
  })

/**
 * The states of a connection, each leading to others: two of them are passed with each request, and a property costs
 * a tenth of what looking two names up costs.
 *
 * @throws GyreError `GYRE_TASK_MISUSE` when an event is read that the state does not know: a fault of the caller
 * @example
 * ```ts
 * const { idle } = STATES
 * console.log(idle.headRead.name, idle.headRead.answered === idle) // handling true
 * ```
 */
export const STATES: Readonly<Record<ConnectionStateName, ConnectionState>> = linked()

function linked(): Record<ConnectionStateName, ConnectionState> {
  const names = Object.keys(CONNECTION_STATES) as ConnectionStateName[]
  const states = Object.fromEntries(names.map((name) => [name, new State(name)])) as typeof STATES
  for (const name of names)
    for (const [event, next] of Object.entries(CONNECTION_STATES[name]))
      Object.defineProperty(states[name], event, { value: states[next] })
  return states
}
