/*
 * The last word to a connection that is none of ours: it is told why, and gets the time to read it.
 */
import { SIZES } from '../base/index.ts'
import type { GyreError } from '../base/index.ts'
import { END, readSome, writeAll } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import { withTimeout } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import type { ServerContext } from './context.ts'
import { Outgoing } from './outgoing.ts'

/** Answers with an error and ends the connection, within `lingerTime`. */
export function* farewell(stream: ByteStream, error: GyreError, server: ServerContext): Coroutine<void> {
  try {
    yield* withTimeout(server.limit.lingerTime, sayGoodbye(stream, Outgoing.refusal(error, server.dateLine())))
  } catch {
    // Gone, or too slow: there is no more to be done for it.
  } finally {
    stream.close()
  }
}

/** Answers with an error as far as that needs no waiting, and ends the connection. */
export function tryFarewell(stream: ByteStream, error: GyreError, server: ServerContext): void {
  try {
    const answer = Buffer.from(Outgoing.refusal(error, server.dateLine()), 'latin1')
    stream.tryWrite(answer, 0, answer.length)
  } catch {
    // The client has gone already.
  } finally {
    stream.close()
  }
}

function* sayGoodbye(stream: ByteStream, answer: string): Coroutine<void> {
  yield* writeAll(stream, Buffer.from(answer, 'latin1'))
  stream.shutdown()
  // What it sent and we did not read would make the operating system reset it, and the answer with it.
  const rest = Buffer.allocUnsafe(SIZES.output)
  while ((yield* readSome(stream, rest)) !== END);
}
