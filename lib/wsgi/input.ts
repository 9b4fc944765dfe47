/*
 * `wsgi.input`: the body of a request, as a file to read from. It was read in full before the
 * application was called, so reading never waits, and never gives more than CONTENT_LENGTH (W9).
 */
const LF = 0x0a

export class WsgiInput implements Iterable<Buffer> {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** Reads. @param size - at most so many bytes; all of the rest without it, or where it is below 0 */
  read(size: number = -1): Buffer {
    return this.take(size < 0 ? this.bytes.length : this.at + size)
  }

  /** Reads a line with its line end. @param size - at most so many bytes of it */
  readline(size: number = -1): Buffer {
    const lineEnd = this.bytes.indexOf(LF, this.at)
    const end = lineEnd < 0 ? this.bytes.length : lineEnd + 1
    return this.take(size < 0 ? end : Math.min(end, this.at + size))
  }

  /** Reads lines. @param hint - stops after the line that brings the sum to so many bytes; 0 reads all */
  readlines(hint: number = 0): Buffer[] {
    const lines: Buffer[] = []
    let sum = 0
    for (const line of this) {
      lines.push(line)
      sum += line.length
      if (hint > 0 && sum >= hint) break
    }
    return lines
  }

  *[Symbol.iterator](): Iterator<Buffer> {
    for (let line = this.readline(); line.length > 0; line = this.readline()) yield line
  }

  private take(end: number): Buffer {
    const from = this.at
    this.at = Math.min(end, this.bytes.length)
    return this.bytes.subarray(from, this.at)
  }
}
