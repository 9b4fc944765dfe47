/*
 * The access record: what became of a request.
 *
 * The law. Every request whose head has begun to come gets exactly one record, whatever its end; so
 * does every connection that was turned away, or that sent nothing until its time was over. The
 * outcomes are a closed set. A connection that its client opens and closes without a word is no request
 * and has no record: browsers and health checks do so all day.
 */
import { ERRORS, GyreError } from '../base/index.ts'
import type { ErrorCode, ErrorRow, LimitName } from '../base/index.ts'
import type { Endpoint } from '../io/index.ts'
import type { RequestFields } from '../protocol/index.ts'

/** How a request may end. */
export const OUTCOMES = [
  /** The whole answer was handed to the connection, whatever its status. */
  'ok',
  /** The client went away first. */
  'gone',
  /** A time was over: of the head, of the body, of the handler, of the answer. `phase` tells. */
  'timedOut',
  /** A rule or a limit refused it. `code` and `limit` tell which. */
  'refused',
  /** The server shut down first. */
  'cut',
  /** The handler failed, by its own error or by answering wrongly. */
  'failed',
] as const

/** How a request has ended. */
export type Outcome = (typeof OUTCOMES)[number]

/** What a request is waiting for: its head, its body, its handler, or the client reading the answer. */
export type Phase = 'head' | 'body' | 'handler' | 'answer' | 'upgraded'

/** How a request has ended, and why. */
export interface Ending {
  readonly outcome: Outcome
  /** Where it was when it failed; null where it did not. */
  readonly phase: Phase | null
  /** What is told of it: where a cancel was thrown, what has cancelled. */
  readonly error: unknown
}

/** The end of most. */
export const WELL: Ending = { outcome: 'ok', phase: null, error: null }
/** Of one that has not ended, or to whose end nobody came, because the connection's task was dropped. */
export const UNENDED: Ending = { outcome: 'failed', phase: null, error: null }

/** What a request, and all that it spawned, took of the loop. Times are in milliseconds. */
export interface LoopShare {
  /** How often it ran until its next wait. */
  readonly steps: number
  /** How long it ran. */
  readonly loopTime: number
  /** For how long at most it let nothing else run. */
  readonly longestStep: number
  /** How long it was ready while others ran: high where the loop is overloaded, or somebody stalls it. */
  readonly queuedTime: number
}

/** What became of one request. */
export interface AccessRecord {
  /** When its head was there, in milliseconds since 1970. */
  readonly time: number
  /** From its head to its end, in milliseconds. */
  readonly duration: number
  /** The client's end of the connection. */
  readonly remote: Endpoint
  /** Empty where no head was read; so is the target. */
  readonly method: string
  /** The target as it was sent. */
  readonly target: string
  /** `1.0` or `1.1`; empty where no head was read. */
  readonly httpVersion: '1.0' | '1.1' | ''
  /** The header fields of the request; null where no head was read. */
  readonly headers: RequestFields | null
  /** The status that was sent; 0 where none was. */
  readonly status: number
  /** Bytes of the request's body that came. */
  readonly bytesIn: number
  /** Bytes of the answer's body that were sent. */
  readonly bytesOut: number
  /** How long the client was waited for, in milliseconds: for its body, and to read the answer. */
  readonly clientTime: number
  /** What it took of the loop; null where the option `accounting` is off. */
  readonly loop: LoopShare | null
  /** How it has ended. */
  readonly outcome: Outcome
  /** Where it was when it ended otherwise than `ok`. */
  readonly phase: Phase | null
  /** The rule that ended it, where there is one: a code of the errors table. */
  readonly code: ErrorCode | null
  /** The limit that was hit, where it was one. */
  readonly limit: LimitName | null
}

/** Takes records, one at each request's end. */
export type AccessWriter = (record: AccessRecord) => void

/** Codes whose outcome does not follow from status and blame. */
const SPECIAL: Partial<Record<ErrorCode, Outcome>> = {
  GYRE_PEER_GONE: 'gone',
  GYRE_BODY_TRUNCATED: 'gone',
  GYRE_HANDSHAKE_TIMEOUT: 'timedOut',
  GYRE_HEAD_TIMEOUT: 'timedOut',
  GYRE_BODY_TIMEOUT: 'timedOut',
  GYRE_BODY_TOO_SLOW: 'timedOut',
  GYRE_HANDLER_TIMEOUT: 'timedOut',
  GYRE_WRITE_TIMEOUT: 'timedOut',
  GYRE_WRITE_TOO_SLOW: 'timedOut',
  GYRE_SHUTDOWN: 'cut',
  GYRE_NOT_SERVED: 'cut',
}

const SERVER_ERROR = 500

/**
 * @param begun - whether the answer had begun, and was broken off by the error
 * @returns the outcome of a request that ended with an error, answered with that status
 */
export function outcomeOf(error: unknown, status: number, begun: boolean = false): Outcome {
  if (error instanceof GyreError) return SPECIAL[error.code] ?? (error.blame === 'client' ? 'refused' : 'failed')
  // An HttpError below 500 is what the handler wanted to say, if it could be said.
  return status < SERVER_ERROR && !begun ? 'ok' : 'failed'
}

/** @returns the limit that an error says was hit */
export function limitOf(error: unknown): LimitName | null {
  if (!(error instanceof GyreError)) return null
  const row: ErrorRow = ERRORS[error.code]
  return (row.limit ?? null) as LimitName | null
}
