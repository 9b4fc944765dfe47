/*
 * The virtual clock of gyre/testing, by the names that the tests of the kernel know it by.
 */
import type { Runnable } from '../../lib/kernel/index.ts'
import { resultOf, runVirtual } from '../../lib/testing/index.ts'

export { VirtualHost as MockHost, resultOf, runVirtual as runMock } from '../../lib/testing/index.ts'

/** As `runMock`, but throws the error of the work, so that what it expects is asserted. */
export function checkMock<T>(work: Runnable<T>): ReturnType<typeof runVirtual<T>> {
  const ran = runVirtual(work)
  resultOf(ran.task)
  return ran
}
