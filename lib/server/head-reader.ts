/*
 * Reads request heads off a stream.
 *
 * What one read brings is parsed where it lies, in the input area that all connections of a thread
 * share. Heads that came together are all parsed at once, because another connection may read there as
 * soon as the task waits. A connection that waits for a head holds no buffer and no parser.
 */
import { GyreError, SIZES } from '../base/index.ts'
import type { Limits } from '../base/index.ts'
import { END, WOULD_WAIT } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import type { HeadLimits } from '../protocol/index.ts'
import { PartialHead, RequestHead, faultAt, headEnd, input, parseHead, skipLines } from '../protocol/index.ts'

/** More must come before there is a head. */
export const MORE = 'more'
/** The client has ended its side: there will be no further head. */
export const ENDED = 'ended'

/** What was refused. */
export interface Refused {
  readonly bytes: Buffer
  /** How many of the bytes the parser had taken. */
  readonly parsed: number
}

export class HeadReader {
  private readonly stream: ByteStream
  private readonly limits: Limits & Pick<HeadLimits, 'linesBetween'>
  /** Read and not used yet. */
  private rest: Buffer | null = null
  /** A head of which some has come. */
  private partial: PartialHead | null = null
  /** What came with the last read and was refused, for who wants to show it. */
  private refused: Refused | null = null
  private readonly keepRefused: boolean
  /** Requests that came together with the one that is running; a refusal is the last of them. */
  private ahead: (RequestHead | GyreError)[] | null = null

  /** @param keepRefused - whether what is refused may be asked for */
  constructor(stream: ByteStream, limits: Limits, keepRefused: boolean = false) {
    this.stream = stream
    this.limits = limits
    this.keepRefused = keepRefused
  }

  /** True while some of a head has come, and not all. */
  get begun(): boolean {
    return this.partial !== null
  }

  /** True where a further request has come already. */
  get hasAhead(): boolean {
    return this.ahead !== null
  }

  /** True where a read would find something at once. */
  get hasMore(): boolean {
    return this.rest !== null || this.stream.readable.ready
  }

  /** True where the client has sent what nobody has read. */
  get hasUnread(): boolean {
    return this.ahead !== null || this.hasMore
  }

  /** Reads and parses, without waiting. @returns a head, a refusal, or why there is none */
  next(): RequestHead | GyreError | typeof MORE | typeof ENDED {
    if (this.ahead !== null) return this.takeAhead(this.ahead)
    const size = this.fillInput()
    if (size === WOULD_WAIT) return MORE
    if (size === END) return ENDED
    try {
      return this.partial === null ? this.parse(size) : this.parseOn(this.partial, size)
    } catch (error) {
      if (!(error instanceof GyreError)) throw error
      if (this.keepRefused) this.refused = refusedOf(size)
      return error
    }
  }

  /** Takes the bytes of the last read, where they were refused. */
  takeRefused(): Refused | null {
    const { refused } = this
    this.refused = null
    return refused
  }

  /** What is wrong with what came behind the request that is running, where that is known already. */
  get refusedNext(): GyreError | null {
    const next = this.ahead?.at(-1)
    return next instanceof GyreError ? next : null
  }

  /** Takes the requests that came together with the last one and will not be answered. */
  takeAllAhead(): RequestHead[] {
    const heads = (this.ahead ?? []).filter((next) => next instanceof RequestHead).reverse()
    this.ahead = null
    return heads
  }

  /** Takes what was read and not used. */
  takeRest(): Buffer | null {
    const { rest } = this
    this.rest = null
    return rest
  }

  /** Gives back what was read too far. */
  giveRest(rest: Buffer): void {
    this.rest = rest
  }

  /** Gives up a head of which some has come. To be called at every end. */
  release(): void {
    this.partial?.release()
    this.partial = null
  }

  private fillInput(): number {
    const { rest } = this
    if (rest === null) return this.stream.tryRead(input.bytes, 0, SIZES.input)
    this.rest = null
    return rest.copy(input.bytes)
  }

  private parse(size: number): RequestHead | typeof MORE {
    const start = this.startOf(0, size)
    if (start === size && size > 0) return MORE
    const head = parseHead(start, size, this.limits)
    if (head === undefined) {
      this.partial = new PartialHead()
      this.parseOn(this.partial, size, start)
      return MORE
    }
    const end = headEnd()
    if (end < size) this.parseAhead(head, end, size)
    return head
  }

  private startOf(at: number, size: number): number {
    return this.limits.linesBetween === true ? skipLines(input.bytes, at, size) : at
  }

  private parseOn(partial: PartialHead, size: number, start: number = 0): RequestHead | typeof MORE {
    const used = partial.push(start, size, this.limits)
    if (used === undefined) return MORE
    if (used < size) this.rest = Buffer.from(input.bytes.subarray(used, size))
    const head = partial.take(this.limits)
    this.release()
    return head
  }

  /** Parses the requests that came together with `head`. */
  private parseAhead(head: RequestHead, from: number, size: number): void {
    let at = from
    let last = head
    const ahead: (RequestHead | GyreError)[] = []
    while (at < size && last.framing === 'none' && last.keepAlive && !mayLeaveHttp(last)) {
      if (ahead.length >= this.limits.pipelineDepth) break
      try {
        at = this.startOf(at, size)
        const next = parseHead(at, size, this.limits)
        if (next === undefined) break
        at = headEnd()
        ahead.push(next)
        last = next
      } catch (error) {
        // The answers before it are due first.
        if (!(error instanceof GyreError)) throw error
        ahead.push(error)
        at = size
      }
    }
    if (ahead.length > 0) this.ahead = ahead.reverse()
    if (at < size) this.rest = Buffer.from(input.bytes.subarray(at, size))
  }

  private takeAhead(ahead: (RequestHead | GyreError)[]): RequestHead | GyreError {
    const head = ahead.pop() as RequestHead | GyreError
    if (ahead.length === 0) this.ahead = null
    return head
  }
}

/** What follows such a head may be of another protocol. */
function mayLeaveHttp(head: RequestHead): boolean {
  return head.upgrade || head.method === 'CONNECT'
}

/** @param size - of what lies in the input area */
function refusedOf(size: number): Refused {
  const at = faultAt()
  // A head that is only too large has no fault: the parser has taken all of it, and stopped nowhere.
  return { bytes: Buffer.from(input.bytes.subarray(0, size)), parsed: at >= 0 && at <= size ? at : size }
}
