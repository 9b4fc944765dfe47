/*
 * The laws of a byte stream, for everybody who makes one of a kind of his own: a tunnel, a pipe, a wrapper that counts. What the server
 * and the stream tools rely on is tried from outside, with a peer at the other end. Our own kinds keep the same laws.
 */
import assert from 'node:assert/strict'
import { GyreError } from '../base/index.ts'
import { END, WOULD_WAIT, readSome, writeAll } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import { nursery, sleep, withTimeout } from '../kernel/index.ts'
import type { Coroutine, Operation } from '../kernel/index.ts'
import { TESTING } from './sizes.ts'

/** The other end of a stream that is tried: it reads all that comes, unless it is paused. */
export interface StreamPeer {
  /** Sends bytes. */
  write(bytes: string): void
  /** Ends its side, behind the bytes. */
  end(bytes?: string): void
  /** Resets the connection. */
  reset(): void
  /** Reads no more. */
  pause(): void
  /** Reads again. */
  resume(): void
  /** Is given each piece that comes; set by the laws. */
  onData: (piece: Buffer) => void
  /** True when it has read to the end. */
  readonly ended: boolean
  /** True when the connection was reset under it. */
  readonly broken: boolean
}

/** A stream, and who is at its other end. */
export interface StreamPair {
  /** What is tried. */
  readonly stream: ByteStream
  /** Its other end. */
  readonly peer: StreamPeer
}

/** One law. */
export interface StreamLaw {
  /** What every byte stream does. */
  readonly name: string
  /**
   * Tries it.
   *
   * @param make - makes a new pair; what it opens is its own to close
   * @throws AssertionError where the stream does something else
   */
  check(make: () => Operation<StreamPair>): Operation<void>
}

/** Waits until a condition holds. @throws AssertionError where it does not in time */
function* until(condition: () => boolean, what: string): Coroutine<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn === TESTING.lawTurns) assert.fail(`${what} did not come`)
    yield* sleep(TESTING.lawPause)
  }
}

function* readText(stream: ByteStream, size: number = TESTING.lawRead): Coroutine<string> {
  const buffer = Buffer.alloc(size)
  const count = yield* readSome(stream, buffer)
  return count === END ? 'END' : buffer.toString('latin1', 0, count)
}

/** @throws AssertionError where the work ends without that error */
function* fails(code: string, work: Operation<unknown>): Coroutine<void> {
  try {
    yield* work
  } catch (error) {
    if (error instanceof GyreError) return assert.equal(error.code, code)
    throw error
  }
  assert.fail(`nothing was thrown, where ${code} should have been`)
}

function gathering(peer: StreamPeer): { text: string } {
  const got = { text: '' }
  peer.onData = (piece) => (got.text += piece.toString('latin1'))
  return got
}

/**
 * What every byte stream does, law by law.
 *
 * @example
 * ```ts
 * function* memoryEnds() {
 *   const [stream, other] = memoryPair()
 *   const peer = {
 *     write: (bytes: string) => void other.tryWrite(Buffer.from(bytes), 0, bytes.length),
 *     end: (bytes = '') => { peer.write(bytes); other.shutdown() },
 *     reset: () => other.reset(),
 *     pause: () => undefined, resume: () => undefined, onData: () => undefined, ended: false, broken: false,
 *   }
 *   return { stream, peer }
 * }
 * for (const law of STREAM_LAWS.slice(0, 1)) yield* law.check(memoryEnds)
 * console.log(STREAM_LAWS[0]?.name) // reads what came, would wait for what did not, and reads to the end
 * ```
 */
