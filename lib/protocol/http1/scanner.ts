/*
 * The plain head, as most are, read sixteen bytes at a time.
 *
 * llhttp looks at one byte after the other, which takes more than half of the time that a browser's head takes. So what
 * can be told from afar is scanned by a small module of ours first (scanner.wat): GET or HEAD, a path, HTTP/1.1, lines
 * that end in CRLF, fields of tokens and printable values, one Host among them, all within the limits; and nothing
 * that frames a body or asks for more than an answer (Content-Length, Transfer-Encoding, Expect, Upgrade).
 *
 * Two readers of one message are a danger where they disagree. So this one can say nothing but "a plain head": it
 * refuses nothing, and whatever is not plain, be it one byte, goes to llhttp from its beginning. That remains
 * the judge of all that is unusual, and of all that tells where a message ends. What is plain here, llhttp takes and
 * reads alike: test/security/pure/scanner.fuzz.test.ts holds both against each other on bent heads.
 */
import { SIZES } from '../../base/index.ts'
import type { Limits } from '../../base/index.ts'
import { SCANNER_WASM_BASE64 } from './scanner.asset.ts'
import { instantiate, runsHere } from './wasm.ts'
import type { Memory } from './wasm.ts'

/** Bytes behind the input area that are looked at, and never believed. */
export const SCANNED_BEHIND = 64

// Where its words stand, as numbers of words.
const TARGET_AT = 0
const TARGET_SIZE = 1
const RECORDS_SIZE = 2
const HOST = 3
const SPECIAL = 4
const RECORDS = 5
const WORD = Int32Array.BYTES_PER_ELEMENT
/** Each field has four numbers. */
const RECORD = 4
const MOST = RECORDS + SIZES.fieldRecords * RECORD

/** How much memory it needs for its words, in bytes. */
export const SCANNER_SIZE: number = MOST * WORD

type Scan = (at: number, end: number, fieldCount: number, fieldBytes: number) => number

/** Scans what lies in the memory of the parser. */
export class Scanner {
  private readonly memory: Memory
  private readonly areaAt: number
  private readonly wordsAt: number
  private readonly run: Scan
  private words!: Int32Array

  /**
   * @param memory - of the parser
   * @param areaAt - where the input area begins; `SCANNED_BEHIND` bytes behind it must be memory as well
   * @param wordsAt - where `SCANNER_SIZE` bytes are free
   */
  constructor(memory: Memory, areaAt: number, wordsAt: number) {
    this.memory = memory
    this.areaAt = areaAt
    this.wordsAt = wordsAt
    this.run = runsHere(SCANNER_WASM_BASE64)
      ? (instantiate(SCANNER_WASM_BASE64, { llhttp: { memory }, place: { words: wordsAt } }) as { scan: Scan }).scan
      : () => 0
    this.renew()
  }

  /** To be called when the memory has grown. */
  renew(): void {
    this.words = new Int32Array(this.memory.buffer, this.wordsAt, MOST)
  }

  /**
   * Scans `input.bytes[start, end)`.
   *
   * @returns where the head ends; 0 where it is not plain, or not whole
   */
  scan(
    start: number,
    end: number,
    limits: Pick<Limits, 'headBytes' | 'targetBytes' | 'fieldCount' | 'fieldBytes'>,
  ): number {
    const { areaAt } = this
    const fields = Math.min(limits.fieldCount, SIZES.fieldRecords)
    const behind = this.run(areaAt + start, areaAt + end, fields, limits.fieldBytes) - areaAt
    return behind > 0 && behind - start <= limits.headBytes && this.targetSize <= limits.targetBytes ? behind : 0
  }

  /** Where the target begins, counted from the beginning of the head: behind the method and its space. */
  get targetAt(): number {
    return this.words[TARGET_AT] as number
  }

  /** How long the target is. */
  get targetSize(): number {
    return this.words[TARGET_SIZE] as number
  }

  /** Which of the numbers of `records` is the first of Host's. */
  get host(): number {
    return this.words[HOST] as number
  }

  /** Which fields there may be that are to be looked at, as bits of head.ts: Content-Type and Connection. */
  get special(): number {
    return this.words[SPECIAL] as number
  }

  /** Four numbers for each field, counted from the beginning of the target, as `RequestFields` wants them. */
  records(): number[] {
    const { words } = this
    const size = words[RECORDS_SIZE] as number
    const records = new Array<number>(size)
    for (let at = 0; at < size; at++) records[at] = words[RECORDS + at] as number
    return records
  }
}
