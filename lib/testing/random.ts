/*
 * Numbers by chance that come again: the same seed gives the same numbers, on every machine.
 */

import { TESTING } from './sizes.ts'

/** A generator of numbers (mulberry32: 32 bits of state are plenty for cutting requests up). */
export class Random {
  private state: number

  /** @param text - what the numbers are for, so that one use does not disturb another */
  constructor(seed: number, text: string) {
    this.state = seed | 0
    for (let at = 0; at < text.length; at++) this.state = Math.imul(this.state ^ text.charCodeAt(at), TESTING.hashPrime)
  }

  /** @returns a whole number from 0 to below `end` */
  below(end: number): number {
    this.state = (this.state + TESTING.randomStep) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end
  }

  /** @returns one of them */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
}