export const STREAM_LAWS: readonly StreamLaw[] = [
  {
    name: 'reads what came, would wait for what did not, and reads to the end',
    *check(make) {
      const { stream, peer } = yield* make()
      assert.equal(stream.tryRead(Buffer.alloc(1), 0, 1), WOULD_WAIT)
      peer.write('hello')
      assert.equal(yield* readText(stream, 3), 'hel')
      assert.equal(yield* readText(stream), 'lo')
      peer.end()
      assert.equal(yield* readText(stream), 'END')
      assert.equal(yield* readText(stream), 'END')
      assert.equal(stream.peerEnded, true)
    },
  },
  {
    name: 'reads into no more than the place it is given',
    *check(make) {
      const { stream, peer } = yield* make()
      peer.write('hello')
      const buffer = Buffer.from('..........')
      while (stream.tryRead(buffer, 2, 5) === WOULD_WAIT) yield* sleep(TESTING.lawPause)
      assert.match(buffer.toString(), /^\.\.h(?:el|e\.|\.\.)\.{5}$/)
    },
  },
  {
    name: 'writes to a peer that has ended its side, and ends its own',
    *check(make) {
      const { stream, peer } = yield* make()
      const got = gathering(peer)
      peer.end('x')
      assert.equal(yield* readText(stream), 'x')
      yield* writeAll(stream, Buffer.from('still here'))
      stream.shutdown()
      yield* until(() => peer.ended, 'the end')
      assert.equal(got.text, 'still here')
    },
  },
  {
    name: 'keeps nothing of the buffer that it was given to write',
    *check(make) {
      const { stream, peer } = yield* make()
      const got = gathering(peer)
      const buffer = Buffer.from('before')
      yield* writeAll(stream, buffer)
      buffer.write('after!')
      stream.shutdown()
      yield* until(() => peer.ended, 'the end')
      assert.equal(got.text, 'before')
    },
  },
  {
    name: 'a large write to a slow reader waits for room, and arrives whole',
    *check(make) {
      const { stream, peer } = yield* make()
      const bytes = Buffer.alloc(TESTING.lawLarge, 'abcdefg')
      let got = 0
      let same = true
      peer.onData = (piece) => {
        same &&= piece.equals(bytes.subarray(got, got + piece.length))
        got += piece.length
      }
      peer.pause()
      yield* nursery(function* (children) {
        const writing = children.spawn(function* () {
          yield* writeAll(stream, bytes)
          stream.shutdown()
        })
        yield* sleep(TESTING.lawPause)
        assert.equal(writing.ended, false, 'all was taken, though nobody read')
        peer.resume()
      })
      yield* until(() => got >= bytes.length, 'the rest')
      assert.deepEqual([got, same], [bytes.length, true])
    },
  },
  {
    name: 'what is written as the last of all arrives, and then the end',
    *check(make) {
      for (const how of ['close', 'shutdown'] as const) {
        const { stream, peer } = yield* make()
        const got = gathering(peer)
        const bytes = Buffer.from('good night')
        assert.equal(stream.tryWrite(bytes, 0, bytes.length, true), bytes.length)
        stream[how]()
        yield* until(() => peer.ended, `the end by ${how}`)
        assert.equal(got.text, 'good night')
      }
    },
  },
  {
    name: 'tells its watcher of an end and of a reset, also when nobody reads',
    *check(make) {
      for (const how of ['end', 'reset'] as const) {
        const { stream, peer } = yield* make()
        const told: boolean[] = []
        stream.watcher = { hungUp: (broken) => told.push(broken) }
        peer[how]()
        yield* until(() => told.length > 0, `the word of the ${how}`)
        assert.equal(told[0], how === 'reset')
      }
    },
  },
  {
    name: 'a reset ends a read and a write with GYRE_PEER_GONE',
    *check(make) {
      const one = yield* make()
      one.peer.reset()
      yield* fails('GYRE_PEER_GONE', readText(one.stream))
      const other = yield* make()
      other.peer.reset()
      yield* fails('GYRE_PEER_GONE', writeForEver(other.stream))
    },
  },
  {
    name: 'our own reset is seen as one, and not as an end',
    *check(make) {
      const { stream, peer } = yield* make()
      const got = gathering(peer)
      yield* writeAll(stream, Buffer.from('so far'))
      yield* until(() => got.text === 'so far', 'what was sent')
      stream.reset()
      yield* until(() => peer.broken, 'the reset')
      assert.equal(peer.ended, false)
    },
  },
  {
    name: 'a wait that is cancelled leaves the stream whole',
    *check(make) {
      const { stream, peer } = yield* make()
      yield* fails('GYRE_TIMEOUT', withTimeout(TESTING.lawPause, readText(stream)))
      peer.write('after')
      assert.equal(yield* readText(stream), 'after')
    },
  },
  {
    name: 'closing wakes who waits; a closed stream says so, and can be closed again',
    *check(make) {
      const { stream } = yield* make()
      yield* nursery(function* (children) {
        children.spawn(() => fails('GYRE_STREAM_CLOSED', readText(stream)))
        yield* sleep(TESTING.lawPause)
        stream.close()
      })
      assert.equal(stream.closed, true)
      assert.throws(() => stream.tryWrite(Buffer.alloc(1), 0, 1), { code: 'GYRE_STREAM_CLOSED' })
      assert.throws(() => stream.tryRead(Buffer.alloc(1), 0, 1), { code: 'GYRE_STREAM_CLOSED' })
      stream.close()
      stream.reset()
      stream.shutdown()
    },
  },
]

function* writeForEver(stream: ByteStream): Coroutine<never> {
  for (;;) {
    yield* writeAll(stream, Buffer.alloc(TESTING.lawRead))
    yield* sleep(TESTING.lawPause)
  }
}
