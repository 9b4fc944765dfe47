/*
 * A byte stream: what every kind of it must do alike. GYRE_IO says which kind of io is tried; streams in
 * memory are tried beside it.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectNet, createServer as createNetServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import type { GyreError } from '../../lib/base/index.ts'
import { BufferedStream, END, WOULD_WAIT, chooseIo, connect } from '../../lib/io/index.ts'
import { homeKernel, openListener, readSome, run, writeAll } from '../../lib/io/index.ts'
import type { ByteStream, CertificatePair, Listener } from '../../lib/io/index.ts'
import { park, sleep, withTimeout } from '../../lib/kernel/index.ts'
import type { Coroutine } from '../../lib/kernel/index.ts'
import { memoryPair } from '../../lib/testing/index.ts'
import { certificate, dialTls, hasOpenssl } from '../support/certificates.ts'
import { eventually } from '../support/serve.ts'

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

/** The other end, which reads all that comes unless it is told not to. */
interface Peer {
  write(bytes: string): void
  end(bytes?: string): void
  reset(): void
  pause(): void
  resume(): void
  /** Given each piece that comes. */
  onData: (piece: Buffer) => void
  /** True when it has read to the end. */
  readonly ended: boolean
  /** True when the connection was reset under it. */
  readonly broken: boolean
  readonly port: number
  readonly remotePort: number
}

interface Pair {
  stream: ByteStream
  peer: Peer
}

const where = { address: '127.0.0.1', port: 0, backlog: 10 }

/** A stream of the io's kind, and a plain socket at its other end. */
async function socketPair(): Promise<Pair> {
  const listener = await openListener(chooseIo().kind, homeKernel(), where)
  const socket = connectNet({ port: listener.endpoint.port, host: '127.0.0.1', allowHalfOpen: true })
  return await taken(listener, socket, socket)
}

let served: CertificatePair | undefined

/** The same, encrypted. */
async function tlsPair(): Promise<Pair> {
  served ??= certificate('localhost')
  const listener = await openListener(chooseIo().kind, homeKernel(), where, { options: served, handshakeTime: 5000 })
  const { secure, beneath } = await dialTls(listener.endpoint.port)
  return await taken(listener, secure, beneath)
}

/** @param beneath - the plain socket, which alone can be reset */
async function taken(listener: Listener, socket: Socket, beneath: Socket): Promise<Pair> {
  socket.on('error', () => undefined)
  const stream = await run(() => accept(listener))
  listener.close()
  return peerOf(stream, socket, beneath)
}

function peerOf(stream: ByteStream, socket: Socket, beneath: Socket): Pair {
  let broken = false
  socket.on('error', ({ code }: NodeJS.ErrnoException) => (broken = code === 'ECONNRESET'))
  closing.push(() => {
    stream.close()
    socket.destroy()
  })
  let ended = false
  const peer: Peer = {
    write: (bytes) => void socket.write(bytes),
    end: (bytes = '') => void socket.end(bytes),
    reset: () => void beneath.resetAndDestroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    onData: () => undefined,
    get ended() {
      return ended
    },
    get broken() {
      return broken
    },
    port: socket.localPort ?? 0,
    remotePort: socket.remotePort ?? 0,
  }
  socket.on('data', (piece) => peer.onData(piece))
  socket.on('end', () => (ended = true))
  return { stream, peer }
}

/** A stream that was connected from our side, seen through a buffer; and the plain socket that took it in. */
async function connectedPair(tls = false): Promise<Pair> {
  const plain = createNetServer({ allowHalfOpen: true, noDelay: true })
  const secure = tls ? createTlsServer(tlsFiles((served ??= certificate('localhost')))) : null
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
  const { port } = plain.address() as AddressInfo
  const took = new Promise<{ socket: Socket; beneath: Socket }>((resolve) =>
    plain.once('connection', (beneath: Socket) => {
      beneath.on('error', () => undefined)
      if (secure === null) return resolve({ socket: beneath, beneath })
      secure.once('secureConnection', (socket) => {
        socket.allowHalfOpen = true
        resolve({ socket, beneath })
      })
      secure.emit('connection', beneath)
    }),
  )
  const options = tls ? { tls: { ca: (served as CertificatePair).cert, serverName: 'localhost' } } : {}
  const [stream, { socket, beneath }] = await Promise.all([run(connect({ host: '127.0.0.1', port }, options)), took])
  plain.close()
  return peerOf(new BufferedStream(stream), socket, beneath)
}

const tlsFiles = ({ cert, key }: CertificatePair) => ({ cert: readFileSync(cert), key: readFileSync(key) })

/** Both ends in memory. */
async function memoryEnds(): Promise<Pair> {
  const [other, stream] = memoryPair()
  closing.push(() => {
    stream.close()
    other.close()
  })
  let paused = false
  let ended = false
  let broken = false
  const peer: Peer = {
    write: (bytes) => void other.tryWrite(Buffer.from(bytes), 0, bytes.length),
    end: (bytes = '') => {
      other.tryWrite(Buffer.from(bytes), 0, bytes.length)
      other.shutdown()
    },
    reset: () => other.reset(),
    pause: () => (paused = true),
    resume: () => (paused = false),
    onData: () => undefined,
    get ended() {
      return ended
    },
    get broken() {
      return broken
    },
    port: other.local.port,
    remotePort: other.remote.port,
  }
  const reading = run(function* () {
    const buffer = Buffer.alloc(65_536)
    for (;;) {
      while (paused) yield* sleep(1)
      const count = yield* readSome(other, buffer)
      if (count === END) break
      peer.onData(Buffer.from(buffer.subarray(0, count)))
    }
    ended = true
  })
  reading.catch((error: unknown) => (broken = (error as GyreError).code === 'GYRE_PEER_GONE'))
  return { stream, peer }
}

