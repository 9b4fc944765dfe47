/*
 * Happy Eyeballs (RFC 8305) on a virtual clock: when which address is tried, and what becomes of the others.
 */
import { describe, expect, test } from 'vitest'
import { GyreError } from '../../lib/base/index.ts'
import type { ErrorCode } from '../../lib/base/index.ts'
import { firstConnected, interleave } from '../../lib/io/happy-eyeballs.ts'
import { currentTask, sleep, withTimeout } from '../../lib/kernel/index.ts'
import type { Coroutine } from '../../lib/kernel/index.ts'
import { caughtBy } from '../support/caught.ts'
import { resultOf } from '../support/mock-host.ts'

/** What an address does: answers or fails after a time. */
interface Answer {
  after: number
  code?: ErrorCode
}

function* tried(answers: Record<string, Answer>): Coroutine<{ won: string | Error; log: string[]; open: string[] }> {
  const log: string[] = []
  const open: string[] = []
  const { host } = currentTask().kernel
  const begin = host.now()
  const note = (text: string): number => log.push(`${host.now() - begin} ${text}`)
  function* attempt(address: string): Coroutine<string> {
    note(`try ${address}`)
    const { after, code } = answers[address] as Answer
    try {
      yield* sleep(after)
      if (code !== undefined) throw new GyreError(code, `${address} failed`)
    } catch (error) {
      note(error instanceof GyreError ? `${address} failed` : `${address} given up`)
      throw error
    }
    open.push(address)
    return address
  }
  const connecting = firstConnected('name', Object.keys(answers), attempt, (address) =>
    open.splice(open.indexOf(address), 1),
  )
  try {
    return { won: yield* connecting, log, open }
  } catch (error) {
    return { won: error as Error, log, open }
  }
}

describe('addresses', () => {
  test('of both families take turns, beginning with the family of the first (section 4)', () => {
    const mixed = interleave([
      { address: 'a6', family: 6 },
      { address: 'b6', family: 6 },
      { address: 'c6', family: 6 },
      { address: 'a4', family: 4 },
      { address: 'b4', family: 4 },
    ])
    expect(mixed.map(({ address }) => address)).toEqual(['a6', 'a4', 'b6', 'b4', 'c6'])
    expect(interleave([{ address: 'a4', family: 4 }])).toHaveLength(1)
    expect(interleave([])).toEqual([])
  })
})

describe('attempts (section 5)', () => {
  test('the first that answers at once is the only one', () => {
    expect(resultOf(tried({ a: { after: 10 }, b: { after: 1 } }))).toEqual({
      won: 'a',
      log: ['0 try a'],
      open: ['a'],
    })
  })

  test('begin 250 ms apart; the first connection wins, and the others are given up', () => {
    expect(resultOf(tried({ a: { after: 9000 }, b: { after: 300 }, c: { after: 9000 } }))).toEqual({
      won: 'b',
      log: ['0 try a', '250 try b', '500 try c', '550 a given up', '550 c given up'],
      open: ['b'],
    })
  })

  test('a failure brings the next one at once', () => {
    const { won, log } = resultOf(tried({ a: { after: 20, code: 'GYRE_CONNECT_REFUSED' }, b: { after: 5 } }))
    expect([won, log]).toEqual(['b', ['0 try a', '20 a failed', '20 try b']])
  })

  test('a slow one may still win after a later one has failed', () => {
    const { won, log } = resultOf(tried({ a: { after: 400 }, b: { after: 50, code: 'GYRE_CONNECT_REFUSED' } }))
    expect([won, log]).toEqual(['a', ['0 try a', '250 try b', '300 b failed']])
  })

  test('where two connect in the same moment, one is kept and the other closed', () => {
    const { won, open } = resultOf(tried({ a: { after: 300 }, b: { after: 50 } }))
    expect(open).toEqual([won])
  })

  test('where all fail, the error is the one that tells most, with every reason', () => {
    const { won } = resultOf(
      tried({
        a: { after: 1, code: 'GYRE_CONNECT_UNREACHABLE' },
        b: { after: 1, code: 'GYRE_CONNECT_REFUSED' },
      }),
    )
    expect(won).toMatchObject({
      code: 'GYRE_CONNECT_REFUSED',
      status: 502,
      message: 'none of the addresses of name can be connected to: a failed; b failed',
    })
    expect(resultOf(tried({ a: { after: 1, code: 'GYRE_CONNECT_TIMEOUT' } })).won).toMatchObject({
      code: 'GYRE_CONNECT_TIMEOUT',
      message: 'a failed',
    })
  })

  test('a failure of another kind is thrown as it is', () => {
    const failing = firstConnected(
      'name',
      ['a'],
      function* (): Coroutine<never> {
        throw new TypeError('a fault')
      },
      () => undefined,
    )
    expect(resultOf(() => caughtBy(failing))).toBeInstanceOf(TypeError)
  })

  test('a cancel gives all of them up', () => {
    const log: string[] = []
    function* attempt(address: string): Coroutine<string> {
      try {
        yield* sleep(10_000)
        return address
      } finally {
        log.push(address)
      }
    }
    const error = resultOf(() =>
      caughtBy(
        withTimeout(
          300,
          firstConnected('name', ['a', 'b', 'c'], attempt, () => undefined),
        ),
      ),
    )
    expect(error).toMatchObject({ code: 'GYRE_TIMEOUT' })
    expect(log).toEqual(['a', 'b'])
  })
})
