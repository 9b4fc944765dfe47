/*
 * The chunked transfer coding (RFC 9112 section 7.1).
 *
 * llhttp reads it; what it leaves open is bounded here. A client may send a megabyte of chunk extensions,
 * or a body in chunks of one byte, and have us read ten times what the body is worth (CVE-2024-22019,
 * CVE-2023-39326): so the bytes that are not body are counted, and may not exceed an allowance that
 * grows with the body. Trailers count as such bytes, and are read and dropped: merging them into the
 * header fields would let a request change what was decided by its head (CVE-2025-58068).
 */
import { GyreError, SIZES, writeLatin1 } from '../../base/index.ts'
import { PAUSED, OK, PieceParser, input, pieces } from './llhttp.ts'

/** Brings a parser to where the body begins. */
const OPENING = 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'

export class ChunkedDecoder {
  /** True when the body has ended. */
  done = false
  private readonly parser = new PieceParser()
  private overhead = 0
  private bodyBytes = 0
  private piece: Buffer | null = null

  constructor() {
    const saved = Buffer.from(input.bytes.subarray(0, OPENING.length))
    writeLatin1(input.bytes, OPENING, 0)
    this.parser.skim(0, OPENING.length)
    this.parser.resume()
    saved.copy(input.bytes)
  }

  /**
   * Decodes `input.bytes[start, end)`.
   *
   * @returns how many bytes belong to the body, up to its end
   * @throws GyreError `GYRE_MALFORMED_BODY`
   */
  decode(start: number, end: number): number {
    const result = this.parser.body(start, end)
    if (result !== OK && result !== PAUSED) throw malformed(this.parser.reason)
    this.done = result === PAUSED
    const used = (this.done ? this.parser.stoppedAt : end) - start
    this.gather(used)
    return used
  }

  /** @returns what was decoded since the last call; null where that was nothing */
  take(): Buffer | null {
    const { piece } = this
    this.piece = null
    return piece
  }

  /** Gives the parser back. To be called at every end. */
  release(): void {
    this.parser.release()
  }

  private gather(used: number): void {
    let size = 0
    for (let at = 1; at < pieces.length; at += 2) size += pieces[at] as number
    this.bodyBytes += size
    this.overhead += used - size
    if (this.overhead > SIZES.chunkOverhead + this.bodyBytes * SIZES.chunkOverheadRatio)
      throw malformed('too much chunk framing for so little body')
    if (size === 0) return
    const piece = Buffer.allocUnsafe(size)
    let filled = 0
    for (let at = 0; at < pieces.length; at += 2) {
      const from = pieces[at] as number
      filled += input.bytes.copy(piece, filled, from, from + (pieces[at + 1] as number))
    }
    this.piece = piece
  }
}

function malformed(reason: string): GyreError {
  return new GyreError('GYRE_MALFORMED_BODY', reason)
}

/** What comes before a chunk: its length, in hexadecimal (RFC 9112 section 7.1). */
export function chunkHead(length: number): string {
  return `${length.toString(16)}\r\n`
}

/** The end of a chunked body that has no trailer. */
export const LAST_CHUNK = '0\r\n\r\n'
