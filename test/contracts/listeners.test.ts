/*
 * Where one can listen: what every kind of io must do alike. GYRE_IO says which is tried.
 */
import { execFileSync, spawn as spawnProcess } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { connect, createServer as createNetServer } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { WOULD_WAIT, chooseIo, homeKernel, openListener, run } from '../../lib/io/index.ts'
import type { ByteStream, ListenAddress, Listener } from '../../lib/io/index.ts'
import { encodeAddress } from '../../lib/io/epoll/address.ts'
import { openSocket } from '../../lib/io/epoll/socket.ts'
import type { ListeningSocket } from '../../lib/io/epoll/socket.ts'
import { AF_UNIX, SOCK_STREAM, loadSyscalls, syscalls } from '../../lib/io/epoll/syscalls.ts'
import type { Syscalls } from '../../lib/io/epoll/syscalls.ts'
import { park, sleep } from '../../lib/kernel/index.ts'
import { eventually } from '../support/serve.ts'
import { leaveStale } from '../support/stale.ts'

const { kind } = chooseIo()
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function open(where: ListenAddress): Promise<Listener> {
  const listener = await openListener(kind, homeKernel(), where)
  closing.push(() => {
    listener.close()
  })
  return listener
}

function dial(to: string | number): Socket {
  const socket = typeof to === 'string' ? connect(to) : connect(to, '127.0.0.1')
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
          stream.close()
        })
        return stream
      }
      yield* park(listener.acceptable)
    }
  })
}

/** Whether a connection to it is taken in. */
async function takes(listener: Listener, to: string | number): Promise<boolean> {
  dial(to)
  return !(await take(listener)).closed
}

const folder = (): string => mkdtempSync('/tmp/gyre-')
const backlog = 10

