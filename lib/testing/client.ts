/*
 * A client over any byte stream: it sends exactly the bytes that it is told to, and a child of its own
 * takes in what comes back, so that neither side waits for the other without need.
 */
import { GyreError } from '../base/index.ts'
import { END, readSome, writeAll } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import { ParkingLot, nursery, park } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { AnswerParser } from './answer.ts'
import type { Answer } from './answer.ts'
import { TESTING } from './sizes.ts'

/** How the server's side of a connection ended. */
export type Ending = 'open' | 'ended' | 'gone'

export class Client {
  readonly stream: ByteStream
  readonly parser: AnswerParser
  /** The first of what came back, as text, for reports. */
  received = ''
  ending: Ending = 'open'
  /** What is wrong with the answers, if anything is. */
  fault: GyreError | null = null
  /** Called when something has come. */
  heard: () => void = () => undefined
  private readonly news = new ParkingLot('news from the server')

  /** @param methodOf - as for AnswerParser */
  constructor(stream: ByteStream, methodOf?: (index: number) => string) {
    this.stream = stream
    this.parser = new AnswerParser(methodOf)
  }

  /** Whole final answers so far. */
  get answers(): readonly Answer[] {
    return this.parser.answers
  }

  /** Takes one piece in. @returns false when nothing more will come */
  *receive(into: Buffer): Coroutine<boolean> {
    try {
      const size = yield* readSome(this.stream, into)
      if (size === END) return this.over('ended')
      // A copy: the parser keeps what it is given.
      const bytes = Buffer.from(into.subarray(0, size))
      const room = TESTING.kept - this.received.length
      if (room > 0) this.received += bytes.toString('latin1', 0, room)
      this.judge(() => this.parser.push(bytes))
      this.heard()
      this.news.wakeAll()
      return true
    } catch (error) {
      if (isGone(error)) return this.over('gone')
      throw error
    }
  }

  /** Takes in what comes until the server's side has ended. */
  *receiveAll(): Coroutine<void> {
    const into = Buffer.allocUnsafe(TESTING.piece)
    while (yield* this.receive(into));
  }

  /** Sends bytes, waiting for room. @returns false where the server takes no more */
  *send(bytes: Buffer | string): Coroutine<boolean> {
    try {
      yield* writeAll(this.stream, typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
      return true
    } catch (error) {
      if (isGone(error)) return false
      throw error
    }
  }

  /** Waits until a condition holds, or nothing more will come. @returns whether it holds */
  *until(condition: () => boolean): Coroutine<boolean> {
    while (!condition() && this.ending === 'open' && this.fault === null) yield* park(this.news)
    return condition()
  }

  /** Waits until the server has ended its side. */
  *end(): Coroutine<void> {
    while (this.ending === 'open') yield* park(this.news)
  }

  private over(how: Ending): false {
    this.ending = how
    if (how === 'ended') this.judge(() => this.parser.end())
    else if (!this.parser.atRest) this.fault ??= new GyreError('GYRE_ANSWER_BROKEN', 'reset in the middle of an answer')
    this.news.wakeAll()
    return false
  }

  private judge(reading: () => void): void {
    if (this.fault !== null) return
    try {
      reading()
    } catch (error) {
      if (!(error instanceof GyreError)) throw error
      this.fault = error
    }
  }
}

/** True for the errors by which a stream tells that the peer, or we ourselves, have ended it. */
function isGone(error: unknown): boolean {
  return error instanceof GyreError && (error.code === 'GYRE_PEER_GONE' || error.code === 'GYRE_STREAM_CLOSED')
}

/**
 * Talks as a client while a child takes in what comes back; closes the stream at every end.
 *
 * @param talk - what to do; is handed the client
 * @returns what `talk` returns
 */
export function* talkOver<T>(client: Client, talk: () => Coroutine<T>): Coroutine<T> {
  try {
    return (yield* nursery(function* (children) {
      const reader = children.spawn(client.receiveAll(), 'reader')
      try {
        return yield* talk()
      } finally {
        reader.cancel()
      }
    })) as T
  } finally {
    client.stream.close()
  }
}
