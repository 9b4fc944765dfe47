/*
 * The same request again and again over one connection that is kept: `inject` for benchmarks. It looks
 * closely at the first answer only; of the others it wants the same status and the same length.
 */
import { GyreError, latin1Text } from '../base/index.ts'
import { END, WOULD_WAIT } from '../io/index.ts'
import { park } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import type { Server } from '../server/index.ts'
import { AnswerParser } from './answer.ts'
import { compose } from './inject.ts'
import type { InjectedRequest, Message } from './inject.ts'
import { memoryPair } from './memory.ts'
import type { MemoryStream } from './memory.ts'
import { TESTING } from './sizes.ts'

/** What an answer begins with, as far as it must be the same each time: `HTTP/1.1 200`. */
const STATUS_END = 12

/**
 * A request that can be asked again and again. Made by `createRepeater`.
 *
 * @example
 * ```ts
 * const server = createServer((_request, response) => response.text('hello'))
 * const repeater = createRepeater(server)
 * await run(repeater.ask())
 * console.log(server.statistics().outcomes.ok) // 1
 * repeater.close()
 * ```
 */
export class Repeater {
  private readonly message: Message
  private readonly bytes: Buffer
  private readonly stream: MemoryStream
  private readonly into = Buffer.alloc(TESTING.piece)
  /** The beginning and the length of the first answer; empty and 0 until it came. */
  private opening = ''
  private size = 0

  /** As `createRepeater` makes it. @param server - need not listen @param request - without a body that is large */
  constructor(server: Server, request: InjectedRequest) {
    const headers = { ...request.headers, Connection: 'keep-alive' }
    this.message = compose({ ...request, headers })
    this.bytes = Buffer.concat([Buffer.from(this.message.head, 'latin1'), this.message.body])
    const [client, serverEnd] = memoryPair()
    this.stream = client
    server.serve(serverEnd)
  }

  /**
   * Asks once, in a task of the server's kernel.
   *
   * @throws GyreError `GYRE_ANSWER_BROKEN` where the answer is not whole, or not like the first
   */
  *ask(): Coroutine<void> {
    const { stream, bytes, into } = this
    if (stream.tryWrite(bytes, 0, bytes.length) < bytes.length)
      throw new GyreError('GYRE_BAD_OPTION', 'a request that is asked again and again must fit into the stream')
    if (this.size === 0) return yield* this.learn()
    for (let got = 0; got < this.size;) {
      const count = stream.tryRead(into, 0, into.length)
      if (count === WOULD_WAIT) yield* park(stream.readable)
      else {
        if (got === 0 && latin1Text(into, 0, STATUS_END) !== this.opening) throw unlike()
        got += count
        if (count === END || got > this.size) throw unlike()
      }
    }
  }

  /** Ends the connection. */
  close(): void {
    this.stream.close()
  }

  private *learn(): Coroutine<void> {
    const { stream, into } = this
    const parser = new AnswerParser(() => this.message.method)
    while (parser.answers.length === 0) {
      const count = stream.tryRead(into, 0, into.length)
      if (count === WOULD_WAIT) yield* park(stream.readable)
      else if (count === END) throw unlike()
      else {
        if (this.size === 0) this.opening = into.toString('latin1', 0, STATUS_END)
        this.size += count
        parser.push(Buffer.from(into.subarray(0, count)))
      }
    }
  }
}

function unlike(): GyreError {
  return new GyreError(
    'GYRE_ANSWER_BROKEN',
    'the answer is not like the first one: use inject() for answers that differ',
  )
}

/**
 * Prepares a request that is asked again and again over one connection in memory, for benchmarks: no
 * socket, no system call, little more than the server's own work.
 *
 * @param server - need not listen
 * @param request - its answer must have the same length each time
 * @example
 * ```ts
 * const server = createServer((_request, response) => response.text('hello'))
 * const repeater = createRepeater(server, { path: '/' })
 * await run(function* () {
 *   for (let round = 0; round < 1_000; round++) yield* repeater.ask()
 * })
 * console.log(server.statistics().outcomes.ok) // 1000
 * repeater.close()
 * ```
 */
export function createRepeater(server: Server, request: InjectedRequest = {}): Repeater {
  return new Repeater(server, request)
}
