/*
 * A byte stream and a listener: what every kind of io must do alike. GYRE_IO says which is tried.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { END, WOULD_WAIT, chooseIo, homeKernel, openListener, readSome, run, writeAll } from '../../lib/io/index.ts'
import type { ByteStream, Listener } from '../../lib/io/index.ts'
import { park, sleep, withTimeout } from '../../lib/kernel/index.ts'
import type { Coroutine } from '../../lib/kernel/index.ts'
import { eventually } from '../support/serve.ts'

const { kind } = chooseIo()
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function* accept(listener: Listener): Coroutine<ByteStream> {
  for (;;) {
    const stream = listener.tryAccept()
    if (stream !== null) return stream
    yield* park(listener.acceptable)
  }
}

/** A stream of the kind under test, and the plain socket at its other end. */
async function pair(): Promise<{ stream: ByteStream; peer: Socket }> {
  const listener = await openListener(kind, homeKernel(), { address: '127.0.0.1', port: 0, backlog: 10 })
  const peer = connect({ port: listener.endpoint.port, host: '127.0.0.1', allowHalfOpen: true })
  peer.on('error', () => undefined)
  const stream = await run(() => accept(listener))
  listener.close()
  closing.push(() => {
    stream.close()
    peer.destroy()
  })
  return { stream, peer }
}

const read = (stream: ByteStream, size = 1000) =>
  run(function* () {
    const buffer = Buffer.alloc(size)
    const count = yield* readSome(stream, buffer)
    return count === END ? 'END' : buffer.toString('latin1', 0, count)
  })

describe(`a byte stream of the ${kind} io`, () => {
  test('reads what came, would wait for what did not, and reads to the end', async () => {
    const { stream, peer } = await pair()
    expect(stream.tryRead(Buffer.alloc(10), 0, 10)).toBe(WOULD_WAIT)
    peer.write('hello')
    expect(await read(stream, 3)).toBe('hel')
    expect(await read(stream)).toBe('lo')
    peer.end()
    expect(await read(stream)).toBe('END')
    expect(await read(stream)).toBe('END')
    expect(stream.peerEnded).toBe(true)
  })

  test('writes to a peer that has ended its side, and ends its own', async () => {
    const { stream, peer } = await pair()
    let got = ''
    let ended = false
    peer.on('data', (bytes) => (got += bytes.toString()))
    peer.on('end', () => (ended = true))
    peer.end('x')
    expect(await read(stream)).toBe('x')
    await run(() => writeAll(stream, Buffer.from('still here')))
    stream.shutdown()
    await eventually(() => ended)
    expect(got).toBe('still here')
  })

  test('a large write to a slow reader waits for room, and arrives whole', async () => {
    const { stream, peer } = await pair()
    const size = 20_000_000
    const bytes = Buffer.alloc(size, 'abcdefg')
    let got = 0
    let same = true
    peer.pause()
    const writing = run(function* () {
      yield* writeAll(stream, bytes)
      stream.shutdown()
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    peer.on('data', (piece) => {
      same &&= piece.equals(bytes.subarray(got, got + piece.length))
      got += piece.length
    })
    peer.resume()
    await writing
    await eventually(() => got === size)
    expect(same).toBe(true)
  })

  test('tells its watcher of an end and of a reset, also when nobody reads', async () => {
    for (const how of ['end', 'reset'] as const) {
      const { stream, peer } = await pair()
      const told: boolean[] = []
      stream.watcher = { hungUp: (broken) => told.push(broken) }
      if (how === 'end') peer.end()
      else peer.resetAndDestroy()
      await eventually(() => told.length > 0)
      expect(told[0]).toBe(how === 'reset')
    }
  })

  test('a reset ends a read and a write with GYRE_PEER_GONE', async () => {
    const { stream, peer } = await pair()
    peer.resetAndDestroy()
    await expect(read(stream)).rejects.toMatchObject({ code: 'GYRE_PEER_GONE' })
    const other = await pair()
    other.peer.resetAndDestroy()
    await expect(
      run(function* () {
        for (;;) {
          yield* writeAll(other.stream, Buffer.alloc(100_000))
          yield* sleep(1)
        }
      }),
    ).rejects.toMatchObject({ code: 'GYRE_PEER_GONE' })
  })

  test('a wait that is cancelled leaves the stream whole', async () => {
    const { stream, peer } = await pair()
    await expect(run(() => withTimeout(5, readSome(stream, Buffer.alloc(10))))).rejects.toMatchObject({
      code: 'GYRE_TIMEOUT',
    })
    peer.write('after')
    expect(await read(stream)).toBe('after')
  })

  test('closing wakes who waits; a closed stream says so', async () => {
    const { stream } = await pair()
    const reading = read(stream)
    await new Promise((resolve) => setTimeout(resolve, 5))
    stream.close()
    await expect(reading).rejects.toMatchObject({ code: 'GYRE_STREAM_CLOSED' })
    expect(() => stream.tryWrite(Buffer.alloc(1), 0, 1)).toThrow(
      expect.objectContaining({ code: 'GYRE_STREAM_CLOSED' }),
    )
    stream.close()
    stream.reset()
  })

  test('knows both ends', async () => {
    const { stream, peer } = await pair()
    expect(stream.remote).toEqual({ address: '127.0.0.1', port: peer.localPort, family: 'IPv4' })
    expect(stream.local).toEqual({ address: '127.0.0.1', port: peer.remotePort, family: 'IPv4' })
  })
})
