/*
 * A body that is gathered into one buffer.
 *
 * The buffer grows with what comes: who announces eight megabytes and sends a byte has eight bytes of ours. It is never
 * larger than was announced, so one whose first part came with its head mostly has its place at once.
 */

/** The buffer may be so many times as large as what has come, or twice that where it need not grow again. */
const AHEAD = 8

export class Gathered {
  bytes: Buffer = NOTHING
  /** How much of it there is, in bytes. */
  size = 0
  private readonly announced: number

  /** @param announced - how long it will be, in bytes; Infinity where that is not known */
  constructor(announced: number) {
    this.announced = announced
  }

  /** How many bytes there is a place for. */
  get room(): number {
    return this.bytes.length - this.size
  }

  /** Makes room for what has come. */
  enlarge(length: number): void {
    const needed = this.size + length
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafe(this.roomFor(needed))
    this.bytes.copy(larger, 0, 0, this.size)
    this.bytes = larger
  }

  private roomFor(needed: number): number {
    if (this.announced === Infinity) return this.size === 0 ? needed : needed * 2
    // Where the next step would be the last, it is taken now: all would be copied for the sake of a few bytes.
    return this.announced <= needed * AHEAD * 2 ? Math.max(this.announced, needed) : needed * AHEAD
  }

  take(): Buffer {
    return this.size === this.bytes.length ? this.bytes : this.bytes.subarray(0, this.size)
  }
}

const NOTHING = Buffer.alloc(0)
