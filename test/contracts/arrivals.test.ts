/*
 * Connections on their way in: handshakes side by side, more of them than there is room for, a listening socket that
 * is taken away, and what a closed stream leaves behind. GYRE_IO says which kind of io is tried.
 */
import { mkdtempSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { SIZES } from '../../lib/base/index.ts'
import type { GyreError } from '../../lib/base/index.ts'
import { WOULD_WAIT, chooseIo, homeKernel, openListener, run } from '../../lib/io/index.ts'
import type { ByteStream, ListenAddress, Listener } from '../../lib/io/index.ts'
import { openSocket } from '../../lib/io/epoll/socket.ts'
import { loadSyscalls, syscalls } from '../../lib/io/epoll/syscalls.ts'
import { park, sleep } from '../../lib/kernel/index.ts'
import { certificate, dialTls, hasOpenssl } from '../support/certificates.ts'
import { eventually } from '../support/serve.ts'

const { kind } = chooseIo()
const noKoffi = loadSyscalls() instanceof Error
const backlog = 10
const port = { address: '127.0.0.1', port: 0, backlog }
const closing: (() => void)[] = []
afterEach(() => {
  vi.useRealTimers()
  for (const close of closing.splice(0)) close()
})

async function open(where: ListenAddress, encrypts = false): Promise<Listener> {
  const tls = encrypts ? { options: certificate('localhost'), handshakeTime: 20_000 } : null
  const listener = await openListener(kind, homeKernel(), where, tls)
  closing.push(() => {
    listener.close()
  })
  return listener
}

function keep<S extends Socket>(socket: S): S {
  socket.on('error', () => undefined)
  closing.push(() => socket.destroy())
  return socket
}

function take(listener: Listener): Promise<ByteStream> {
  return run(function* () {
    for (;;) {
      const stream = listener.tryAccept()
      if (stream !== null) {
        closing.push(() => {
          stream.reset()
        })
        return stream
      }
      yield* park(listener.acceptable)
    }
  })
}

/** Writes until there is no room, and none comes. @returns how many bytes were taken */
function fill(stream: ByteStream): Promise<number> {
  const bytes = Buffer.alloc(1 << 20)
  return run(function* () {
    let taken = 0
    for (let idle = 0; idle < 20;) {
      const count = stream.tryWrite(bytes, 0, bytes.length)
      idle = count === WOULD_WAIT ? idle + 1 : 0
      if (count === WOULD_WAIT) yield* sleep(2)
      else taken += count
    }
    return taken
  })
}

describe.skipIf(noKoffi)(`a listening socket that others have too, ${kind} io (skipped without koffi)`, () => {
  // Node does not tell: there libuv asks for connections again and again.
  test.skipIf(kind !== 'epoll')('closes when another has shut it down, and says so once', async () => {
    const { descriptor } = openSocket(syscalls(), port)
    const listener = await open({ descriptor, backlog })
    const shutBothWays = 2
    syscalls().shutdown(descriptor, shutBothWays)
    const told: string[] = []
    await run(function* () {
      while (!listener.closed) {
        try {
          if (listener.tryAccept() === null) yield* park(listener.acceptable)
        } catch (error) {
          told.push((error as GyreError).message)
          expect(error).toMatchObject({ code: 'GYRE_IO_FAILED' })
        }
      }
      yield* sleep(20)
      for (let again = 0; again < 3; again++)
        try {
          expect(listener.tryAccept()).toBeNull()
        } catch (error) {
          told.push(String(error))
        }
    })
    expect(told).toEqual([expect.stringContaining('it accepts no connections any more')])
  })

  test.skipIf(!hasOpenssl)('of a unix socket: handshakes side by side are not taken for each other', async () => {
    const path = `${mkdtempSync('/tmp/gyre-')}/s`
    const { descriptor, file } = openSocket(syscalls(), { path, backlog })
    closing.push(() => file?.remove())
    const listener = await open({ descriptor, backlog }, true)
    const plain = [keep(connect(path)), keep(connect(path)), keep(connect(path))]
    await Promise.all(plain.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
    // The last one begins first, and the one between them fails.
    for (const index of [2, 1, 0]) {
      const socket = plain[index] as Socket
      if (index === 1) {
        const refused = new Promise((resolve) => (listener.onRefused = ({ code }) => resolve(code)))
        socket.write('\x16\x03\x01\x00\x05hello')
        expect(await refused).toBe('GYRE_TLS_HANDSHAKE')
        continue
      }
      const secure = keep(connectTls({ socket, rejectUnauthorized: false }))
      const stream = await take(listener)
      let got = ''
      secure.on('data', (bytes) => (got += String(bytes)))
      stream.tryWrite(Buffer.from(`for ${index}`), 0, 5)
      await eventually(() => got === `for ${index}`)
    }
  })
})

test.skipIf(!hasOpenssl)(`who has most of the TLS handshakes loses its oldest, and nobody else (${kind})`, async () => {
  const listener = await open({ ...port, backlog: SIZES.backlog }, true)
  let inside = 0
  listener.door = {
    admit: ({ address }) => {
      inside++
      return { client: address, leave: () => inside-- }
    },
  }
  const refused: string[] = []
  listener.onRefused = ({ code }, { address, port }) => refused.push(`${code} ${address} ${port}`)
  const flood: Socket[] = []
  for (let index = 0; index < SIZES.handshakes; index++) {
    const socket = keep(connect({ port: listener.endpoint.port, host: '127.0.0.1', localAddress: '127.0.0.2' }))
    if (index % 64 === 63) await new Promise((resolve) => socket.once('connect', resolve))
    flood.push(socket)
  }
  await eventually(() => inside === SIZES.handshakes, 'the flood')
  expect(refused).toEqual([])
  const first = (flood[0] as Socket).localPort
  const { secure } = await dialTls(listener.endpoint.port)
  keep(secure)
  expect((await take(listener)).tls?.protocol).toBe('TLSv1.3')
  expect(refused).toEqual([`GYRE_HANDSHAKE_SHED 127.0.0.2 ${first}`])
  // What was handed over is its taker's to count.
  expect(inside).toBe(SIZES.handshakes - 1)
  listener.close()
  expect(inside).toBe(0)
})

describe.skipIf(kind !== 'node' && !hasOpenssl)('a stream of Node that is closed with bytes in it', () => {
  const kinds = [...(kind === 'node' ? ['plain'] : []), ...(hasOpenssl ? ['encrypted'] : [])]
  async function filled(how: string): Promise<{ stream: ByteStream; taken: number; socket: Socket }> {
    const listener = await open(port, how === 'encrypted')
    const socket =
      how === 'encrypted'
        ? (await dialTls(listener.endpoint.port)).secure
        : connect({ port: listener.endpoint.port, host: '127.0.0.1', allowHalfOpen: true })
    keep(socket).pause()
    const stream = await take(listener)
    return { stream, taken: await fill(stream), socket }
  }

  async function readAll(socket: Socket): Promise<number> {
    let got = 0
    socket.on('data', (bytes) => (got += bytes.length))
    await new Promise((resolve) => socket.once('end', resolve).once('close', resolve).resume())
    return got
  }

  test.each(kinds)('delivers them to a peer that begins to read (%s)', async (how) => {
    const { stream, taken, socket } = await filled(how)
    stream.close()
    expect(await readAll(socket)).toBe(taken)
  })

  test.each(kinds)('does not keep them for a peer that reads nothing (%s)', async (how) => {
    const { stream, taken, socket } = await filled(how)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    stream.close()
    vi.advanceTimersByTime(SIZES.closeTotal + 1)
    vi.useRealTimers()
    // Only what the operating system had already is delivered.
    expect(await readAll(socket)).toBeLessThan(taken)
  })
})
