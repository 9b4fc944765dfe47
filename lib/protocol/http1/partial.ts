/*
 * A head that does not come whole.
 *
 * Its bytes are kept until it is complete, and then parsed in one go like any other, so that the
 * result is the same however it was cut. Meanwhile a parser of its own skims what comes, each byte
 * once: it finds the end of the head, and it refuses nonsense at once instead of waiting for an end
 * that never comes. So the cost stays linear for a client that sends one byte at a time.
 */
import { GyreError } from '../../base/index.ts'
import { checkHeadSize, checkOpening, checkTargetSize, parseHead, refusal } from './head.ts'
import type { HeadLimits, RequestHead } from './head.ts'
import { OK, PAUSED, PieceParser, input } from './llhttp.ts'
import { skimmedTarget } from './recorder.ts'

const FIRST_SIZE = 512

/**
 * A head that comes in pieces. One object serves for one head.
 *
 * @example
 * ```ts
 * const limits = { headBytes: 1_000, targetBytes: 100, fieldCount: 10, fieldBytes: 500 }
 * const partial = new PartialHead()
 * for (const piece of ['GET / HT', 'TP/1.1\r\nHo', 'st: a\r\n\r\n'])
 *   if (partial.push(0, input.bytes.write(piece, 'latin1'), limits) !== undefined)
 *     console.log(partial.take(limits).fields.get('host')) // a
 * partial.release()
 * ```
 */
export class PartialHead {
  private readonly parser = new PieceParser()
  private bytes: Buffer = Buffer.allocUnsafe(FIRST_SIZE)
  /** How many bytes of the head there are. */
  private size = 0
  private targetSize = 0

  /**
   * Takes the next bytes of the head, which lie in `input.bytes[start, end)`.
   *
   * @param start - the place of the first of them
   * @param end - the place behind the last
   * @param limits - sizes in bytes, and how many fields
   * @returns how many of them belong to the head, once it is complete; undefined while it is not
   * @throws GyreError a refusal
   */
  push(start: number, end: number, limits: HeadLimits): number | undefined {
    // One byte more than a head may have is enough to refuse it for.
    const most = Math.min(end, start + limits.headBytes + 1 - this.size)
    const result = this.parser.skim(start, most)
    const stopped = result === PAUSED ? this.parser.stoppedAt : most
    this.keep(start, stopped)
    checkOpening(this.bytes, 0, this.size)
    this.targetSize += skimmedTarget()
    checkTargetSize(this.targetSize, limits)
    if (result === PAUSED) return stopped - start
    if (result === OK) {
      checkHeadSize(this.size, limits)
      return undefined
    }
    // What was refused is refused again from the beginning, so that the answer is the same as for a head
    // that came whole.
    this.take(limits)
    throw refusal(result, this.parser.reason)
  }

  /**
   * Parses the complete head. The input area is written over.
   *
   * @param limits - sizes in bytes, and how many fields
   * @returns the head
   * @throws GyreError a refusal
   */
  take(limits: HeadLimits): RequestHead {
    this.bytes.copy(input.bytes, 0, 0, this.size)
    const head = parseHead(0, this.size, limits)
    if (head === undefined) throw new GyreError('GYRE_MALFORMED_HEAD')
    return head
  }

  /** Gives the parser back. To be called at every end. */
  release(): void {
    this.parser.release()
  }

  private keep(start: number, end: number): void {
    const size = this.size + end - start
    if (size > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(size, this.bytes.length * 2))
      this.bytes.copy(larger, 0, 0, this.size)
      this.bytes = larger
    }
    input.bytes.copy(this.bytes, this.size, start, end)
    this.size = size
  }
}
