/*
 * Reading the chunked transfer coding (RFC 9112 section 7.1), one byte of framing after the other.
 *
 * The grammar is that of the RFC, and white space nowhere. What the grammar leaves open is bounded: a client may
 * send a megabyte of chunk extensions, or a body in chunks of one byte, and have us read ten times what the body
 * is worth (CVE-2024-22019, CVE-2023-39326). Every bound is looked at where a byte or a line of framing is read and
 * never at the end of an input, so that it makes no difference how the body was cut.
 *
 * llhttp would read it too, but tells nothing of extensions and of leading zeros, takes DEL in a quoted value,
 * and counts sizes up to 2^64.
 */
import { GyreError, SIZES, defaultLimits } from '../../base/index.ts'
import { RequestFields } from './fields.ts'
import { input } from './llhttp.ts'
import { TrailerReader } from './trailers.ts'
import type { TrailerLimits } from './trailers.ts'

const CR = 0x0d
const LF = 0x0a
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const DEL = 0x7f
const TAB = 0x09
const SP = 0x20

// Where in the coding the next byte is.
const SIZE = 0
const NAME_BEGIN = 1
const NAME = 2
const VALUE_BEGIN = 3
const TOKEN = 4
const QUOTED = 5
const ESCAPED = 6
const QUOTE_END = 7
const SIZE_LF = 8
const DATA = 9
const DATA_CR = 10
const DATA_LF = 11
const TRAILERS = 12

/** Bytes that a token may have (RFC 9110 section 5.6.2). */
const IS_TOKEN = new Uint8Array(256)
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  IS_TOKEN[char.charCodeAt(0)] = 1

const DEFAULTS = defaultLimits()

/** A few bytes are copied sooner one by one than by a call. */
const FEW = 16

/**
 * A chunked body on its way in.
 *
 * @example
 * ```ts
 * const decoder = new ChunkedDecoder()
 * const size = input.bytes.write('2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n')
 * decoder.decode(0, size)
 * console.log(String(decoder.take()), decoder.trailers?.get('x-sum')) // hi 1
 * ```
 */
export class ChunkedDecoder {
  /** True when the body has ended, trailers and all. */
  done = false
  /** The fields behind the body, which are never merged into those of the head; null until the body has ended. */
  trailers: RequestFields | null = null
  /** How much of the body lies in the present input, in bytes. */
  scanned = 0
  private state = SIZE
  /** What is left of the chunk, in bytes; its size while that is read. */
  private remaining = 0
  private digits = 0
  /** Bytes of the extensions of this chunk, and of all before it. */
  private extension = 0
  private extensions = 0
  private bodyBytes = 0
  private overhead = 0
  private readonly limits: TrailerLimits
  private reader: TrailerReader | null = null
  /** Where body lies in the present input: begin and length in turn. */
  private readonly spans: number[] = []
  private piece: Buffer | null = null

  /** @param limits - how large the trailer section may be, and of how many fields */
  constructor(limits: TrailerLimits = DEFAULTS) {
    this.limits = limits
  }

  /**
   * Decodes `input.bytes[start, end)`.
   *
   * @returns how many bytes belong to the body, up to its end
   * @throws GyreError `GYRE_MALFORMED_BODY`, `GYRE_FORBIDDEN_TRAILER`, `GYRE_TRAILERS_TOO_LARGE`
   */
  decode(start: number, end: number): number {
    const used = this.scan(start, end)
    if (this.scanned === 0) return used
    this.piece = Buffer.allocUnsafe(this.scanned)
    this.copyTo(this.piece, 0)
    return used
  }

  /**
   * As `decode`, but leaves the body where it lies, for `copyTo`: until something else is read there.
   *
   * @returns how many bytes belong to the body, up to its end
   */
  scan(start: number, end: number): number {
    const bytes = input.view
    this.spans.length = 0
    this.scanned = 0
    let at = start
    while (at < end && !this.done) {
      if (this.state === DATA) at += this.skipData(at, end)
      else if (this.state === TRAILERS) at = this.readTrailers(bytes, at, end)
      else this.readFraming(bytes[at++] as number)
    }
    return at - start
  }

  /** Copies what was scanned out of the input area, which the next read of any connection writes over. */
  copyTo(target: Buffer, start: number): void {
    const { spans } = this
    const bytes = input.view
    let filled = start
    for (let at = 0; at < spans.length; at += 2) {
      const from = spans[at] as number
      const length = spans[at + 1] as number
      if (length < FEW)
        for (let index = 0; index < length; index++) target[filled + index] = bytes[from + index] as number
      else bytes.copy(target, filled, from, from + length)
      filled += length
    }
  }

