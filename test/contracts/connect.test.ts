/*
 * Connections to others, and encryption that begins on them: what every kind of io must do alike. GYRE_IO
 * says which is tried.
 */
import { mkdtempSync } from 'node:fs'
import { connect as connectNet, createServer as createNetServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { TlsOptions as NodeTlsOptions } from 'node:tls'
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { BufferedStream, chooseIo, connect, copy, run, serveTcp, startTls } from '../../lib/io/index.ts'
import type { ByteStream, StreamServer } from '../../lib/io/index.ts'
import { openSocket } from '../../lib/io/epoll/socket.ts'
import { loadSyscalls } from '../../lib/io/epoll/syscalls.ts'
import { currentTask, sleep, waitPromise, withTimeout } from '../../lib/kernel/index.ts'
import type { Coroutine, Operation } from '../../lib/kernel/index.ts'
import { all } from '../../lib/sync/index.ts'
import { memoryPair } from '../../lib/testing/index.ts'
import { caughtBy } from '../support/caught.ts'
import { certificate, hasOpenssl } from '../support/certificates.ts'
import { cancelEverywhere, descriptors } from '../support/leaks.ts'
import { eventually } from '../support/serve.ts'

const { kind } = chooseIo()
const closing: (() => unknown)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

const folder = (): string => mkdtempSync('/tmp/gyre-')

/** Does work with a server that sends back what it gets. */
function* withEcho<T>(
  where: { port: number; host: string } | { path: string },
  work: (server: StreamServer) => Operation<T>,
): Coroutine<T> {
  const server = yield* serveTcp(function* (stream) {
    yield* copy(stream, stream)
  }, where)
  try {
    return yield* work(server)
  } finally {
    yield* server.close()
  }
}

const local = { host: '127.0.0.1', port: 0 }

function* said(stream: ByteStream, text: string): Coroutine<string | null> {
  const buffered = new BufferedStream(stream)
  yield* buffered.writeAll(`${text}\n`)
  return yield* buffered.readLine()
}

function* echoed(stream: ByteStream): Coroutine<void> {
  try {
    expect(yield* said(stream, 'hello')).toBe('hello')
  } finally {
    stream.close()
  }
}

/** A port at which nobody listens. */
async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe(`connecting on the ${kind} io`, () => {
  test('to an address: bytes go both ways, both ends are known', async () => {
    await run(() =>
      withEcho(local, function* ({ address: { port } }) {
        const stream = yield* connect({ host: '127.0.0.1', port })
        expect(stream.kind).toBe(kind)
        expect(stream.remote).toEqual({ address: '127.0.0.1', port, family: 'IPv4' })
        expect(stream.local).toMatchObject({ address: '127.0.0.1', family: 'IPv4' })
        yield* echoed(stream)
      }),
    )
  })

  test('to a name, whose addresses do not all answer', async () => {
    // localhost is ::1 too on most machines, and nobody listens there.
    await run(() =>
      withEcho(local, function* ({ address: { port } }) {
        yield* echoed(yield* connect({ host: 'localhost', port }))
      }),
    )
  })

  test('to an address of IPv6 (skipped where the machine has none)', async ({ skip }) => {
    await run(function* () {
      const server = yield* serveTcp((stream) => copy(stream, stream), { host: '::1', port: 0 })
      yield* echoed(yield* connect({ host: '::1', port: server.address.port }))
      yield* server.close()
    }).catch((error: unknown) => {
      if ((error as { code?: string }).code === 'GYRE_ADDRESS_UNKNOWN') skip()
      throw error
    })
  })

  test('to a unix socket', async () => {
    const path = `${folder()}/s`
    await run(() =>
      withEcho({ path }, function* () {
        yield* echoed(yield* connect({ path }))
      }),
    )
  })

  test.skipIf(process.platform !== 'linux')('to a socket without a file', async () => {
    const path = `@gyre-test-${process.pid}-${kind}`
    await run(() =>
      withEcho({ path }, function* () {
        if (kind === 'node') expect(yield* caughtBy(connect({ path }))).toMatchObject({ code: 'GYRE_IO_UNAVAILABLE' })
        else yield* echoed(yield* connect({ path }))
      }),
    )
  })

  test('a peer that ends its side at once is read to the end, again and again', async () => {
    await run(function* () {
      const server = yield* serveTcp(function* () {}, local)
      const stream = new BufferedStream(yield* connect({ host: '127.0.0.1', port: server.address.port }))
      expect(yield* stream.readLine()).toBe(null)
      stream.shutdown()
      yield* sleep(5)
      expect(yield* stream.readLine()).toBe(null)
      stream.close()
      yield* server.close()
    })
  })
})

describe(`connecting to nobody on the ${kind} io`, () => {
  const failure = (target: Parameters<typeof connect>[0], options?: Parameters<typeof connect>[1]) =>
    run(() => caughtBy(connect(target, options)))

  test('is refused, by address and by name', async () => {
    const port = await freePort()
    expect(await failure({ host: '127.0.0.1', port })).toMatchObject({
      code: 'GYRE_CONNECT_REFUSED',
      status: 502,
      message: `nobody listens at 127.0.0.1 port ${port}: is the program started?`,
    })
    expect(await failure({ host: 'localhost', port })).toMatchObject({ code: 'GYRE_CONNECT_REFUSED' })
  })

  test('is refused at a path that is none, or that nobody listens at', async () => {
    const path = `${folder()}/s`
    expect(await failure({ path })).toMatchObject({
      code: 'GYRE_CONNECT_REFUSED',
      message: `there is no socket at ${path}: is the program started?`,
    })
    expect(await failure({ path: import.meta.filename })).toMatchObject({ code: 'GYRE_CONNECT_REFUSED' })
  })

  test('says what names have no address', async () => {
    const error = await failure({ host: 'nobody.invalid', port: 80 })
    expect(error).toMatchObject({ code: 'GYRE_NAME_UNKNOWN', status: 502 })
    expect(error.message).toMatch(/^the name nobody.invalid has no address: /)
  })

  test('says where no way leads', async () => {
    // A broadcast address takes no connections, whatever the routes are.
    expect(await failure({ host: '255.255.255.255', port: 80 })).toMatchObject({ code: 'GYRE_CONNECT_UNREACHABLE' })
  })

  test('refuses a port that is none', async () => {
    for (const port of [0, -1, 65_536, 1.5, NaN])
      expect(await failure({ host: '127.0.0.1', port })).toMatchObject({ code: 'GYRE_BAD_OPTION' })
  })

  test('leaves nothing open', async () => {
    const port = await freePort()
    const before = descriptors()
    for (let count = 0; count < 20; count++) await failure({ host: 'localhost', port })
    await eventually(() => descriptors() <= before, 'all descriptors closed')
  })

  const calls = loadSyscalls()
  /** Fills the queue of a listener that accepts nobody, until a connection is not answered. */
  async function silentPort(): Promise<number> {
    if (calls instanceof Error) throw calls
    const socket = openSocket(calls, { address: '127.0.0.1', port: 0, backlog: 1 })
    closing.push(() => calls.close(socket.descriptor))
    for (let count = 0; count < 8; count++) {
      const filler = connectNet(socket.endpoint.port, '127.0.0.1').on('error', () => undefined)
      closing.push(() => filler.destroy())
      const answered = new Promise<boolean>((resolve) => filler.once('connect', () => resolve(true)))
      if (!(await Promise.race([answered, new Promise<false>((resolve) => setTimeout(resolve, 100, false))])))
        return socket.endpoint.port
    }
    throw new Error('the queue of the listener is never full')
  }

  test.skipIf(calls instanceof Error)('takes no longer than its timeout, and leaves nothing open', async () => {
    const port = await silentPort()
    const before = descriptors()
    expect(await failure({ host: '127.0.0.1', port }, { timeout: 20 })).toMatchObject({
      code: 'GYRE_CONNECT_TIMEOUT',
      status: 504,
      message: `no connection to 127.0.0.1 port ${port} was made within 20 ms`,
    })
    expect(await run(() => caughtBy(withTimeout(20, connect({ host: 'localhost', port }))))).toMatchObject({
      code: 'GYRE_TIMEOUT',
    })
    await eventually(() => descriptors() <= before, 'all descriptors closed')
  })

  test.skipIf(calls instanceof Error)('a unix socket with a full queue refuses', async () => {
    if (calls instanceof Error) return
    const path = `${folder()}/s`
    const socket = openSocket(calls, { path, backlog: 1 })
    closing.push(() => {
      calls.close(socket.descriptor)
      socket.file?.remove()
    })
    await run(function* () {
      for (let count = 0; count < 8; count++) {
        const attempt = connect({ path }, { timeout: 500 })
        try {
          const stream = yield* attempt
          closing.push(() => stream.close())
        } catch (error) {
          expect(error).toMatchObject({ code: 'GYRE_CONNECT_REFUSED' })
          return
        }
      }
      throw new Error('the queue of the socket is never full')
    })
  })
})

test(`a cancel at every point of a connection leaves nothing open (${kind})`, async () => {
  await run(() =>
    withEcho(local, function* ({ address: { port } }) {
      const counts = yield* waitPromise(
        cancelEverywhere(function* () {
          yield* echoed(yield* connect({ host: 'localhost', port }))
        }),
      )
      expect(counts.cancelled).toBeGreaterThan(3)
      expect(counts.done).toBeGreaterThan(0)
    }),
  )
})

describe.skipIf(!hasOpenssl)(`encryption on the ${kind} io (skipped without openssl)`, () => {
  const pair = hasOpenssl ? certificate('localhost') : { cert: '', key: '' }
  const other = hasOpenssl ? certificate('other.example') : { cert: '', key: '' }

  const echo = (stream: ByteStream): Coroutine<number> => copy(stream, stream)

  test('a client and a server of ours', async () => {
    await run(function* () {
      const server = yield* serveTcp(echo, { ...local, tls: pair })
      const stream = yield* connect({ host: 'localhost', port: server.address.port }, { tls: { ca: pair.cert } })
      expect(stream.tls).toMatchObject({ protocol: 'TLSv1.3', authorized: true })
      yield* echoed(stream)
      yield* server.close()
    })
  })

  test('a certificate that is not trusted, or for another name, is refused', async () => {
    await run(function* () {
      const server = yield* serveTcp(echo, { ...local, tls: pair })
      const target = { host: '127.0.0.1', port: server.address.port }
      const trusted = { ca: pair.cert }
      const failures = [
        yield* caughtBy(connect({ ...target, host: 'localhost' }, { tls: true })),
        yield* caughtBy(connect(target, { tls: trusted })),
        yield* caughtBy(connect(target, { tls: { ...trusted, serverName: 'other.example' } })),
      ]
      for (const failure of failures) expect(failure).toMatchObject({ code: 'GYRE_CONNECT_TLS', status: 502 })
      expect(failures[0]?.message).toContain('self-signed')
      expect(failures[2]?.message).toContain('other.example')
      yield* echoed(yield* connect(target, { tls: { ...trusted, serverName: 'localhost' } }))
      yield* echoed(yield* connect(target, { tls: { rejectUnauthorized: false } }))
      yield* server.close()
    })
  })

  test('one who does not speak TLS, or goes, or says nothing', async () => {
    await run(function* () {
      const talker = yield* serveTcp((stream) => new BufferedStream(stream).writeAll('220 hello\n'), local)
      const goer = yield* serveTcp(function* () {}, local)
      const silent = yield* serveTcp(() => sleep(60_000), local)
      for (const { address } of [talker, goer])
        expect(yield* caughtBy(connect({ host: '127.0.0.1', port: address.port }, { tls: true }))).toMatchObject({
          code: 'GYRE_CONNECT_TLS',
        })
      const waiting = connect({ host: '127.0.0.1', port: silent.address.port }, { tls: true, timeout: 30 })
      expect(yield* caughtBy(waiting)).toMatchObject({ code: 'GYRE_CONNECT_TIMEOUT' })
      yield* all([talker.close(), goer.close(), silent.close({ timeout: 0 })])
    })
  })

  test('files that are none are told of, and the connection is cut', async () => {
    await run(() =>
      withEcho(local, function* ({ address: { port } }) {
        for (const ca of ['/nowhere.pem', import.meta.filename])
          expect(yield* caughtBy(connect({ host: 'localhost', port }, { tls: { ca } }))).toMatchObject({
            code: 'GYRE_TLS_CERTIFICATE',
          })
        const broken = { cert: pair.cert, key: other.key }
        expect(yield* caughtBy(connect({ host: 'localhost', port }, { tls: broken }))).toMatchObject({
          code: 'GYRE_TLS_CERTIFICATE',
        })
      }),
    )
  })

  test('our own certificate, and protocols by ALPN, with a server of Node', async () => {
    const options: NodeTlsOptions = {
      cert: readFileSync(pair.cert),
      key: readFileSync(pair.key),
      ca: readFileSync(other.cert),
      requestCert: true,
      ALPNProtocols: ['two', 'one'],
    }
    const server = createTlsServer(options, (socket) => {
      socket.end(`${String(socket.alpnProtocol)} ${String(socket.getPeerCertificate().subject.CN)}\n`)
    })
    closing.push(() => server.close())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await run(function* () {
      const tls = { ca: pair.cert, ...other, alpn: ['one', 'two'] }
      const stream = new BufferedStream(yield* connect({ host: 'localhost', port }, { tls }))
      expect(stream.tls?.alpn).toBe('two')
      expect(yield* stream.readLine()).toBe('two other.example')
      stream.close()
    })
  })

  test('begun after a word of the protocol, on both sides', async () => {
    await run(function* () {
      const server = yield* serveTcp(function* (plain) {
        const stream = new BufferedStream(plain)
        expect(yield* stream.readLine()).toBe('STARTTLS')
        yield* stream.writeAll('go ahead\n')
        const secure = yield* startTls(stream, { server: pair })
        expect(stream.closed).toBe(true)
        expect(secure.tls).toMatchObject({ serverName: 'localhost' })
        yield* copy(secure, secure)
        secure.close()
      }, local)
      for (let round = 0; round < 2; round++) {
        const plain = new BufferedStream(yield* connect({ host: '127.0.0.1', port: server.address.port }))
        yield* plain.writeAll('STARTTLS\n')
        expect(yield* plain.readLine()).toBe('go ahead')
        const secure = yield* startTls(plain, { client: { serverName: 'localhost', ca: pair.cert } })
        expect([secure.kind, plain.closed]).toEqual(['node', true])
        yield* echoed(secure)
      }
      yield* server.close()
      expect(server.statistics()).toEqual({ connections: 0, accepted: 2 })
    })
  })

  test('a server that wants a certificate says who had none', async () => {
    await run(function* () {
      const errors: unknown[] = []
      const wanting = { ...pair, requestClientCertificate: true, ca: other.cert }
      const server = yield* serveTcp(function* (plain) {
        try {
          const secure = yield* startTls(plain, { server: wanting })
          yield* copy(secure, secure)
          secure.close()
        } catch (error) {
          errors.push(error)
        }
      }, local)
      const target = { host: 'localhost', port: server.address.port }
      yield* echoed(yield* connect(target, { tls: { ca: pair.cert, ...other } }))
      // In TLS 1.3 the client is done first, and learns by its first read.
      yield* caughtBy(
        (function* () {
          const stream = yield* connect(target, { tls: { ca: pair.cert } })
          if ((yield* said(stream, 'hello')) !== 'hello') throw new Error('cut')
        })(),
      )
      yield* server.close()
      expect(errors).toMatchObject([
        { code: 'GYRE_TLS_HANDSHAKE', message: expect.stringContaining('certificate') as string },
      ])
    })
  })

  test('bytes that came before are refused (CVE-2011-0411), and so is what is no socket', async () => {
    await run(() =>
      withEcho(local, function* ({ address: { port } }) {
        const stream = new BufferedStream(yield* connect({ host: '127.0.0.1', port }))
        yield* stream.writeAll('go ahead\nslipped in\n')
        expect(yield* stream.readLine()).toBe('go ahead')
        yield* sleep(5)
        if (stream.unread === 0) expect(yield* stream.readSome(1)).not.toBe(null)
        const upgrade = startTls(stream, { client: { serverName: 'localhost' } })
        expect(yield* caughtBy(upgrade)).toMatchObject({ code: 'GYRE_STREAM_LEFTOVER' })
        expect(stream.closed).toBe(true)
        const [end] = memoryPair()
        expect(yield* caughtBy(startTls(end, { client: { serverName: 'a' } }))).toMatchObject({
          code: 'GYRE_IO_UNAVAILABLE',
        })
      }),
    )
  })

  test('a cancel at every point of a handshake leaves nothing open', async () => {
    const errors: unknown[] = []
    await run(function* () {
      const server = yield* serveTcp(
        function* (plain) {
          const secure = yield* startTls(plain, { server: pair })
          try {
            yield* copy(secure, secure)
          } finally {
            secure.close()
          }
        },
        { ...local, onError: (error) => errors.push(error) },
      )
      const counts = yield* waitPromise(
        cancelEverywhere(function* () {
          const tls = { ca: pair.cert }
          yield* echoed(yield* connect({ host: 'localhost', port: server.address.port }, { tls }))
        }),
      )
      expect(counts.cancelled).toBeGreaterThan(3)
      yield* server.close()
    })
    expect(errors).toEqual([])
  })

  test('cancelling a server in the middle of a handshake cuts the connection', async () => {
    await run(function* () {
      const server = yield* serveTcp((plain) => startTls(plain, { server: pair }), local)
      const before = descriptors()
      const stream = new BufferedStream(yield* connect({ host: '127.0.0.1', port: server.address.port }))
      const closed = currentTask().kernel.spawn(server.close({ timeout: 20 }))
      const error = yield* caughtBy(stream.readExactly(1))
      expect((error as Error & { code: string }).code).toMatch(/^GYRE_(STREAM_ENDED|PEER_GONE)$/)
      stream.close()
      yield* closed
      expect(descriptors()).toBeLessThanOrEqual(before)
    })
  })
})
