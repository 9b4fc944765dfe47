/*
 * The operating system fails, made so by strace: for every call that a connection needs, every error that it may
 * report, a few times over. The server goes on, answers, and keeps no descriptor. And a process that has fewer
 * descriptors than clients.
 */
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { chooseIo } from '../../lib/io/index.ts'
import { Injection, canInject } from '../support/peers.ts'
import { cpuTime, startServer } from '../support/process.ts'
import type { ServerProcess } from '../support/process.ts'
import { eventually } from '../support/serve.ts'

const { kind } = chooseIo()
const CLIENTS = 20
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
let server: ServerProcess | undefined
afterEach(async () => {
  // One that spins does not hear that it should stop; and strace ends with it.
  const timer = setTimeout(() => server?.child.kill('SIGKILL'), 5000)
  await server?.stop()
  clearTimeout(timer)
})

const HANDLER = `function* (request, response) {
  if (request.method === 'POST') return response.text(String((yield* request.bytes()).length))
  if (request.path !== '/large') return response.text('hello')
  const piece = Buffer.alloc(1 << 16, 'x')
  response.headers.set('Content-Length', 1 << 20)
  for (let sent = 0; sent < 16; sent++) yield* response.write(piece)
}`

/** What a client asks, and the size of the answer's body. */
const REQUESTS: [text: string, size: number][] = [
  [GET, 5],
  [`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`, 6],
  [GET.replace('/', '/large'), 1 << 20],
]

/** Asks each in turn on one connection. @returns how many answers came whole */
async function client(port: number): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => undefined)
  socket.setTimeout(5000, () => socket.destroy())
  let answered = 0
  for (const [text, size] of REQUESTS) {
    const whole = await new Promise<boolean>((resolve) => {
      let got = Buffer.alloc(0)
      const onClose = (): void => resolve(false)
      const onData = (bytes: Buffer): void => {
        got = Buffer.concat([got, bytes])
        const head = got.indexOf('\r\n\r\n')
        if (head < 0 || got.length < head + 4 + size) return
        socket.off('data', onData).off('close', onClose)
        resolve(got.length === head + 4 + size && got.toString('latin1', 9, 12) === '200')
      }
      socket.on('data', onData).on('close', onClose)
      if (socket.destroyed) resolve(false)
      else socket.write(text)
    })
    if (!whole) break
    answered++
  }
  socket.destroy()
  return answered
}

/** Waits until nothing is open any more that was not before. */
async function settled(before: number): Promise<void> {
  const one = server as ServerProcess
  for (let tries = 0; tries < 300 && one.descriptors() > before; tries++)
    await new Promise((resolve) => setTimeout(resolve, 20))
  expect(one.descriptors()).toBeLessThanOrEqual(before)
  expect(await one.statistics()).toMatchObject({ connections: 0, running: 0 })
}

// Left out: a recv() that says EAGAIN though there is something to read. No kernel does so, and to ask again each
// time would cost an event for every large read.
/** The call, what happens to it, and whether no client may lose anything by it. */
const faults: [call: string, fault: string, harmless: boolean][] = [
  ...['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'ECONNABORTED', 'EPROTO', 'EPERM', 'EINTR'].map(
    (error): [string, string, boolean] => ['accept4', `error=${error}:when=2..5`, true],
  ),
  ['sendto', 'error=ENOBUFS:when=2..5', false],
  ['sendto', 'error=ECONNRESET:when=2..5', false],
  ['sendto', 'error=EPIPE:when=2..5', false],
  ['sendto', 'error=EINTR:when=2..9', true],
  ['sendto', 'error=EAGAIN:when=2..5', true],
  // strace makes the server believe that one byte was sent, and sends none: those answers are never whole.
  ['sendto', 'retval=1:when=2..3', false],
  ['recvfrom', 'error=ECONNRESET:when=2..5', false],
  ['recvfrom', 'error=ETIMEDOUT:when=2..5', false],
  ['recvfrom', 'error=EINTR:when=2..9', true],
  ['epoll_wait', 'error=EINTR:when=1+2', true],
  ['epoll_ctl', 'error=ENOMEM:when=2..5', false],
  ['epoll_ctl', 'error=ENOSPC:when=2..5', false],
]

