/*
 * What a server counts: requests by how they end, and limits by how often they were hit.
 */
import { GyreError, LIMITS } from '../base/index.ts'
import type { LimitName } from '../base/index.ts'
import type { Meter } from '../kernel/index.ts'
import type { RequestHead } from '../protocol/index.ts'
import { OUTCOMES, limitOf, outcomeOf } from './record.ts'
import type { AccessRecord, Ending, LoopShare, Outcome } from './record.ts'
import type { RequestOrigin } from './request.ts'

/** Counts, as `server.statistics()` shows them. */
export interface Counts {
  /** Connections taken in. */
  readonly accepted: number
  /** Connections turned away, because there were too many in all or of one address. */
  readonly rejected: number
  /** Requests whose head was read. */
  readonly requests: number
  /** Requests whose handler runs now. */
  readonly running: number
  /** Requests, and connections turned away, by how they ended. */
  readonly outcomes: Readonly<Record<Outcome, number>>
  /** How often each limit was hit that was hit at all. */
  readonly limitsHit: Readonly<Partial<Record<LimitName, number>>>
}

/** How a request has ended: what its record is made of. */
export interface Settlement {
  /** When it began, in milliseconds of the host's clock. */
  readonly started: number
  readonly origin: RequestOrigin
  /** Null where none was read. */
  readonly head: RequestHead | null
  readonly status: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly clientTime: number
  /** What counted its share of the loop; null where nothing did. */
  readonly meter: Meter | null
  readonly ending: Ending
}

export class Tally implements Counts {
  accepted = 0
  rejected = 0
  requests = 0
  running = 0
  readonly outcomes: Record<Outcome, number> = Object.fromEntries(OUTCOMES.map((name) => [name, 0])) as Record<
    Outcome,
    number
  >
  private readonly hits = new Map<LimitName, number>()

  /** The limits that were hit, in the order of the table. */
  get limitsHit(): Partial<Record<LimitName, number>> {
    const found: Partial<Record<LimitName, number>> = {}
    for (const name of Object.keys(LIMITS) as LimitName[]) {
      const count = this.hits.get(name)
      if (count !== undefined) found[name] = count
    }
    return found
  }

  /** A handler begins. */
  begin(): void {
    this.requests++
    this.running++
  }

  /** A handler has ended. */
  end(): void {
    this.running--
  }

  /** Counts how a request has ended. */
  count({ outcome, error }: Ending): void {
    this.outcomes[outcome]++
    if (error !== null) this.hit(error)
  }

  /** Counts the limit that an error says was hit, if it is one. */
  hit(error: unknown): void {
    const limit = limitOf(error)
    if (limit !== null) this.hits.set(limit, (this.hits.get(limit) ?? 0) + 1)
  }

  /** @returns a copy that does not change any more */
  snapshot(): Counts {
    const { accepted, rejected, requests, running, outcomes, limitsHit } = this
    return { accepted, rejected, requests, running, outcomes: { ...outcomes }, limitsHit }
  }
}

/** The settlement of what no handler has seen. */
export function unanswered(
  origin: RequestOrigin,
  error: GyreError,
  { started, head, status }: Pick<Settlement, 'started' | 'head' | 'status'>,
): Settlement {
  const ending: Ending = { outcome: outcomeOf(error, status), phase: 'head', error }
  const nothing = { bytesIn: 0, bytesOut: 0, clientTime: 0, meter: null }
  return { started, origin, head, status, ...nothing, ending }
}

/**
 * Makes the record of a request that has ended.
 *
 * @param now - of the clock that `started` is of
 * @param wallTime - now, in milliseconds since 1970
 */
export function recordOf(settlement: Settlement, now: number, wallTime: number): AccessRecord {
  const { head } = settlement
  const { outcome, phase, error } = settlement.ending
  const duration = now - settlement.started
  return {
    time: wallTime - duration,
    duration,
    remote: settlement.origin.remote,
    method: head?.method ?? '',
    target: head?.target ?? '',
    httpVersion: head === null ? '' : head.minor === 1 ? '1.1' : '1.0',
    headers: head?.fields ?? null,
    status: settlement.status,
    bytesIn: settlement.bytesIn,
    bytesOut: settlement.bytesOut,
    clientTime: settlement.clientTime,
    loop: settlement.meter === null ? null : loopShare(settlement.meter),
    outcome,
    phase: outcome === 'ok' ? null : phase,
    code: error instanceof GyreError ? error.code : null,
    limit: limitOf(error),
  }
}

function loopShare({ steps, loopTime, longestStep, queuedTime }: Meter): LoopShare {
  return { steps, loopTime, longestStep, queuedTime }
}