const read = (stream: ByteStream, size = 1000) =>
  run(function* () {
    const buffer = Buffer.alloc(size)
    const count = yield* readSome(stream, buffer)
    return count === END ? 'END' : buffer.toString('latin1', 0, count)
  })

const kinds: [name: string, kind: string, pair: () => Promise<Pair>][] = [
  [chooseIo().kind, chooseIo().kind, socketPair],
  ['memory', 'memory', memoryEnds],
  [`${chooseIo().kind}, connected from our side and buffered`, chooseIo().kind, () => connectedPair()],
]
if (hasOpenssl)
  kinds.push(
    [`node, encrypted, beside ${chooseIo().kind}`, 'node', tlsPair],
    [`node, encrypted and connected from our side, beside ${chooseIo().kind}`, 'node', () => connectedPair(true)],
  )

describe.each(kinds)('a byte stream of the kind %s', (_name, kind, pair) => {
  test('says its kind', async () => {
    expect((await pair()).stream.kind).toBe(kind)
  })

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
    peer.onData = (bytes) => (got += bytes.toString())
    peer.end('x')
    expect(await read(stream)).toBe('x')
    await run(() => writeAll(stream, Buffer.from('still here')))
    stream.shutdown()
    await eventually(() => peer.ended)
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
    peer.onData = (piece) => {
      same &&= piece.equals(bytes.subarray(got, got + piece.length))
      got += piece.length
    }
    peer.resume()
    await writing
    await eventually(() => got === size)
    expect(same).toBe(true)
  })

  test('a file that it can send goes out from its place, whole, to a slow reader too, and ends where it ends', async () => {
    const { stream, peer } = await pair()
    // It is for each kind to have it or not.
    if (stream.tryWriteFile === undefined)
      return expect(kind === 'epoll' && !(stream instanceof BufferedStream)).toBe(false)
    const path = join(mkdtempSync(join(tmpdir(), 'gyre-test-')), 'file')
    const content = Buffer.alloc(2_000_000, 'some content of a file\n')
    writeFileSync(path, content)
    const descriptor = openSync(path, 'r')
    closing.push(() => {
      closeSync(descriptor)
      rmSync(dirname(path), { recursive: true })
    })
    const parts: Buffer[] = []
    peer.onData = (piece) => parts.push(piece)
    peer.pause()
    let waited = 0
    await run(function* () {
      for (let at = 5, count; (count = stream.tryWriteFile?.({ descriptor }, at, 10_000_000)) !== END;) {
        if (count === WOULD_WAIT) {
          if (waited++ === 0) peer.resume()
          yield* park(stream.writable)
        } else at += count as number
      }
    })
    stream.shutdown()
    await eventually(() => peer.ended)
    expect(Buffer.concat(parts).equals(content.subarray(5))).toBe(true)
    expect(waited).toBeGreaterThan(0)
    stream.close()
    expect(() => stream.tryWriteFile?.({ descriptor }, 0, 1)).toThrow(
      expect.objectContaining({ code: 'GYRE_STREAM_CLOSED' }) as Error,
    )
  })

  test('tells its watcher of an end and of a reset, also when nobody reads', async () => {
    for (const how of ['end', 'reset'] as const) {
      const { stream, peer } = await pair()
      const told: boolean[] = []
      stream.watcher = { hungUp: (broken) => told.push(broken) }
      if (how === 'end') peer.end()
      else peer.reset()
      await eventually(() => told.length > 0)
      expect(told[0]).toBe(how === 'reset')
    }
  })

  test('a reset ends a read and a write with GYRE_PEER_GONE', async () => {
    const { stream, peer } = await pair()
    peer.reset()
    await expect(read(stream)).rejects.toMatchObject({ code: 'GYRE_PEER_GONE' })
    const other = await pair()
    other.peer.reset()
    await expect(
      run(function* () {
        for (;;) {
          yield* writeAll(other.stream, Buffer.alloc(100_000))
          yield* sleep(1)
        }
      }),
    ).rejects.toMatchObject({ code: 'GYRE_PEER_GONE' })
  })

  test('our own reset is seen as one, and not as an end', async () => {
    const { stream, peer } = await pair()
    let got = ''
    peer.onData = (bytes) => (got += bytes.toString())
    await run(() => writeAll(stream, Buffer.from('so far')))
    await eventually(() => got === 'so far')
    stream.reset()
    await eventually(() => peer.broken)
    expect(peer.ended).toBe(false)
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
    expect(stream.remote).toEqual({ address: '127.0.0.1', port: peer.port, family: 'IPv4' })
    expect(stream.local).toEqual({ address: '127.0.0.1', port: peer.remotePort, family: 'IPv4' })
  })
})
