/*
 * All attacks on one target, and the report.
 */
import { nursery, sleep, withTimeout } from '../kernel/index.ts'
import type { Coroutine, Operation } from '../kernel/index.ts'
import { endlessChunkExtension, endlessHead, endlessTrailers, oneByteChunks } from './attacks/floods.ts'
import { earlyGarbage, tlsHelloOnPlainPort } from './attacks/nonsense.ts'
import * as pace from './attacks/pace.ts'
import { smuggling } from './attacks/smuggling.ts'
import { Elsewhere } from './elsewhere.ts'
import { TESTING } from './sizes.ts'
import { usualStatus } from './verdict.ts'
import type { Attack, Verdict } from './verdict.ts'
import { Victim } from './victim.ts'
import type { AttackOptions, Target } from './victim.ts'

/** The kinds of attack there are. */
const KINDS = {
  byteAtATime: () => [pace.byteAtATime],
  stallAt: () => pace.STALL_PHASES.map(pace.stallAt),
  resetAt: pace.resetEverywhere,
  halfClose: () => [pace.halfClose],
  pipelining: () => [pace.pipelining(100)],
  endlessHead: () => [endlessHead],
  endlessChunkExtension: () => [endlessChunkExtension],
  endlessTrailers: () => [endlessTrailers],
  slowReader: () => [pace.slowReader],
  oneByteChunks: () => [oneByteChunks],
  earlyGarbage: () => [earlyGarbage],
  tlsHelloOnPlainPort: () => [tlsHelloOnPlainPort],
  smuggling,
} satisfies Record<string, (victim: Victim) => Attack[]>

/** The name of a kind of attack. */
export type AttackKind = keyof typeof KINDS

/** All kinds of attack, by name. */
export const ATTACKS = Object.keys(KINDS) as AttackKind[]

/**
 * What came of it all.
 *
 * @example
 * ```ts
 * const hello: Handler = (_request, response) => response.text('hello')
 * const report = await attack(hello, { only: ['byteAtATime', 'halfClose'] })
 * console.log(String(report)) // 0 of 3 attacks found a fault (seed 1)
 * ```
 */
export class AttackReport {
  /** Give it to `attack` again to have the same attacks. */
  readonly seed: number
  /** How each attack was taken. */
  readonly verdicts: readonly Verdict[]

  /** For `attack` alone. @internal */
  constructor(seed: number, verdicts: readonly Verdict[]) {
    this.seed = seed
    this.verdicts = verdicts
  }

  /** True when no attack has found anything. */
  get passed(): boolean {
    return this.failures.length === 0
  }

  /** The verdicts that are bad. */
  get failures(): readonly Verdict[] {
    return this.verdicts.filter((verdict) => !verdict.passed)
  }

  /** One line for it all, and three for each failure. */
  toString(): string {
    const { failures, verdicts, seed } = this
    const title = `${failures.length} of ${verdicts.length} attacks found a fault (seed ${seed})`
    const lines = failures.map(
      ({ name, why, answer }) => `✗ ${name}\n    ${why}\n    sent back: ${answer || 'nothing'}`,
    )
    return [title, ...lines].join('\n')
  }
}

/**
 * Attacks a server with all that the kit has, and reports. Nothing is sent but to the target. Aim it at
 * an instance that may be thrown away: its requests are real ones.
 *
 * @param target - a handler (served in memory and in virtual time: seconds at most), a server, or an
 *   address of any server
 * @param options - seed, patience in milliseconds, path, server options; and `only`, the kinds wanted
 * @returns the report; `yield*` or await it
 * @throws GyreError `GYRE_PEER_GONE`, `GYRE_ANSWER_BROKEN` or `GYRE_TIMEOUT` where the target does not even
 *   answer an ordinary request
 * @example
 * ```ts
 * const echo: Handler = function* (request, response) {
 *   response.text(yield* request.text())
 * }
 * const report = await attack(echo, { seed: 7, only: ['endlessHead', 'earlyGarbage', 'pipelining'] })
 * expect(report.passed, String(report)).toBe(true)
 * ```
 */
export function attack(
  target: Target,
  options: AttackOptions & { readonly only?: readonly AttackKind[] } = {},
): Operation<AttackReport> & PromiseLike<AttackReport> {
  const { only = ATTACKS, ...rest } = options
  const victim = new Victim(target, rest)
  return new Elsewhere(victim.kernel, function* () {
    // A target that does not answer at all is a mistake of the caller's, and no finding.
    yield* withTimeout(victim.patience, usualStatus(victim, victim.request('GET'), 'GET'))
    const attacks = only.flatMap((kind) => KINDS[kind](victim))
    const verdicts = yield* runAll(victim, attacks)
    return new AttackReport(victim.seed, verdicts)
  })
}

/** Runs attacks, several at a time where time is real: most of them only wait. */
function* runAll(victim: Victim, attacks: readonly Attack[]): Coroutine<Verdict[]> {
  const before = victim.server?.statistics().connections ?? 0
  const verdicts: Verdict[] = []
  let next = 0
  yield* nursery(function* (lanes) {
    for (let lane = 0; lane < (victim.virtual ? 1 : TESTING.lanes); lane++)
      lanes.spawn(function* () {
        for (let index = next++; index < attacks.length; index = next++)
          verdicts[index] = yield* (attacks[index] as Attack).run(victim)
      })
  })
  if (victim.server !== null) verdicts.push(yield* nothingLeft(victim, before))
  return verdicts
}

/** When all clients have gone, so must be their connections, and their handlers. */
function* nothingLeft(victim: Victim, before: number): Coroutine<Verdict> {
  const { server, patience, kernel } = victim
  const until = kernel.host.now() + patience
  const left = (): number => (server?.statistics().connections ?? 0) - before
  while (left() > 0 && kernel.host.now() < until) yield* sleep(TESTING.readPause)
  const why = left() > 0 ? `${left()} connections are still open after ${patience} ms` : 'no connection is left'
  return { name: 'nothingLeft', passed: left() <= 0, why, answer: '' }
}
