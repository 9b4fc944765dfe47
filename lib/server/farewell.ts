/*
 * The last word to connections that are none of ours: they are told why, and get the time to read it.
 * Only so many at once, because a flood of them is what they are turned away for; the others are told
 * as far as that needs no waiting.
 */
import { SIZES } from '../base/index.ts'
import type { GyreError } from '../base/index.ts'
import { END, WOULD_WAIT } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import { giveWay, park, withTimeout } from '../kernel/index.ts'
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

  /** Answers with an error, as far as that needs no waiting, and ends the connection within `lingerTime`. */
  say(stream: ByteStream, error: GyreError): void {
    const { server } = this
    const answer = Buffer.from(Outgoing.refusal(error, server.dateLine()), 'latin1')
    try {
      stream.tryWrite(answer, 0, answer.length)
    } catch {
      // The client has gone already.
      return stream.close()
    }
    if (this.underWay >= SIZES.farewells) return stream.close()
    this.underWay++
    server.kernel.spawn(this.linger(stream), { name: 'farewell' })
  }

  private *linger(stream: ByteStream): Coroutine<void> {
    try {
      stream.shutdown()
      yield* withTimeout(this.server.limit.lingerTime, readToEnd(stream))
    } catch {
      // Gone, or too slow: there is no more to be done for it.
    } finally {
      this.underWay--
      stream.close()
    }
  }
}

/**
 * Reads what a client still sends, and drops it: what we did not read would make the operating system reset the
 * connection, and the answer with it.
 */
export function* readToEnd(stream: ByteStream): Coroutine<void> {
  for (let left: number = SIZES.lingerBytes; left > 0 && !stream.closed;) {
    const size = stream.tryRead(waste, 0, waste.length)
    if (size === END) return
    if (size === WOULD_WAIT) yield* park(stream.readable)
    else {
      left -= size
      yield* giveWay()
    }
  }
}
