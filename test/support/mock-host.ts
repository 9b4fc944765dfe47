/*
 * The virtual clock of gyre/testing, by the names that the tests of the kernel know it by.
 */
import type { Runnable } from '../../lib/kernel/index.ts'
import { runVirtual } from '../../lib/testing/index.ts'
import type { VirtualRun } from '../../lib/testing/index.ts'

export { VirtualHost as MockHost, resultOf, runVirtual as runMock } from '../../lib/testing/index.ts'

/** As `runMock`, but throws the error of the work, so that what it expects is asserted. */
export function checkMock<T>(work: Runnable<T>): VirtualRun<T> {
  const ran = runVirtual(work)
  let ending: { failed: boolean; result: unknown } | undefined
  ran.task.whenEnded((failed, result) => (ending = { failed, result }))
  if (ending === undefined) throw new Error(`the task never ended; it waits for ${ran.task.waitingFor ?? 'nothing'}`)
  if (ending.failed) throw ending.result
  return ran
}
