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
