/*
 * Closing a server, in the order that loses nothing:
 *   1. `ready` is false, so that health checks fail; connections are still taken for `closeDelay`.
 *   2. Every answer from here on says `Connection: close`. Connections that wait in the backlog are taken in, and
 *      the listeners close.
 *   3. Idle connections wait `lastCallTime` for a request that is on its way, and then end, our side first.
 *   4. Running requests have until `closeTime`; then they are cancelled, and every `finally` runs.
 *   5. What has shielded itself from that for longer than the grace loses its connection, and is not waited for.
 */
import { GyreError } from '../base/index.ts'
import type { Limits } from '../base/index.ts'
import { park, sleep, withTimeout } from '../kernel/index.ts'
import type { Coroutine, ParkingLot } from '../kernel/index.ts'
import type { Endpoint } from '../io/index.ts'
import type { Outcome, Phase } from './record.ts'

/** A request that has not ended. */
export interface RunningRequest {
  /** Its method. */
  readonly method: string
  /** Its target, as it was sent. */
  readonly target: string
  /** The client's end of the connection. */
  readonly remote: Endpoint
  /** What it is waiting for. */
  readonly phase: Phase
  /** For how long it has run, in milliseconds. */
  readonly age: number
}

/** What a close has found and done. */
export interface CloseReport {
  /** How long it took, in milliseconds. */
  readonly duration: number
  /** Requests that were running when it began, those of upgraded connections included. */
  readonly running: number
  /** Connections that had no request then. */
  readonly idle: number
  /** How the requests that ended while it lasted have ended. */
  readonly outcomes: Readonly<Record<Outcome, number>>
  /** Those that had to be cancelled, and where they were. Empty after a clean close. */
  readonly cut: readonly RunningRequest[]
  /** How much work behind answers (`request.afterwards`) had to be cancelled. */
  readonly cutAfterwork: number
}

/** What a drain needs of its server. */
export interface Draining {
  readonly limit: Pick<Limits, 'closeDelay' | 'closeTime' | 'cancelGrace' | 'lingerTime'>
  /** Woken when the last connection, or the last work behind an answer, has ended. */
  readonly empty: ParkingLot
  /** How many connections there are, those on their way in among them. */
  size(): number
  /** How much work goes on behind answers. */
  afterwork(): number
  running(): RunningRequest[]
  outcomes(): Record<Outcome, number>
  now(): number
  /** Has every connection end after its answer. */
  windDown(): void
  stopListening(): Coroutine<void>
  /** Cancels what is left. */
  cancel(): void
  /** Resets the connections that are left. */
  reset(): void
}

export function* drain(server: Draining): Coroutine<CloseReport> {
  const begun = server.now()
  const before = server.outcomes()
  const { closeDelay } = server.limit
  if (closeDelay > 0) yield* sleep(closeDelay)
  const running = server.running().length
  const idle = server.size() - running
  // Before those who are here are told to go: they come again at once, and would find a door that is just closing.
  yield* server.stopListening()
  server.windDown()
  const { cut, cutAfterwork } = yield* waitOrCut(server)
  const after = server.outcomes()
  const outcomes = Object.fromEntries(
    Object.entries(after).map(([name, count]) => [name, count - before[name as Outcome]]),
  ) as Record<Outcome, number>
  return { duration: server.now() - begun, running, idle, outcomes, cut, cutAfterwork }
}

/** Waits for the last connection. @returns what had to be cancelled */
function* waitOrCut(server: Draining): Coroutine<Pick<CloseReport, 'cut' | 'cutAfterwork'>> {
  const { closeTime, cancelGrace, lingerTime } = server.limit
  if (yield* isEmptyWithin(closeTime, server)) return { cut: [], cutAfterwork: 0 }
  const cut = server.running()
  const cutAfterwork = server.afterwork()
  server.cancel()
  if (!(yield* isEmptyWithin(cancelGrace + lingerTime, server))) server.reset()
  return { cut, cutAfterwork }
}

function* isEmptyWithin(duration: number, server: Draining): Coroutine<boolean> {
  try {
    yield* withTimeout(duration, () => waitEmpty(server))
    return true
  } catch (error) {
    if (error instanceof GyreError && error.code === 'GYRE_TIMEOUT') return false
    throw error
  }
}

function* waitEmpty(server: Draining): Coroutine<void> {
  while (server.size() + server.afterwork() > 0) yield* park(server.empty)
}
