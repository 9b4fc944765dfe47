/*
 * The attacks one by one, for those who want one verdict and not a report. Each can be `yield*`ed or
 * awaited, and takes the same target and options as `attack`.
 */
import type { Operation } from '../kernel/index.ts'
import * as floods from './attacks/floods.ts'
import * as strangers from './attacks/nonsense.ts'
import * as pace from './attacks/pace.ts'
import { Elsewhere } from './elsewhere.ts'
import type { Attack, Verdict } from './verdict.ts'
import { Victim } from './victim.ts'
import type { AttackOptions, Target } from './victim.ts'

/** A verdict to come: `yield*` it or await it. */
export type Trial = Operation<Verdict> & PromiseLike<Verdict>

/** An attack that takes nothing but a target. */
export type AttackFunction = (target: Target, options?: AttackOptions) => Trial

function against(target: Target, options: AttackOptions | undefined, attack: Attack): Trial {
  const victim = new Victim(target, options ?? {})
  return new Elsewhere(victim.kernel, () => attack.run(victim))
}

function alone(attack: Attack): AttackFunction {
  return (target, options) => against(target, options, attack)
}

/**
 * Sends a request one byte at a time: it must be answered like one that comes whole.
 *
 * @example
 * ```ts
 * const hello: Handler = (_request, response) => response.text('hello')
 * const { passed, why } = await byteAtATime(hello)
 * expect(passed, why).toBe(true)
 * ```
 */
export const byteAtATime: AttackFunction = alone(pace.byteAtATime)

/**
 * Reads its answer slowly, but reads: it must get the whole of it.
 *
 * @example
 * ```ts
 * const hello: Handler = (_request, response) => response.text('hello')
 * const { passed, why } = await slowReader(hello)
 * expect(passed, why).toBe(true)
 * ```
 */
export const slowReader: AttackFunction = alone(pace.slowReader)

/**
 * Ends its side after a request: no connection may be left behind.
 *
 * @example
 * ```ts
 * const hello: Handler = (_request, response) => response.text('hello')
 * const { passed, why } = await halfClose(hello)
 * expect(passed, why).toBe(true)
 * ```
 */
export const halfClose: AttackFunction = alone(pace.halfClose)

/**
 * Sends a head whose fields never end: it must be refused.
 *
 * @example
 * ```ts
 * const hello: Handler = (_request, response) => response.text('hello')
 * const { passed, why } = await endlessHead(hello)
 * expect(passed, why).toBe(true)
 * ```
 */
export const endlessHead: AttackFunction = alone(floods.endlessHead)

/**
 * Sends a chunk whose extension never ends: the connection must be ended.
 *
 * @example
 * ```ts
 * const echo: Handler = function* (request, response) {
 *   response.text(yield* request.text())
 * }
 * const { passed, why } = await endlessChunkExtension(echo)
 * expect(passed, why).toBe(true)
 * ```
 */
export const endlessChunkExtension: AttackFunction = alone(floods.endlessChunkExtension)

/**
 * Sends trailers that never end: the connection must be ended.
 *
 * @example
 * ```ts
 * const echo: Handler = function* (request, response) {
 *   response.text(yield* request.text())
 * }
 * const { passed, why } = await endlessTrailers(echo)
 * expect(passed, why).toBe(true)
 * ```
 */
export const endlessTrailers: AttackFunction = alone(floods.endlessTrailers)

/**
 * Sends a body in chunks of one byte: it must be answered like any other, or refused.
 *
 * @example
 * ```ts
 * const echo: Handler = function* (request, response) {
 *   response.text(yield* request.text())
 * }
 * const { passed, why } = await oneByteChunks(echo)
 * expect(passed, why).toBe(true)
 * ```
 */
export const oneByteChunks: AttackFunction = alone(floods.oneByteChunks)

/**
 * Sends random bytes with a request behind them, which must not be served.
 *
 * @example
 * ```ts
 * const hello: Handler = (_request, response) => response.text('hello')
 * const { passed, why } = await earlyGarbage(hello)
 * expect(passed, why).toBe(true)
 * ```
 */
export const earlyGarbage: AttackFunction = alone(strangers.earlyGarbage)

/**
 * Speaks TLS where HTTP is spoken: it must be refused, or the connection ended.
 *
 * @example
 * ```ts
 * const hello: Handler = (_request, response) => response.text('hello')
 * const { passed, why } = await tlsHelloOnPlainPort(hello)
 * expect(passed, why).toBe(true)
 * ```
 */
export const tlsHelloOnPlainPort: AttackFunction = alone(strangers.tlsHelloOnPlainPort)

/**
 * Stops at a phase of a request and stays: the server must end the connection in time.
 *
 * @param target - a handler, a server, or an address
 * @param phase - `beforeFirstByte`, `midHead`, `midBody`, or `whileReading`: one who asks and reads nothing
 * @param options - seed, patience in milliseconds, path, server options
 * @returns the verdict; `yield*` or await it
 * @example
 * ```ts
 * const hello: Handler = (_request, response) => response.text('hello')
 * const { passed, why } = await stallAt(hello, 'midHead')
 * expect(passed, why).toBe(true)
 * ```
 */
export function stallAt(target: Target, phase: pace.StallPhase, options?: AttackOptions): Trial {
  return against(target, options, pace.stallAt(phase))
}

/**
 * Resets the connection in the middle of an exchange: others must not be hurt.
 *
 * @param target - a handler, a server, or an address
 * @param offset - how many bytes of the request are sent before; beyond those, how many of the answer are read
 * @param options - seed, patience in milliseconds, path, server options
 * @returns the verdict; `yield*` or await it
 * @example
 * ```ts
 * const hello: Handler = (_request, response) => response.text('hello')
 * const { passed, why } = await resetAt(hello, 20)
 * expect(passed, why).toBe(true)
 * ```
 */
export function resetAt(target: Target, offset: number, options?: AttackOptions): Trial {
  return against(target, options, pace.resetAt(offset))
}

/**
 * Sends requests that come together, cut at random places: the answers must come whole and in order.
 *
 * @param target - a handler, a server, or an address
 * @param count - how many
 * @param options - seed, patience in milliseconds, path, server options
 * @returns the verdict; `yield*` or await it
 * @example
 * ```ts
 * const hello: Handler = (_request, response) => response.text('hello')
 * const { passed, why } = await pipelining(hello, 10)
 * expect(passed, why).toBe(true)
 * ```
 */
export function pipelining(target: Target, count: number, options?: AttackOptions): Trial {
  return against(target, options, pace.pipelining(count))
}
