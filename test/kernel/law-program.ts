/*
 * Random programs of tasks, as data, so that fast-check can make and shrink them. What they mean is in
 * law-run.ts.
 */
import fc from 'fast-check'

/** A piece of work. */
export type Program =
  | { kind: 'sleep' | 'stubborn'; time: number }
  | { kind: 'giveWay' | 'lot' | 'spot' | 'fail' | 'failNull' }
  | { kind: 'sequence'; parts: Program[] }
  | { kind: 'finally'; body: Program; cleanup: Program }
  | { kind: 'swallow'; body: Program; after: Program }
  | { kind: 'nursery'; body: Program; children: Program[] }
  | { kind: 'scope'; body: Program; cancel: boolean }
  | { kind: 'timeout'; body: Program; time: number }
  | { kind: 'shield'; body: Program }
  | { kind: 'spawn'; body: Program; into: 'nothing' | 'scope' }
  | { kind: 'join'; which: number }

/** The program, and who is cancelled when: `which` counts the scopes and tasks in the order of their making. */
export interface Case {
  readonly program: Program
  /** Of the order in which ready tasks run; undefined for the order in which they became ready. */
  readonly seed: number | undefined
  readonly cancels: readonly { at: number; which: number }[]
}

const time = fc.nat(60)
// A wait that nobody outside a shield can end must not stand inside one, so shields hold tamer work.
const tameLeaf = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('sleep' as const), time }) },
  { weight: 2, arbitrary: fc.constantFrom<Program>({ kind: 'giveWay' }, { kind: 'fail' }, { kind: 'failNull' }) },
)
const wildLeaf = fc.oneof(
  { weight: 6, arbitrary: tameLeaf },
  { weight: 2, arbitrary: fc.constantFrom<Program>({ kind: 'lot' }, { kind: 'spot' }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('join' as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stubborn' as const), time }) },
)

function programs(depth: number, wild: boolean): fc.Arbitrary<Program> {
  const leaf: fc.Arbitrary<Program> = wild ? wildLeaf : tameLeaf
  if (depth === 0) return leaf
  const inner = programs(depth - 1, wild)
  const shielded = wild ? programs(Math.min(depth - 1, 2), false) : inner
  const few = fc.array(inner, { minLength: 1, maxLength: 3 })
  return fc.oneof(
    { weight: 2, arbitrary: leaf },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('sequence' as const), parts: few }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('finally' as const), body: inner, cleanup: inner }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('swallow' as const), body: inner, after: inner }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('nursery' as const), body: inner, children: few }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('scope' as const), body: inner, cancel: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('timeout' as const), body: inner, time }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('shield' as const), body: shielded }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('spawn' as const),
        body: inner,
        into: fc.constantFrom('nothing' as const, 'scope' as const),
      }),
    },
  )
}

export const cases: fc.Arbitrary<Case> = fc.record({
  program: programs(4, true),
  seed: fc.option(fc.nat(1000), { nil: undefined }),
  cancels: fc.array(fc.record({ at: fc.nat(150), which: fc.nat(20) }), { maxLength: 5 }),
})

/** How long shields may hold up a cancel, at most. */
export function timeInShields(program: Program, within: boolean): number {
  switch (program.kind) {
    case 'sleep':
      return within ? program.time : 0
    case 'sequence':
      return program.parts.reduce((sum, part) => sum + timeInShields(part, within), 0)
    case 'finally':
      return timeInShields(program.body, within) + timeInShields(program.cleanup, within)
    case 'swallow':
      return timeInShields(program.body, within) + timeInShields(program.after, within)
    case 'nursery':
      return program.children.reduce(
        (sum, child) => sum + timeInShields(child, within),
        timeInShields(program.body, within),
      )
    case 'shield':
      return timeInShields(program.body, true)
    case 'scope':
    case 'timeout':
    case 'spawn':
      return timeInShields(program.body, within)
    default:
      return 0
  }
}
