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

/** Sends a request one byte at a time: it must be answered like one that comes whole. */
export const byteAtATime: AttackFunction = alone(pace.byteAtATime)

/** Reads its answer slowly, but reads: it must get the whole of it. */
export const slowReader: AttackFunction = alone(pace.slowReader)

/** Ends its side after a request: no connection may be left behind. */
export const halfClose: AttackFunction = alone(pace.halfClose)

/** Sends a head whose fields never end: it must be refused. */
export const endlessHead: AttackFunction = alone(floods.endlessHead)

/** Sends a chunk whose extension never ends: the connection must be ended. */
export const endlessChunkExtension: AttackFunction = alone(floods.endlessChunkExtension)

/** Sends trailers that never end: the connection must be ended. */
export const endlessTrailers: AttackFunction = alone(floods.endlessTrailers)

/** Sends a body in chunks of one byte: it must be answered like any other, or refused. */
export const oneByteChunks: AttackFunction = alone(floods.oneByteChunks)

/** Sends random bytes with a request behind them, which must not be served. */
export const earlyGarbage: AttackFunction = alone(strangers.earlyGarbage)

/** Speaks TLS where HTTP is spoken: it must be refused, or the connection ended. */
export const tlsHelloOnPlainPort: AttackFunction = alone(strangers.tlsHelloOnPlainPort)

/**
 * Stops at a phase of a request and stays: the server must end the connection in time.
 *
 * @param phase - `beforeFirstByte`, `midHead`, `midBody`, or `whileReading`: one who asks and reads nothing
 * @example
 * ```ts
 * const { passed, why } = await stallAt(handler, 'midHead')
 * ```
 */
export function stallAt(target: Target, phase: pace.StallPhase, options?: AttackOptions): Trial {
  return against(target, options, pace.stallAt(phase))
}

/**
 * Resets the connection in the middle of an exchange: others must not be hurt.
 *
 * @param offset - how many bytes of the request are sent before; beyond those, how many of the answer are read
 */
export function resetAt(target: Target, offset: number, options?: AttackOptions): Trial {
  return against(target, options, pace.resetAt(offset))
}

/**
 * Sends requests that come together, cut at random places: the answers must come whole and in order.
 *
 * @param count - how many
 */
export function pipelining(target: Target, count: number, options?: AttackOptions): Trial {
  return against(target, options, pace.pipelining(count))
}
