/*
 * What a piece of work leaves behind when it is cancelled, wherever it waits.
 */
import { readdirSync } from 'node:fs'
import { giveWay, sleep } from '../../lib/kernel/index.ts'
import type { Coroutine, Operation } from '../../lib/kernel/index.ts'
import { kill } from '../../lib/sync/index.ts'
import { run, spawn } from '../../lib/io/index.ts'
import { eventually } from './serve.ts'

/** @returns how many descriptors this process has open */
export function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/** Pauses before a cancel, in milliseconds, where turns alone do not bring the work to its end; no longer ones than needed. */
const PAUSES = [1, 2, 5, 10, 20, 100, 500, 2500]

/**
 * Runs work again and again, and cancels it after one turn, two turns, and so on, until it comes to its end.
 *
 * @param work - makes the operation; must close what it opened
 * @param left - counts what must be again what it was before
 */
export async function cancelEverywhere(
  work: () => Operation<unknown>,
  left: () => number = descriptors,
): Promise<{ cancelled: number; done: number }> {
  const counts = { cancelled: 0, done: 0 }
  await run(work)
  const before = left()
  const waits: (() => Coroutine<void>)[] = []
  for (let turns = 0; turns < 30; turns++)
    waits.push(function* () {
      for (let turn = 0; turn < turns; turn++) yield* giveWay()
    })
  for (const pause of PAUSES) waits.push(() => sleep(pause) as Coroutine<void>)
  for (const wait of waits) {
    if (counts.done > 2) break
    await run(function* () {
      const task = spawn(work)
      yield* wait()
      const { state } = yield* kill(task)
      if (state === 'cancelled') counts.cancelled++
      else if (state === 'done') counts.done++
      else yield* task
    })
    await eventually(() => left() <= before, `${left()} left instead of ${before}`)
  }
  return counts
}
