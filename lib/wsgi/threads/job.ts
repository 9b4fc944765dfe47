/*
 * One request on its way through a thread, as the task of its connection sees it.
 *
 * A whole answer is brought to it; of a streamed one it takes record by record, and each only when the client has
 * taken the one before: so the thread can be ahead of its client by one ring of memory, and then stands still.
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
  /** The time for a request is over, perhaps. */
  overdue(job: Job, now: number): void
}

const NOTHING = Buffer.alloc(0)

export class Job implements Expiring {
  readonly number: number
  readonly slot: number
  readonly deadline: Deadline
  /** The thread whose output is this job's at the moment. */
  thread: Thread | null = null
  private readonly pool: JobPool
  private readonly spot = new Spot('a WSGI application in a thread')
  private readonly pull: Pull | null
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
      if (thread !== null && thread.has(this)) {
        if (yield* this.take(thread, response)) return
      } else if (this.failure !== null) throw this.failure as Error
      else yield* park(this.spot)
    }
  }

  /** Takes one record. @returns whether it was the last */
  private *take(thread: Thread, response: Response): Coroutine<boolean> {
    const { reader } = thread
    switch (reader.kind) {
      case RECORD.head: {
        const bytes = reader.take()
        hearHead(bytes, 0, bytes.length, response)
        return false
      }
      case RECORD.part:
        this.parts.push(reader.take())
        return false
      case RECORD.chunk:
        yield* response.write(this.joined(reader.take()))
        return false
      case RECORD.wantInput:
        reader.skip()
        yield* this.feed(thread)
        return false
      // Both come here where the application has asked for input before.
      case RECORD.answer:
        this.sendWhole(reader.take(), response)
        return true
      case RECORD.failure:
        throw hearFailure(reader.take())
      default:
        reader.skip()
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
