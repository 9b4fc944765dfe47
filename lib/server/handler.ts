/*
 * The seam between front doors and dialects: a handler takes a request and a response. It may be a
 * generator function (the native kind), an async function or a plain one; what it returns tells, and
 * nothing else is guessed.
 */
import { GyreError } from '../base/index.ts'
import { waitPromise } from '../kernel/index.ts'
import type { Coroutine, Operation, Trap } from '../kernel/index.ts'
import type { Request } from './request.ts'
import type { Response } from './response.ts'

/** What a handler may return: nothing, an operation to run, or a promise to wait for. */
export type HandlerResult = Operation<unknown> | PromiseLike<unknown> | undefined

/**
 * Answers requests.
 *
 * @example
 * ```ts
 * const handler: Handler = function* (request, response) {
 *   response.text(`hello ${request.path}\n`)
 * }
 * ```
 */
// A handler that returns nothing is void to TypeScript, not undefined.
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type
export type Handler = (request: Request, response: Response) => HandlerResult | void

/** Waits for what a handler has returned. For handlers that call other handlers. */
export function* finish(result: ReturnType<Handler>): Coroutine<void> {
  if (result === undefined) return
  if (typeof result === 'object' && (result as unknown) !== null && !Array.isArray(result)) {
    if (Symbol.iterator in result) {
      yield* result as Iterable<Trap>
      return
    }
    if (typeof result.then === 'function') {
      yield* waitPromise(result)
      return
    }
  }
  throw new GyreError(
    'GYRE_HANDLER_RESULT',
    `a handler answers through its response; it returned ${typeof result}, which is neither an operation nor a promise`,
  )
}

/** An error that becomes an answer: throw it from a handler. */
export class HttpError extends Error {
  /** The status of the answer. */
  readonly status: number

  /**
   * @param status - from 400 to 599
   * @param message - is shown to the client where the status is below 500
   * @example
   * ```ts
   * if (page === undefined) throw new HttpError(404, 'no such page')
   * ```
   */
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'HttpError'
    this.status = status
  }
}
