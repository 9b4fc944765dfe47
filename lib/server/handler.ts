/*
 * The seam between front doors and dialects: a handler takes a request and a response. It may be a
 * generator function (the native kind), an async function or a plain one; what it returns tells, and
 * nothing else is guessed.
 */
import { GyreError } from '../base/index.ts'
import { waitPromise } from '../kernel/index.ts'
import type { Operation } from '../kernel/index.ts'
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
 *   response.text(`hello ${request.path}`)
 * }
 * console.log((await inject(handler, { path: '/ada' })).text()) // hello /ada
 * ```
 */
// A handler that returns nothing is void to TypeScript, not undefined.
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type
export type Handler = (request: Request, response: Response) => HandlerResult | void

/** What to run after a handler that returned nothing. */
const NOTHING: Operation<unknown> = {
  [Symbol.iterator]: () => ({ next: () => ({ done: true, value: undefined }) }),
}

/**
 * What is left to run of a handler that was called: `yield* finish(handler(request, response))`. For
 * handlers that call other handlers.
 *
 * @param result - what the handler has returned
 * @throws GyreError `GYRE_HANDLER_RESULT` for what is neither nothing, nor an operation, nor a promise
 */
export function finish(result: ReturnType<Handler>): Operation<unknown> {
  if (result === undefined) return NOTHING
  if (typeof result === 'object' && (result as unknown) !== null && !Array.isArray(result)) {
    if (Symbol.iterator in result) return result
    if (typeof result.then === 'function') return waitPromise(result)
  }
  throw new GyreError(
    'GYRE_HANDLER_RESULT',
    `a handler answers through its response; it returned ${typeof result}, which is neither an operation nor a promise`,
  )
}

const SERVER_ERROR = 500

/**
 * An error that becomes an answer: throw it from a handler.
 *
 * @example
 * ```ts
 * const answer = await inject((request) => {
 *   throw new HttpError(404, `there is no page ${request.path}`)
 * }, { path: '/old' })
 * console.log(answer.status, answer.text().trim()) // 404 404 Not Found: there is no page /old
 * ```
 */
export class HttpError extends Error {
  /** The status of the answer. */
  readonly status: number
  /** Whether the message is meant for the client: below 500. */
  readonly expose: boolean

  /**
   * @param status - from 400 to 599
   * @param message - is shown to the client where the status is below 500
   * @param options - such as the `cause`
   */
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'HttpError'
    this.status = status
    this.expose = status < SERVER_ERROR
  }
}