  /** @returns what was decoded since the last call; null where that was nothing */
  take(): Buffer | null {
    const { piece } = this
    this.piece = null
    return piece
  }

  /** Lets go of what was decoded and not taken. To be called at every end. */
  release(): void {
    this.piece = null
    this.reader = null
  }

  private skipData(at: number, end: number): number {
    const size = Math.min(this.remaining, end - at)
    this.spans.push(at, size)
    this.scanned += size
    this.bodyBytes += size
    this.remaining -= size
    if (this.remaining === 0) this.state = DATA_CR
    return size
  }

  private readFraming(byte: number): void {
    this.overhead++
    switch (this.state) {
      case SIZE:
        return this.readSize(byte)
      case SIZE_LF:
        if (byte !== LF) throw malformed('a CR without LF behind the size of a chunk')
        return this.endSize()
      case DATA_CR:
        // A chunk longer than its size is how one request hides in another ("funky chunks", CVE-2025-43859).
        if (byte !== CR) throw malformed('no CR behind a chunk')
        this.state = DATA_LF
        return
      case DATA_LF:
        if (byte !== LF) throw malformed('no LF behind a chunk')
        this.state = SIZE
        return
      default:
        return this.readExtension(byte)
    }
  }

  private readSize(byte: number): void {
    const value = hexValue(byte)
    if (value >= 0) {
      if (++this.digits > SIZES.chunkSizeDigits) throw malformed('the size of a chunk has too many digits')
      this.remaining = this.remaining * 16 + value
      return
    }
    if (this.digits === 0) throw malformed('a chunk without a size')
    if (!Number.isSafeInteger(this.remaining)) throw malformed('the size of a chunk is beyond counting')
    if (byte === CR) this.state = SIZE_LF
    else if (byte === SEMICOLON) this.state = NAME_BEGIN
    else throw malformed('the size of a chunk is not a hexadecimal number')
  }

  /** `; name`, `; name=token`, `; name="quoted"`: checked and counted, and of no meaning. */
  private readExtension(byte: number): void {
    this.extension++
    if (this.extension > SIZES.chunkExtension) throw malformed('the extensions of a chunk are too long')
    if (this.extension + this.extensions > SIZES.chunkExtensions + this.bodyBytes)
      throw malformed('the extensions of the chunks are too long')
    switch (this.state) {
      case NAME_BEGIN:
        if (IS_TOKEN[byte] !== 1) throw malformed('a chunk extension without a name')
        this.state = NAME
        return
      case NAME:
        if (IS_TOKEN[byte] === 1) return
        if (byte === EQUALS) this.state = VALUE_BEGIN
        else this.endExtension(byte)
        return
      case VALUE_BEGIN:
        if (byte === QUOTE) this.state = QUOTED
        else if (IS_TOKEN[byte] === 1) this.state = TOKEN
        else throw malformed('a chunk extension without a value')
        return
      case TOKEN:
        if (IS_TOKEN[byte] !== 1) this.endExtension(byte)
        return
      case QUOTED:
        if (byte === QUOTE) this.state = QUOTE_END
        else if (byte === BACKSLASH) this.state = ESCAPED
        else checkText(byte)
        return
      case ESCAPED:
        checkText(byte)
        this.state = QUOTED
        return
      default:
        this.endExtension(byte)
    }
  }

  private endExtension(byte: number): void {
    if (byte === CR) this.state = SIZE_LF
    else if (byte === SEMICOLON) this.state = NAME_BEGIN
    else throw malformed('a chunk extension holds a character that it must not')
  }

  private endSize(): void {
    if (this.overhead > SIZES.chunkOverhead + this.bodyBytes * SIZES.chunkOverheadRatio)
      throw malformed('too much chunk framing for so little body')
    this.extensions += this.extension
    this.extension = 0
    this.digits = 0
    this.state = this.remaining === 0 ? TRAILERS : DATA
  }

  private readTrailers(bytes: Buffer, start: number, end: number): number {
    this.reader ??= new TrailerReader(this.limits)
    const at = this.reader.read(bytes, start, end)
    this.trailers = this.reader.fields
    this.done = this.trailers !== null
    return at
  }
}

/** What a quoted value may hold: text, tabs, and bytes above ASCII (RFC 9110 section 5.6.4). */
function checkText(byte: number): void {
  if ((byte < SP && byte !== TAB) || byte === DEL) throw malformed('a control character in a chunk extension')
}

/** @returns the value of a hexadecimal digit; -1 for every other byte */
function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

function malformed(reason: string): GyreError {
  return new GyreError('GYRE_MALFORMED_BODY', reason)
}