describe(`a unix socket of the ${kind} io`, () => {
  test('takes connections, and leaves no file', async () => {
    const path = `${folder()}/s`
    const listener = await open({ path, backlog })
    expect(listener.endpoint).toEqual({ address: path, port: 0, family: 'unix' })
    expect(await takes(listener, path)).toBe(true)
    listener.close()
    expect(existsSync(path)).toBe(false)
  })

  test('knows no reset, so a stream that is reset is closed', async () => {
    const path = `${folder()}/s`
    const listener = await open({ path, backlog })
    const peer = dial(path).resume()
    const stream = await take(listener)
    stream.reset()
    await eventually(() => peer.destroyed)
    expect(stream.closed).toBe(true)
  })

  test.each([0o600, 0o666])('has the permission bits %o whatever the umask', async (mode) => {
    const path = `${folder()}/s`
    const before = process.umask(0o077)
    await open({ path, mode, backlog })
    process.umask(before)
    expect(lstatSync(path).mode & 0o777).toBe(mode)
  })

  test('replaces a file that nobody listens at', async () => {
    const path = `${folder()}/s`
    const killed = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
    expect(() => execFileSync(process.execPath, ['-e', killed])).toThrow()
    expect(lstatSync(path).isSocket()).toBe(true)
    expect(await takes(await open({ path, backlog }), path)).toBe(true)
  })

  test('never takes the place of one that is in use, nor of a file that is no socket', async () => {
    const path = `${folder()}/s`
    const first = await open({ path, backlog })
    await expect(open({ path, backlog })).rejects.toMatchObject({
      code: 'GYRE_ADDRESS_IN_USE',
      message: `${path} is in use: stop the program that listens there, or choose another path`,
    })
    expect(await takes(first, path)).toBe(true)
    const file = `${folder()}/file`
    writeFileSync(file, 'precious')
    await expect(open({ path: file, backlog })).rejects.toMatchObject({
      code: 'GYRE_ADDRESS_IN_USE',
      message: expect.stringContaining('is a file and no socket') as string,
    })
    expect(readFileSync(file, 'utf8')).toBe('precious')
  })

  test('removes no file that another has made since', async () => {
    const path = `${folder()}/s`
    const first = await open({ path, backlog })
    unlinkSync(path)
    const second = await open({ path, backlog })
    first.close()
    expect(await takes(second, path)).toBe(true)
    second.close()
    expect(existsSync(path)).toBe(false)
  })

  test('closing removes no file of another, whatever stands beside it', async () => {
    const path = `${folder()}/s`
    const first = await open({ path, backlog })
    unlinkSync(path)
    writeFileSync(`${path}.${process.pid}`, 'in the way')
    const other = createNetServer((socket) => socket.end('other'))
    await new Promise<void>((resolve) => other.listen(path, resolve))
    closing.push(() => other.close())
    first.close()
    const client = dial(path)
    const said = await new Promise((resolve) => client.once('data', (bytes) => resolve(String(bytes))))
    expect(said).toBe('other')
    expect(readFileSync(`${path}.${process.pid}`, 'utf8')).toBe('in the way')
  })

  test('leaves nothing else in its folder, whether it could listen or not', async () => {
    const place = folder()
    const listener = await open({ path: `${place}/s`, mode: 0o600, backlog })
    await expect(open({ path: `${place}/s`, backlog })).rejects.toMatchObject({ code: 'GYRE_ADDRESS_IN_USE' })
    expect(readdirSync(place)).toEqual(['s'])
    listener.close()
    await eventually(() => readdirSync(place).length === 0)
  })

  test('of three that start at once at a path, one owns it, and the others are told', async () => {
    const program = `
      import { createServer } from '${new URL('../../dist/index.js', import.meta.url).href}'
      let server
      process.on('message', async ({ path }) => {
        await server?.close()
        if (path === null) return process.send({ path })
        server = createServer({ log: false }, (request, response) => response.text(String(process.pid)))
        const said = await server.listen({ path, mode: 0o600 }).then(() => 'owner', ({ code }) => code)
        process.send({ path, said, pid: process.pid })
      })
      process.send({ path: '' })`
    const children = [0, 1, 2].map(() =>
      spawnProcess(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      }),
    )
    closing.push(() => {
      for (const child of children) child.kill('SIGKILL')
    })
    type Word = { path: string | null; said: string; pid: number }
    const words = (): Promise<Word[]> =>
      Promise.all(
        children.map((child) => new Promise<Word>((resolve) => child.once('message', (word) => resolve(word as Word)))),
      )
    const tell = async (path: string | null): Promise<Word[]> => {
      const answers = words()
      for (const child of children) child.send({ path })
      return await answers
    }
    await words()
    const place = folder()
    for (let round = 0; round < 16; round++) {
      const path = `${place}/s${round}`
      if (round % 4 !== 3) await leaveStale(path)
      const said = await tell(path)
      expect(said.map((word) => word.said).sort()).toEqual(['GYRE_ADDRESS_IN_USE', 'GYRE_ADDRESS_IN_USE', 'owner'])
      const client = dial(path)
      client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      let text = ''
      client.on('data', (bytes) => (text += String(bytes)))
      await new Promise((resolve) => client.once('close', resolve))
      expect(text.split('\r\n\r\n')[1]).toBe(String(said.find((word) => word.said === 'owner')?.pid))
      expect(readdirSync(place)).toEqual([`s${round}`])
      await tell(null)
      expect(readdirSync(place)).toEqual([])
    }
  })

  test.skipIf(process.platform !== 'linux' || loadSyscalls() instanceof Error)(
    'gives its clients no address, whatever name they have bound (skipped without koffi, which binds)',
    async () => {
      const calls = syscalls()
      const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
      const connectTo = koffi.load(null).func('int connect(int, size_t, uint)') as unknown as Syscalls['bind']
      const place = folder()
      const path = `${place}/s`
      const listener = await open({ path, backlog })
      const to = encodeAddress(calls, { path, backlog })
      const forged = '\n203.0.113.9 - - "GET /admin HTTP/1.1" 200\u001b[31m'
      for (const name of [`${place}/10.1.2.3`, `${place}/${forged.replaceAll('/', '|')}`, `\0${forged}`]) {
        const from = encodeAddress(calls, { path: name, backlog })
        const client = calls.socket(AF_UNIX, SOCK_STREAM, 0)
        closing.push(() => {
          calls.close(client)
        })
        expect(calls.bind(client, calls.addressOf(from), from.length)).toBe(0)
        expect(connectTo(client, calls.addressOf(to), to.length)).toBe(0)
        const stream = await take(listener)
        expect(stream.remote).toEqual({ address: '', port: 0, family: 'unix' })
        if (kind === 'epoll') expect(stream.local).toEqual({ address: path, port: 0, family: 'unix' })
      }
    },
  )

  test('a path that is too long is refused, and not cut off', async () => {
    const path = `${folder()}/${'x'.repeat(108)}`
    await expect(open({ path, backlog })).rejects.toMatchObject({
      code: 'GYRE_BAD_OPTION',
      message: expect.stringContaining('has room for 107 bytes') as string,
    })
  })

  test.skipIf(process.platform !== 'linux')('without a file, where the name begins with a NUL', async () => {
    const path = `\0gyre-${process.pid}-${kind}`
    const name = `@${path.slice(1)}`
    const listener = await open({ path, backlog })
    expect(listener.endpoint).toEqual({ address: name, port: 0, family: 'unix' })
    // The system's own list: Node 20 as a client would look for a name that is filled up with NULs.
    expect(
      readFileSync('/proc/net/unix', 'latin1')
        .split('\n')
        .filter((line) => line.endsWith(` ${name}`)),
    ).toHaveLength(1)
    await expect(open({ path, backlog })).rejects.toMatchObject({ code: 'GYRE_ADDRESS_IN_USE' })
  })
})

