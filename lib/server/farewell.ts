/*
 * The last word to connections that are none of ours: they are told why, and get the time to read it.
 * Only so many at once, because a flood of them is what they are turned away for; the others are told
 * as far as that needs no waiting.
 */
import { SIZES } from '../base/index.ts'
import type { GyreError } from '../base/index.ts'
import { END, readSome, writeAll } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import { withTimeout } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import type { ServerContext } from './context.ts'
import { Outgoing } from './outgoing.ts'

/** Where what they still send goes; nobody looks at it. */
const waste = Buffer.allocUnsafe(SIZES.output)

export class Farewells {
  private readonly server: ServerContext
  private underWay = 0

  constructor(server: ServerContext) {
    this.server = server
  }

  /** Answers with an error and ends the connection, within `lingerTime`. */
  say(stream: ByteStream, error: GyreError): void {
    const { server } = this
    const answer = Buffer.from(Outgoing.refusal(error, server.dateLine()), 'latin1')
    if (this.underWay >= SIZES.farewells) return sayAndLeave(stream, answer)
    this.underWay++
    server.kernel.spawn(this.sayAndLinger(stream, answer), { name: 'farewell' })
  }

  private *sayAndLinger(stream: ByteStream, answer: Buffer): Coroutine<void> {
    try {
      yield* withTimeout(this.server.limit.lingerTime, sayAndWait(stream, answer))
    } catch {
      // Gone, or too slow: there is no more to be done for it.
    } finally {
      this.underWay--
      stream.close()
    }
  }
}

function sayAndLeave(stream: ByteStream, answer: Buffer): void {
  try {
    stream.tryWrite(answer, 0, answer.length)
  } catch {
    // The client has gone already.
  } finally {
    stream.close()
  }
}

function* sayAndWait(stream: ByteStream, answer: Buffer): Coroutine<void> {
  yield* writeAll(stream, answer)
  stream.shutdown()
  // What it sent and we did not read would make the operating system reset it, and the answer with it.
  while ((yield* readSome(stream, waste)) !== END);
}