describe.skipIf(kind !== 'epoll' || !canInject())('the operating system fails (package strace)', () => {
  test.each(faults)('%s %s', async (call, fault, harmless) => {
    server = await startServer(HANDLER, '{ log: false, limits: { writeStallTime: 10000 } }')
    const { port, child } = server
    expect(await client(port)).toBe(REQUESTS.length)
    for (let tries = 0; tries < 300 && (await server.statistics()).connections > 0; tries++);
    const before = server.descriptors()
    const injection = await Injection.start(child.pid, call, fault)
    const answered = await Promise.all(Array.from({ length: CLIENTS }, () => client(port)))
    const injected = await injection.stop()
    expect(injected).toBeGreaterThan(0)
    const lost = answered.filter((count) => count < REQUESTS.length).length
    expect(lost).toBeLessThanOrEqual(harmless ? 0 : injected)
    // Whatever was, it is over.
    expect(await client(port)).toBe(REQUESTS.length)
    await settled(before)
    expect(child.exitCode).toBeNull()
  })

  test('accept4 EPERM without end: those who are connected are served, at rest, and the others later', async () => {
    server = await startServer(HANDLER)
    const { port, child } = server
    const held = connect({ port, host: '127.0.0.1' })
    let text = ''
    held.on('data', (bytes) => (text += String(bytes)))
    held.write(GET)
    await eventually(() => text.endsWith('hello'))
    const injection = await Injection.start(child.pid, 'accept4', 'error=EPERM')
    const others = [client(port), client(port)]
    await eventually(() => server?.errors().includes('EPERM') ?? false)
    text = ''
    held.write(GET)
    await eventually(() => text.endsWith('hello'))
    await injection.stop()
    expect(await Promise.all(others)).toEqual([REQUESTS.length, REQUESTS.length])
    held.destroy()
  })
})

test.skipIf(kind !== 'epoll')(
  '100 descriptors and 200 clients: those held are served, at rest and nearly silent, and the others in their turn',
  async () => {
    server = await startServer(HANDLER, '{}', { descriptors: 100 })
    const { port } = server
    const clients = Array.from({ length: 200 }, () => {
      const socket = connect({ port, host: '127.0.0.1' })
      const one = { socket, answers: 0 }
      socket
        .on('error', () => undefined)
        .on('data', (bytes) => (one.answers += String(bytes).split('hello').length - 1))
      socket.write(GET)
      return one
    })
    const count = (least: number): number => clients.filter(({ answers }) => answers >= least).length
    await eventually(() => count(1) > 20 && (server?.errors().includes('EMFILE') ?? false))
    const linesBefore = server.errors().split('\n').length
    const [used, begun] = [cpuTime(server.child.pid), performance.now()]
    await new Promise((resolve) => setTimeout(resolve, 2500))
    const seconds = (performance.now() - begun) / 1000
    const cpu = (cpuTime(server.child.pid) - used) / seconds
    const lines = server.errors().split('\n').length - linesBefore
    console.info(
      `out of descriptors: ${count(1)} held, ${(lines / seconds).toFixed(1)} lines and ${cpu.toFixed(0)} ms of CPU a second`,
    )
    expect(lines).toBeLessThanOrEqual(Math.ceil(seconds))
    expect(cpu).toBeLessThan(100)
    const held = clients.filter(({ answers }) => answers > 0)
    expect(held.length).toBeLessThan(100)
    for (const { socket } of held) socket.write(GET)
    await eventually(() => count(2) === held.length, 'a second answer for those held')
    // Each that has its answer goes, until all have had theirs.
    const leave = setInterval(() => {
      for (const { socket, answers } of clients) if (answers > 0) socket.destroy()
    }, 20)
    await eventually(() => count(1) === clients.length, 'an answer for all')
    clearInterval(leave)
    for (const { socket } of clients) socket.destroy()
    expect(await client(port)).toBe(REQUESTS.length)
  },
)