describe(`a port of the ${kind} io`, () => {
  test('of all addresses takes IPv4 and IPv6; of IPv6 alone, no IPv4', async () => {
    const both = await open({ address: null, port: 0, backlog })
    expect(both.endpoint).toMatchObject({ address: '::', family: 'IPv6' })
    expect(await takes(both, both.endpoint.port)).toBe(true)
    const six = await open({ address: '::', port: 0, ipv6Only: true, backlog })
    const refused = connect(six.endpoint.port, '127.0.0.1')
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => refused.once('error', resolve))
    expect(error.code).toBe('ECONNREFUSED')
    connect(six.endpoint.port, '::1').on('connect', function (this: Socket) {
      this.destroy()
    })
    expect((await take(six)).remote.address).toBe('::1')
  })

  test.skipIf(process.platform !== 'linux')('is shared with reusePort by those who all ask for it', async () => {
    const first = await open({ address: '127.0.0.1', port: 0, reusePort: true, backlog })
    const { port } = first.endpoint
    const second = await open({ address: '127.0.0.1', port, reusePort: true, backlog })
    await expect(open({ address: '127.0.0.1', port, backlog })).rejects.toMatchObject({ code: 'GYRE_ADDRESS_IN_USE' })
    first.close()
    expect(await takes(second, port)).toBe(true)
  })
})

