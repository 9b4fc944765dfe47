import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deadline, Deadlines } from '../../lib/kernel/index.ts'

test('any sequence of setting, moving, cancelling and passing time fires what a plain list would', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), who: fc.nat(9), by: fc.nat(50) }),
    fc.record({ kind: fc.constant('cancel' as const), who: fc.nat(9), by: fc.constant(0) }),
    fc.record({ kind: fc.constant('pass' as const), who: fc.constant(0), by: fc.nat(30) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const fired: string[] = []
      const expected: string[] = []
      const model = new Map<number, number>()
      let now = 0
      const deadlines = new Deadlines()
      const owners = Array.from(
        { length: 10 },
        (_, who) => new Deadline({ expired: (at) => fired.push(`${who}@${at}`) }),
      )
      for (const { kind, who, by } of steps) {
        if (kind === 'set') {
          deadlines.set(owners[who] as Deadline, now + by)
          model.set(who, now + by)
        } else if (kind === 'cancel') {
          deadlines.cancel(owners[who] as Deadline)
          model.delete(who)
        } else {
          now += by
          deadlines.expire(now)
          for (const [late, at] of [...model]) {
            if (at > now) continue
            expected.push(`${late}@${now}`)
            model.delete(late)
          }
        }
        expect(deadlines.size).toBe(model.size)
        expect(deadlines.next()).toBeLessThanOrEqual(Math.min(Infinity, ...model.values()))
        if (model.size === 0) expect(deadlines.next()).toBe(Infinity)
      }
      expect(fired.sort()).toEqual(expected.sort())
    }),
  )
})

test('a million timers that are set and cancelled leave nothing behind', () => {
  const deadlines = new Deadlines()
  const deadline = (): Deadline => new Deadline({ expired: () => undefined })
  for (let index = 0; index < 1_000_000; index++) {
    const one = deadline()
    deadlines.set(one, 1000 + index)
    deadlines.cancel(one)
  }
  expect(deadlines.size).toBe(0)
  expect(deadlines.next()).toBe(Infinity)
})

/** How many records the heap holds, for whatever purpose. */
function records(deadlines: Deadlines): number {
  return (deadlines as unknown as { times: number[] }).times.length
}

test('records that serve nobody never outnumber those that do by more than a few', () => {
  const deadlines = new Deadlines()
  const fired: number[] = []
  const all = Array.from({ length: 2000 }, (_, index) => new Deadline({ expired: () => fired.push(index) }))
  const random = fc.sample(fc.nat(1_000_000), { numRuns: 60_000, seed: 1 })
  let most = 0
  random.forEach((number, turn) => {
    const one = all[number % all.length] as Deadline
    // Set later, set earlier, and cancelled, in turn.
    if (turn % 3 === 0) deadlines.set(one, 2_000_000 + number)
    else if (turn % 3 === 1) deadlines.set(one, 1_000_000 - turn)
    else deadlines.cancel(one)
    most = Math.max(most, records(deadlines) - 2 * deadlines.size)
  })
  expect(most).toBeLessThanOrEqual(513)
  const set = all.flatMap((one, index) => (deadlines.has(one) ? [index] : []))
  expect(deadlines.size).toBe(set.length)
  deadlines.expire(4_000_000)
  expect(fired.sort((one, other) => one - other)).toEqual(set)
  expect([deadlines.size, records(deadlines)]).toEqual([0, 0])
})

test('cancelling many deadlines costs for each what cancelling few costs', () => {
  const time = (count: number): number => {
    const deadlines = new Deadlines()
    const all = Array.from({ length: count }, () => new Deadline({ expired: () => undefined }))
    for (const [index, one] of all.entries()) deadlines.set(one, (index * 7919) % count)
    const began = performance.now()
    for (const one of all) deadlines.cancel(one)
    expect(records(deadlines)).toBeLessThanOrEqual(513)
    return (performance.now() - began) / count
  }
  time(30_000)
  // A sweep at each cancel would make it ten times as much for each; the bound leaves room for a busy machine.
  expect(time(300_000)).toBeLessThan(5 * time(30_000) + 0.002)
})
