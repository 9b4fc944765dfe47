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
import { homeKernel, openListener, readSome, run } from '../../lib/io/index.ts'
import type { ByteStream, CertificatePair, Listener } from '../../lib/io/index.ts'
import { park, sleep, waitPromise } from '../../lib/kernel/index.ts'
import type { Coroutine } from '../../lib/kernel/index.ts'
import { STREAM_LAWS, memoryPair } from '../../lib/testing/index.ts'
import type { StreamPair, StreamPeer } from '../../lib/testing/index.ts'
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

interface Peer extends StreamPeer {
  readonly port: number
  readonly remotePort: number
}

interface Pair extends StreamPair {
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
  // A server that is reset while its tickets are under way ends as if by close().
  if (tls) await run(sleep(1))
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

  test.each(STREAM_LAWS.map((law) => [law.name, law] as const))('%s', async (_name, law) => {
    await run(() => law.check(() => waitPromise(pair())))
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

  test('knows both ends', async () => {
    const { stream, peer } = await pair()
    expect(stream.remote).toEqual({ address: '127.0.0.1', port: peer.port, family: 'IPv4' })
    expect(stream.local).toEqual({ address: '127.0.0.1', port: peer.remotePort, family: 'IPv4' })
  })
})
