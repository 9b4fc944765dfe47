/*
 * One request on its way through a thread, as the task of its connection sees it.
 *
 * A whole answer is brought to it; of a streamed one it takes record by record, and each only when the client has
 * taken the one before: so the thread can be ahead of its client by one ring of memory, and then stands still. Once
 * the thread has gone on to another request, what is left in the ring is kept here, because the answers to others
 * come behind it: nobody waits for another's slow client.
 */
import { GyreError, SIZES } from '../../base/index.ts'
import { Deadline, Spot, park } from '../../kernel/index.ts'
import type { Coroutine, Expiring } from '../../kernel/index.ts'
import type { Response } from '../../server/index.ts'
import type { Pull } from '../input.ts'
import { hearFailure, hearHead } from './messages.ts'
import { RECORD } from './records.ts'
import type { Thread } from './thread.ts'

/** What a job needs of its pool. */
export interface JobPool {
  /** Bytes that all its requests keep. */
  keptBytes: number
  /** The time for a request is over, perhaps. */
  overdue(job: Job, now: number): void
}

const NOTHING = Buffer.alloc(0)

/** A record that was taken out of the ring before its turn. */
interface Kept {
  readonly kind: number
  readonly bytes: Buffer
}

export class Job implements Expiring {
  readonly number: number
  readonly slot: number
  readonly deadline: Deadline
  /** The thread whose output is this job's at the moment. */
  thread: Thread | null = null
  private readonly pool: JobPool
  private readonly spot = new Spot('a WSGI application in a thread')
  private readonly pull: Pull | null
  /** Bytes that are kept. */
  keptBytes = 0
  /** Whether the end of the answer is among what was kept. */
  keptEnd = false
  private readonly kept: Kept[] = []
  private rest: Buffer = NOTHING
  private answer: Buffer | null = null
  private readonly parts: Buffer[] = []
  private failure: unknown = null

  /** @param pull - brings the body that was not told with the request */
  constructor(pool: JobPool, number: number, slot: number, pull: Pull | null) {
    this.pool = pool
    this.number = number
    this.slot = slot
    this.pull = pull
    this.deadline = new Deadline(this)
  }

  /** The thread has something for this job. */
  news(thread: Thread): void {
    this.thread = thread
    this.spot.wake()
  }

  /** A whole answer has come. */
  answered(thread: Thread, bytes: Buffer): void {
    this.thread = thread
    this.answer = bytes
    this.spot.wake()
  }

  /** Keeps a record of a thread that has gone on. */
  keep(thread: Thread, kind: number, bytes: Buffer): void {
    this.thread = thread
    this.kept.push({ kind, bytes })
    this.count(bytes.length)
    if (kind === RECORD.end) this.keptEnd = true
    this.spot.wake()
  }

  /** Drops what is kept: too much waits for slow clients. */
  shed(): void {
    this.drop()
    this.fail(new GyreError('GYRE_OUTPUT_SHED'))
  }

  /** Lets go of what is kept. */
  drop(): void {
    this.kept.length = 0
    this.count(-this.keptBytes)
  }

  private count(bytes: number): void {
    this.keptBytes += bytes
    this.pool.keptBytes += bytes
  }

  /** It comes to nothing. */
  fail(error: unknown): void {
    this.failure ??= error
    this.spot.wake()
  }

  expired(now: number): void {
    this.pool.overdue(this, now)
  }

  /** Brings the answer to the client. @throws what the application has thrown, or why there is no answer */
  *run(response: Response): Coroutine<void> {
    for (;;) {
      const { answer, thread } = this
      if (answer !== null) return this.sendWhole(answer, response)
      const kept = this.kept.shift()
      if (kept !== undefined) {
        this.count(-kept.bytes.length)
        if (yield* this.take(kept.kind, kept.bytes, response)) return
      } else if (thread !== null && thread.has(this)) {
        const { kind } = thread.reader
        if (yield* this.take(kind, thread.reader.take(), response)) return
      } else if (this.failure !== null) throw this.failure as Error
      else yield* park(this.spot)
    }
  }

  /** Takes one record. @returns whether it was the last */
  private *take(kind: number, bytes: Buffer, response: Response): Coroutine<boolean> {
    switch (kind) {
      case RECORD.head:
        hearHead(bytes, 0, bytes.length, response)
        return false
      case RECORD.part:
        this.parts.push(bytes)
        return false
      case RECORD.chunk:
        yield* response.write(this.joined(bytes))
        return false
      case RECORD.wantInput:
        yield* this.feed(this.thread as Thread)
        return false
      // Both come here where the application has asked for input before.
      case RECORD.answer:
        this.sendWhole(bytes, response)
        return true
      case RECORD.failure:
        throw hearFailure(bytes)
      default:
        response.end()
        return true
    }
  }

  /** A chunk goes out as the application has given it, however many records it came in. */
  private joined(last: Buffer): Buffer {
    return this.parts.length === 0 ? last : Buffer.concat([...this.parts.splice(0), last])
  }

  private sendWhole(bytes: Buffer, response: Response): void {
    const word = Int32Array.BYTES_PER_ELEMENT
    const bodyAt = word + bytes.readInt32LE(0)
    hearHead(bytes, word, bodyAt, response)
    response.end(bytes.subarray(bodyAt))
  }

  /** Brings the thread the next piece of the body. */
  private *feed(thread: Thread): Coroutine<void> {
    if (this.rest.length === 0) {
      if (this.pull === null) throw new GyreError('GYRE_WSGI_INPUT')
      const piece = yield* this.pull()
      if (piece === null) return thread.giveInput(null)
      this.rest = piece
    }
    const piece = this.rest.subarray(0, SIZES.wsgiInput)
    this.rest = this.rest.subarray(piece.length)
    thread.giveInput(piece)
  }
}
