/*
 * The trailer section of a chunked body (RFC 9112 section 7.1.2): fields that come behind it.
 *
 * They are kept apart from the header fields, because merging them would let a request change what was decided
 * by its head (CVE-2025-58068, CVE-2023-41419). Names that have no business there are refused and not dropped:
 * nobody sends a second Host by mistake, and a client whose field is lost in silence is not helped (RFC 9110
 * section 6.5.1). Size and count are bounded like those of a head.
 */
import { GyreError, latin1Text } from '../../base/index.ts'
import type { Limits } from '../../base/index.ts'
import { mayTrail } from '../policy.ts'
import { RequestFields } from './fields.ts'
import { trimWhitespace } from './framing.ts'

/** The limits that concern a trailer section: those of a head. */
export type TrailerLimits = Pick<Limits, 'headBytes' | 'fieldCount'>

const LF = 0x0a
/** `field-name ":" OWS field-value OWS`, without what ends the line. */
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)$/

export class TrailerReader {
  /** The fields, once the section has ended. */
  fields: RequestFields | null = null
  private readonly limits: TrailerLimits
  private size = 0
  /** What there is of the present line. */
  private line = ''
  private text = ''
  private readonly spans: number[] = []

  constructor(limits: TrailerLimits) {
    this.limits = limits
  }

  /**
   * Reads `bytes[start, end)`, up to the end of the section.
   *
   * @returns where it stopped
   * @throws GyreError `GYRE_MALFORMED_BODY`, `GYRE_FORBIDDEN_TRAILER`, `GYRE_TRAILERS_TOO_LARGE`
   */
  read(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && this.fields === null) {
      // No more is looked at than may be in a section.
      const most = Math.min(end, at + this.limits.headBytes + 1 - this.size)
      let lineEnd = at
      while (lineEnd < most && bytes[lineEnd] !== LF) lineEnd++
      const isWhole = lineEnd < most
      if (isWhole) lineEnd++
      this.line += latin1Text(bytes, at, lineEnd)
      this.size += lineEnd - at
      at = lineEnd
      if (this.size > this.limits.headBytes)
        throw new GyreError('GYRE_TRAILERS_TOO_LARGE', `more than ${this.limits.headBytes} bytes of trailer fields`)
      if (isWhole) this.endLine()
    }
    return at
  }

  private endLine(): void {
    const { line } = this
    this.line = ''
    if (line === '\r\n') this.fields = new RequestFields(this.text, this.spans)
    else if (line.endsWith('\r\n')) this.addField(line.slice(0, -2))
    else throw malformed('a trailer line does not end in CRLF')
  }

  private addField(line: string): void {
    const parts = FIELD.exec(line)
    if (parts === null) throw malformed('a trailer line is not a field')
    const [, name = '', rest = ''] = parts
    if (!mayTrail(name)) throw new GyreError('GYRE_FORBIDDEN_TRAILER')
    if (this.spans.length / 4 >= this.limits.fieldCount)
      throw new GyreError('GYRE_TRAILERS_TOO_LARGE', `more than ${this.limits.fieldCount} trailer fields`)
    const value = trimWhitespace(rest)
    this.spans.push(this.text.length, name.length, this.text.length + name.length, value.length)
    this.text += name + value
  }
}

function malformed(reason: string): GyreError {
  return new GyreError('GYRE_MALFORMED_BODY', reason)
}