const old = Number(process.versions.node.split('.')[0]) < 22
test.skipIf(kind !== 'node' || !old)('without koffi, what Node cannot do is said', () => {
  const program = `
    import { createServer } from '${new URL('../../dist/index.js', import.meta.url).href}'
    const server = createServer(() => undefined)
    for (const options of [{ port: 0, reusePort: true }, { path: '@x' }, { fd: 0 }])
      try { await server.listen(options) } catch ({ code, message }) { console.log(code, message.split(',')[0]) }`
  const output = execFileSync(process.execPath, ['--no-addons', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  const version = `Node ${process.versions.node}`
  expect(output).toBe(
    `GYRE_IO_UNAVAILABLE reusePort is not to be had from ${version} before 22.12\n` +
      `GYRE_IO_UNAVAILABLE a socket without a file is not to be had from ${version}\n` +
      'GYRE_NO_SOCKET descriptor 0 is no socket: whoever starts this process must pass a listening socket as that number\n',
  )
})

const makes = !(loadSyscalls() instanceof Error)
describe.skipIf(!makes)(`an inherited descriptor of the ${kind} io (skipped without koffi, which makes them)`, () => {
  /** Runs a program that has listening sockets as descriptors 3 and on; what it prints. */
  async function heir(
    sockets: readonly ListeningSocket[],
    listen: string,
    use: () => Promise<unknown>,
  ): Promise<string> {
    const program = `
      import { createServer } from '${new URL('../../dist/index.js', import.meta.url).href}'
      const server = createServer({ log: false }, function* (request, response) { response.text('inherited') })
      try {
        ${listen}
        console.log(server.addresses.map(({ url }) => url).join(' '))
      } catch (error) {
        console.log(error.code, error.message)
      }
      process.stdin.on('end', () => server.close()).resume()`
    const child = spawnProcess(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['pipe', 'pipe', 'inherit', ...sockets.map(({ descriptor }) => descriptor)],
    })
    const stdout = child.stdout as unknown as NodeJS.ReadableStream
    let output = ''
    stdout.on('data', (bytes) => (output += String(bytes)))
    await eventually(() => output.endsWith('\n'), 'a word of the heir')
    await use()
    child.stdin?.end()
    await new Promise((resolve) => child.once('exit', resolve))
    return output.trim()
  }

  /** A socket that listens and that nobody accepts from, as systemd keeps one. */
  function listening(path?: string): ListeningSocket {
    const calls = syscalls()
    const socket = openSocket(
      calls,
      path === undefined ? { address: '127.0.0.1', port: 0, backlog } : { path, backlog },
    )
    closing.push(() => {
      calls.close(socket.descriptor)
    })
    return socket
  }

  const urlOf = ({ endpoint }: ListeningSocket): string => `http://127.0.0.1:${endpoint.port}/`

  test('is listened at; a unix socket’s file is not ours to remove', async () => {
    const path = `${folder()}/s`
    const [tcp, unix] = [listening(), listening(path)]
    const output = await heir(
      [tcp, unix],
      'await server.listen({ fd: 3 }); await server.listen({ fd: 4 })',
      async () => {
        expect(await (await fetch(urlOf(tcp))).text()).toBe('inherited')
      },
    )
    expect(output).toBe(`${urlOf(tcp)} unix:${path}`)
    expect(existsSync(path)).toBe(true)
  })

  test('of systemd: all, or those of one name; and what is wrong is said', async () => {
    const sockets = [listening(), listening(), listening()]
    const passed = `Object.assign(process.env, { LISTEN_PID: process.pid, LISTEN_FDS: 3, LISTEN_FDNAMES: 'web:admin:web' }); `
    const urls = sockets.map(urlOf)
    const idle = async (): Promise<void> => undefined
    expect(await heir(sockets, `${passed} await server.listen({ systemd: true })`, idle)).toBe(urls.join(' '))
    expect(await heir(sockets, `${passed} await server.listen({ systemd: 'web' })`, idle)).toBe(`${urls[0]} ${urls[2]}`)
    expect(await heir(sockets, `${passed} await server.listen({ systemd: 'www' })`, idle)).toBe(
      'GYRE_NO_SOCKET systemd passed no socket named www, but web, admin, web: set FileDescriptorName=www in the .socket unit',
    )
    expect(
      await heir(
        [],
        'process.env.LISTEN_FDS = 1; process.env.LISTEN_PID = 1; await server.listen({ systemd: true })',
        idle,
      ),
    ).toMatch(/^GYRE_NO_SOCKET systemd passed its sockets to process 1, and this is \d+: let ExecStart run node itself/)
    expect(await heir([], 'await server.listen({ systemd: true })', idle)).toMatch(
      /^GYRE_NO_SOCKET systemd passed no socket/,
    )
  })

  test('that is none is refused with the reason, and stays open', async () => {
    await expect(open({ descriptor: 987, backlog })).rejects.toMatchObject({
      code: 'GYRE_NO_SOCKET',
      message: expect.stringContaining('descriptor 987 is not open: whoever starts this process') as string,
    })
    const file = openSync('/dev/null', 'r')
    await expect(open({ descriptor: file, backlog })).rejects.toMatchObject({
      code: 'GYRE_NO_SOCKET',
      message: expect.stringContaining('is no socket') as string,
    })
    expect(() => lstatSync(`/proc/self/fd/${file}`)).not.toThrow()
  })
})

const activator = '/usr/bin/systemd-socket-activate'
test.skipIf(!existsSync(activator))(
  'started by systemd-socket-activate, at the first connection (skipped where it is missing, package systemd)',
  async () => {
    const probe = createNetServer()
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
    const { port } = probe.address() as { port: number }
    await new Promise((resolve) => probe.close(resolve))
    const program = `
      import { createServer } from '${new URL('../../dist/index.js', import.meta.url).href}'
      const server = createServer((request, response) => {
        response.text('activated ' + request.local.port)
        server.close()
      })
      await server.listen({ systemd: 'web' })`
    const args = [
      '-l',
      `127.0.0.1:${port}`,
      '--fdname=web',
      '-E',
      'GYRE_IO',
      process.execPath,
      '--input-type=module',
      '-e',
      program,
    ]
    const child = spawnProcess(activator, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (bytes) => (said += String(bytes)))
    await eventually(() => said.includes('Listening on'), 'the activator')
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe(`activated ${port}`)
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0)
  },
)

