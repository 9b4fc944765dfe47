/*
 * One buffer of a thread to read into, for all who read a piece and put it elsewhere before they wait. So a
 * stream that idles holds no memory.
 */
import { SIZES } from '../base/index.ts'

let scratch: Buffer | undefined

/** @returns a buffer whose content lasts until the caller waits */
export function scratchBuffer(): Buffer {
  return (scratch ??= Buffer.allocUnsafeSlow(SIZES.input))
}
