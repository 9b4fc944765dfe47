/*
 * Tracing: what happens to a request, told on channels of node:diagnostics_channel. Nobody listens as a
 * rule; then a channel costs one look at a flag. What a subscriber throws becomes an uncaughtException of
 * Node's, as on every such channel, and ends no request.
 */
import { channel } from 'node:diagnostics_channel'
import type { Task } from '../kernel/index.ts'
import type { AccessRecord } from './record.ts'
import type { Request } from './request.ts'
import type { Response } from './response.ts'

/** What every message about a request holds. */
export interface RequestMessage {
  /** The request. */
  readonly request: Request
  /** What answers it. */
  readonly response: Response
}

/** `gyre.request.error`: the handler has failed, or its client, or its time is over. */
export interface ErrorMessage extends RequestMessage {
  /** What was thrown, whatever it is. */
  readonly error: unknown
}

/** `gyre.request.finish`: how it ended. */
export interface FinishMessage
  extends RequestMessage, Pick<AccessRecord, 'outcome' | 'status' | 'bytesIn' | 'bytesOut'> {}

/** `gyre.loop.stall`: a step took longer than the limit `stallTime`. */
export interface StallMessage {
  /** Whose step it was. */
  readonly task: Task
  /** How long the step took, in milliseconds. */
  readonly duration: number
  /**
   * Where the task waited next: the calls of its `yield*` chain, the innermost first. Empty where it has ended, and where the
   * handler has.
   */
  readonly site: readonly string[]
  /** The request that the task was serving, where it was one's own. */
  readonly request: Request | null
}

/** A handler is about to be called. Message: RequestMessage. */
export const requestStart = channel('gyre.request.start')
/** The head of the answer is about to be sent. Message: RequestMessage. */
export const headSent = channel('gyre.request.headSent')
/** Message: ErrorMessage. */
export const requestError = channel('gyre.request.error')
/** The exchange has ended. Message: FinishMessage. */
export const requestFinish = channel('gyre.request.finish')
/** Message: StallMessage. */
export const loopStall = channel('gyre.loop.stall')
