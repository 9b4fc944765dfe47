/*
 * Reads request heads off a stream.
 *
 * What one read brings is parsed where it lies, in the input area that all connections of a thread
 * share. Heads that came together are all parsed at once, because another connection may read there as
 * soon as the task waits. What is no head, the beginning of a body or half a head, is left lying there until somebody
 * takes it, or needs the place. A connection that waits for a head holds no buffer and no parser.
 */
import { GyreError, SIZES } from '../base/index.ts'
import type { Limits } from '../base/index.ts'
import { END, WOULD_WAIT } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import type { AreaHolder, HeadLimits } from '../protocol/index.ts'
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

export class HeadReader implements AreaHolder {
  private readonly stream: ByteStream
  private readonly limits: Limits & Pick<HeadLimits, 'linesBetween'>
  /** Read and not used yet: in the input area, between `from` and `to`, while that is held... */
  from = 0
  to = 0
  private holding = false
  /** ...or moved out of it. */
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
    return this.holding || this.rest !== null || this.stream.readable.ready
  }

  /** True where the client has sent what nobody has read. */
  get hasUnread(): boolean {
    return this.ahead !== null || this.hasMore
  }

  /** Reads and parses, without waiting. @returns a head, a refusal, or why there is none */
  next(): RequestHead | GyreError | typeof MORE | typeof ENDED {
    if (this.ahead !== null) return this.takeAhead(this.ahead)
    if (!this.bringRest()) {
      const size = this.stream.tryRead(input.bytes, 0, SIZES.input)
      if (size === WOULD_WAIT) return MORE
      if (size === END) return ENDED
      this.from = 0
      this.to = size
    }
    const { from, to } = this
    try {
      return this.partial === null ? this.parse(from, to) : this.parseOn(this.partial, from, to)
    } catch (error) {
      if (!(error instanceof GyreError)) throw error
      if (this.keepRefused) this.refused = refusedOf(from, to)
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

  /**
   * Brings what was read and not used into the input area, where it lies between `from` and `to`, and is the caller's.
   *
   * @returns whether there is something
   */
  bringRest(): boolean {
    if (this.holding) {
      this.holding = false
      input.letGo()
      return true
    }
    const { rest } = this
    if (rest === null) return false
    this.rest = null
    this.from = 0
    this.to = rest.copy(input.bytes)
    return true
  }

  /** Gives back what was read too far, and leaves it in the input area. */
  leaveRest(from: number, to: number): void {
    this.from = from
    this.to = to
    this.holding = true
    input.hold(this)
  }

  /** Takes what was read and not used, in memory of its own. */
  takeRest(): Buffer | null {
    if (this.holding) {
      this.moveOut(input.view)
      input.letGo()
    }
    const { rest } = this
    this.rest = null
    return rest
  }

  /** Somebody needs the input area. */
  moveOut(view: Buffer): void {
    this.holding = false
    this.rest = Buffer.allocUnsafe(this.to - this.from)
    view.copy(this.rest, 0, this.from, this.to)
  }

  /** Gives up a head of which some has come. To be called at every end. */
  release(): void {
    this.partial?.release()
    this.partial = null
    if (this.holding) this.bringRest()
  }

  private parse(from: number, to: number): RequestHead | typeof MORE {
    const start = this.startOf(from, to)
    if (start === to && to > from) return MORE
    const head = parseHead(start, to, this.limits)
    if (head === undefined) {
      this.partial = new PartialHead()
      this.parseOn(this.partial, start, to)
      return MORE
    }
    const end = headEnd()
    if (end < to) this.parseAhead(head, end, to)
    return head
  }

  private startOf(at: number, size: number): number {
    return this.limits.linesBetween === true ? skipLines(input.bytes, at, size) : at
  }

  private parseOn(partial: PartialHead, from: number, to: number): RequestHead | typeof MORE {
    const used = partial.push(from, to, this.limits)
    if (used === undefined) return MORE
    if (from + used < to) this.leaveRest(from + used, to)
    // What follows is moved out: the whole head is parsed in the input area once more.
    const head = partial.take(this.limits)
    partial.release()
    this.partial = null
    return head
  }

  /** Parses the requests that came together with `head`. */
  private parseAhead(head: RequestHead, from: number, to: number): void {
    let at = from
    let last = head
    const ahead: (RequestHead | GyreError)[] = []
    while (at < to && last.framing === 'none' && last.keepAlive && !mayLeaveHttp(last)) {
      if (ahead.length >= this.limits.pipelineDepth) break
      try {
        at = this.startOf(at, to)
        const next = parseHead(at, to, this.limits)
        if (next === undefined) break
        at = headEnd()
        ahead.push(next)
        last = next
      } catch (error) {
        // The answers before it are due first.
        if (!(error instanceof GyreError)) throw error
        ahead.push(error)
        at = to
      }
    }
    if (ahead.length > 0) this.ahead = ahead.reverse()
    if (at < to) this.leaveRest(at, to)
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

/** What lies in the input area between `from` and `to` was refused. */
function refusedOf(from: number, to: number): Refused {
  const at = faultAt()
  // A head that is only too large has no fault: the parser has taken all of it, and stopped nowhere.
  const parsed = at >= from && at <= to ? at - from : to - from
  return { bytes: Buffer.from(input.view.subarray(from, to)), parsed }
}