describe(`connections that are not taken yet, ${kind} io`, () => {
  test('may go again: nothing ends but they', async () => {
    const listener = await open({ address: '127.0.0.1', port: 0, backlog })
    for (let index = 0; index < 5; index++)
      dial(listener.endpoint.port).once('connect', function (this: Socket) {
        this.write('hello')
        this.resetAndDestroy()
      })
    await run(sleep(50))
    expect(await takes(listener, listener.endpoint.port)).toBe(true)
  })

  test.skipIf(kind !== 'node')('are no more than the backlog, as Node accepts by itself; each is told of', async () => {
    const listener = await open({ address: '127.0.0.1', port: 0, backlog: 3 })
    const refused: string[] = []
    listener.onRefused = ({ code }, remote) => refused.push(`${code} ${remote.address}`)
    let gone = 0
    for (let index = 0; index < 20; index++) {
      const client = dial(listener.endpoint.port).on('close', () => gone++)
      await new Promise((resolve) => client.resume().once('connect', resolve).once('close', resolve))
    }
    await eventually(() => gone === 17, 'the drop of those beyond')
    expect(refused).toEqual(Array(17).fill('GYRE_CONNECTIONS_FULL 127.0.0.1'))
    for (let taken = 0; taken < 3; taken++) expect(listener.tryAccept()).not.toBeNull()
    expect(listener.tryAccept()).toBeNull()
    expect(await takes(listener, listener.endpoint.port)).toBe(true)
  })
})

test(`a ${kind} stream takes a bounded number of bytes for a peer that reads nothing`, async () => {
  const listener = await open({ address: '127.0.0.1', port: 0, backlog })
  dial(listener.endpoint.port).pause()
  const stream = await take(listener)
  const bytes = Buffer.alloc(64 << 20)
  let taken = 0
  await run(function* () {
    for (let idle = 0; idle < 20;) {
      const count = stream.tryWrite(bytes, 0, bytes.length)
      if (count === WOULD_WAIT) {
        idle++
        yield* sleep(2)
      } else {
        idle = 0
        taken += count
      }
    }
  })
  expect(taken).toBeGreaterThan(0)
  // Without a bound it is all, or the 4 MB of the operating system's own: half of one is what we let it hold.
  expect(taken).toBeLessThan(kind === 'epoll' ? 2 << 20 : 8 << 20)
})
