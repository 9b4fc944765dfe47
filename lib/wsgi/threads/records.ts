/*
 * A thread's output: records in a ring of shared memory, one writer and one reader. A record is three words - kind,
 * request, length - and its bytes. It is published whole, so the reader never sees half of one.
 */
import { DESK } from './mailbox.ts'

/** Kinds of records. */
export const RECORD = {
  /** The head of a streamed answer, a piece of its body, its end. */
  head: 1,
  chunk: 2,
  end: 3,
  /** The beginning of a chunk that is larger than a record. */
  part: 7,
  /** A whole answer: the length of its head as a word, the head, the body. */
  answer: 4,
  /** The application has failed. */
  failure: 5,
  /** The application waits for a piece of the request's body. */
  wantInput: 6,
} as const

const HEADER_WORDS = 3
const WORD = Int32Array.BYTES_PER_ELEMENT

/** Bytes that a record takes, rounded up to words. */
function sizeOf(length: number): number {
  return HEADER_WORDS * WORD + ((length + WORD - 1) & -WORD)
}

/** Both ends of the ring. */
abstract class RecordRing {
  protected readonly desk: Int32Array
  protected readonly words: Int32Array
  protected readonly bytes: Buffer
  readonly capacity: number

  constructor(desk: Int32Array, output: SharedArrayBuffer) {
    this.desk = desk
    this.words = new Int32Array(output)
    this.bytes = Buffer.from(output)
    this.capacity = output.byteLength
  }

  protected wordAt(position: number): number {
    return (position & (this.capacity - 1)) / WORD
  }
}

/** The thread's end. */
export class RecordWriter extends RecordRing {
  /** The longest payload that one record may have: two such records must fit, so that both sides can work. */
  get longest(): number {
    return this.capacity / 2 - sizeOf(0)
  }

  /** Whether there is room for a record of that length now. */
  fits(length: number): boolean {
    const used = (Atomics.load(this.desk, DESK.written) - Atomics.load(this.desk, DESK.read)) | 0
    return this.capacity - used >= sizeOf(length)
  }

  /** Writes a record; there must be room for it. @param parts - its payload */
  write(kind: number, job: number, parts: readonly Uint8Array[]): void {
    const start = Atomics.load(this.desk, DESK.written)
    let length = 0
    let at = start + HEADER_WORDS * WORD
    for (const part of parts) {
      this.copyIn(part, at + length)
      length += part.length
    }
    this.words[this.wordAt(start)] = kind
    this.words[this.wordAt(start + WORD)] = job
    this.words[this.wordAt(start + 2 * WORD)] = length
    at = (start + sizeOf(length)) | 0
    Atomics.store(this.desk, DESK.written, at)
  }

  private copyIn(part: Uint8Array, position: number): void {
    const at = position & (this.capacity - 1)
    const first = Math.min(part.length, this.capacity - at)
    this.bytes.set(first === part.length ? part : part.subarray(0, first), at)
    if (first < part.length) this.bytes.set(part.subarray(first), 0)
  }
}

/** The loop's end. */
export class RecordReader extends RecordRing {
  /** The record at hand, once `peek` has found one. */
  kind = 0
  job = 0
  private length = 0

  /** @returns whether there is a record */
  peek(): boolean {
    const start = Atomics.load(this.desk, DESK.read)
    if (start === Atomics.load(this.desk, DESK.written)) return false
    this.kind = this.words[this.wordAt(start)] as number
    this.job = this.words[this.wordAt(start + WORD)] as number
    this.length = this.words[this.wordAt(start + 2 * WORD)] as number
    return true
  }

  /** Takes the record at hand, and gives its room back. @returns a copy of its payload */
  take(): Buffer {
    const { length } = this
    const start = Atomics.load(this.desk, DESK.read)
    const payload = Buffer.allocUnsafe(length)
    const at = (start + HEADER_WORDS * WORD) & (this.capacity - 1)
    const first = Math.min(length, this.capacity - at)
    this.bytes.copy(payload, 0, at, at + first)
    if (first < length) this.bytes.copy(payload, first, 0, length - first)
    this.skip()
    return payload
  }

  /** Gives the room of the record at hand back, unread. */
  skip(): void {
    const { desk } = this
    Atomics.store(desk, DESK.read, (Atomics.load(desk, DESK.read) + sizeOf(this.length)) | 0)
    tell(desk)
  }
}

/** Tells a thread that there is news on its desk. For the loop. */
export function tell(desk: Int32Array): void {
  Atomics.add(desk, DESK.news, 1)
  Atomics.notify(desk, DESK.news)
}
