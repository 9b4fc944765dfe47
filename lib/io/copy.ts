/*
 * From one stream to another, at the pace of the slower one.
 */
import { SIZES } from '../base/index.ts'
import { giveWay, park } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { scratchBuffer } from './scratch.ts'
import { END, WOULD_WAIT, writeAll } from './stream.ts'
import type { ByteStream } from './stream.ts'

/**
 * Writes to one stream what another reads, to its end. Nothing is read while the writer has to wait, so a
 * slow reader slows the sender down and costs no memory. Neither stream is closed: call `to.shutdown()`
 * to pass the end on.
 *
 * @returns how many bytes were copied
 * @throws GyreError `GYRE_PEER_GONE`, `GYRE_STREAM_CLOSED`
 * @example
 * ```ts
 * const server = yield* serveTcp(function* (client) { yield* copy(client, client) }, { port: 0, host: '127.0.0.1' })
 * const stream = yield* connect({ host: '127.0.0.1', port: server.address.port })
 * yield* writeAll(stream, Buffer.from('echo'))
 * stream.shutdown()
 * console.log((yield* new BufferedStream(stream).readExactly(4)).toString()) // echo
 * stream.close()
 * yield* server.close()
 * ```
 */
export function* copy(from: ByteStream, to: ByteStream): Coroutine<number> {
  let total = 0
  let turn = 0
  for (;;) {
    const piece = scratchBuffer()
    const count = from.tryRead(piece, 0, piece.length)
    if (count === END) return total
    if (count === WOULD_WAIT) {
      yield* park(from.readable)
      turn = 0
      continue
    }
    total += count
    let written = 0
    while (written < count) {
      const taken = to.tryWrite(piece, written, count)
      if (taken === WOULD_WAIT) break
      written += taken
    }
    // The piece is everybody's as soon as we wait.
    if (written < count) yield* writeAll(to, Buffer.from(piece.subarray(written, count)))
    turn += count
    if (turn < SIZES.turn) continue
    turn = 0
    yield* giveWay()
  }
}
