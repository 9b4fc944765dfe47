/*
 * Orders of tasks by chance: they come again, they keep what the kernel promises, and they find what only works in
 * one order.
 */
import { afterEach, expect, test, vi } from 'vitest'
import { giveWay, nursery, sleep } from '../../lib/index.ts'
import type { Coroutine } from '../../lib/index.ts'
import { VirtualHost, inOrders, resultOf, runVirtual } from '../../lib/testing/index.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** @returns in which order five tasks have had three turns each */
function orderOf(seed: number | undefined): string {
  return resultOf(
    function* () {
      let order = ''
      yield* nursery(function* (children) {
        for (const name of 'abcde')
          children.spawn(function* () {
            for (let turn = 0; turn < 3; turn++) {
              order += name
              yield* giveWay()
            }
          })
      })
      return order
    },
    { seed },
  )
}

test('the same seed gives the same order; another seed another one; none that of becoming ready', () => {
  expect(orderOf(undefined)).toBe('abcdeabcdeabcde')
  expect(orderOf(7)).toBe(orderOf(7))
  const orders = new Set(Array.from({ length: 30 }, (_, seed) => orderOf(seed)))
  expect(orders.size).toBeGreaterThan(25)
})

test('whoever gives way still lets all others run first that are ready', () => {
  for (let seed = 0; seed < 30; seed++) {
    const turns = orderOf(seed).match(/.{5}/g) ?? []
    expect(turns.map((turn) => Array.from(turn).sort().join(''))).toEqual(['abcde', 'abcde', 'abcde'])
  }
})

test('time keeps its order: who sleeps longer wakes later', () => {
  for (let seed = 0; seed < 10; seed++) {
    const { task, elapsed } = runVirtual(
      function* () {
        const woken: number[] = []
        yield* nursery(function* (children) {
          for (const time of [30, 10, 20])
            children.spawn(function* () {
              yield* sleep(time)
              woken.push(time)
            })
        })
        return woken
      },
      { seed },
    )
    let woken: unknown
    task.whenEnded((_failed, result) => (woken = result))
    expect([woken, elapsed]).toEqual([[10, 20, 30], 30])
  }
})

/** Two tasks that add to one sum, and wait between reading and writing it. */
function* race(): Coroutine<number> {
  let sum = 0
  function* add(turns: number): Coroutine<void> {
    for (let turn = 0; turn < turns; turn++) yield* giveWay()
    const before = sum
    yield* giveWay()
    sum = before + 1
  }
  yield* nursery(function* (children) {
    children.spawn(add(1))
    children.spawn(function* () {
      yield* giveWay()
      yield* giveWay()
      yield* add(0)
    })
  })
  return sum
}

test('what only works in one order is found, its seed is printed, and shows it again', async () => {
  expect(resultOf(race)).toBe(2)
  const written: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0)
  const check = async (time: VirtualHost): Promise<void> => {
    expect(await time.run(race)).toBe(2)
  }
  await expect(inOrders(check)).rejects.toThrow('expected 1 to be 2')
  const seed = Number(/seed (\d+)/.exec(written.join(''))?.[1])
  await expect(inOrders(check, { seed, runs: 1 })).rejects.toThrow('expected 1 to be 2')
  expect(() => {
    expect(resultOf(race, { seed })).toBe(2)
  }).toThrow()
  vi.restoreAllMocks()
  await inOrders(check, { seed: seed + 1, runs: 0 })
})

test('each run has a host of its own, and the check may be a plain function', async () => {
  const hosts = new Set<VirtualHost>()
  await inOrders((time) => {
    hosts.add(time)
    time.kernel.spawn(sleep(5))
    time.settle()
    expect(time.elapsed).toBe(5)
  })
  expect(hosts.size).toBe(50)
  expect([...hosts].map(({ seed }) => seed)).toContain(50)
})

test('a clock is moved forward only', () => {
  const time = new VirtualHost()
  time.advance(5)
  expect(time.elapsed).toBe(5)
  for (const wrong of [-1, NaN])
    expect(() => {
      time.advance(wrong)
    }).toThrow('forward')
})
