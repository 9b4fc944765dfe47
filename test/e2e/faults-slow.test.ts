/*
 * Two thousand slow clients at once, made by slowhttptest: those who send a head, or a body, byte by byte, and
 * those who read theirs so. A good client beside them must not notice, and the limits must end them.
 */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { chooseIo } from '../../lib/io/index.ts'
import { GoodClient, hasProgram, takesLong } from '../support/peers.ts'
import { startServer } from '../support/process.ts'
import type { ServerProcess } from '../support/process.ts'
import { eventually, serve } from '../support/serve.ts'

const { kind } = chooseIo()
const CLIENTS = 2000
/** Above it a good client would notice. In milliseconds. */
const NOTICEABLE = 50
/** Where even a server that nobody attacks takes longer than this, others are at work on the machine. */
const BUSY = 10
/** There only what the attack itself would cost is told apart: without bounds it is many seconds. */
const NOTICEABLE_WHEN_BUSY = 1000
let server: ServerProcess | undefined
let control: ServerProcess | undefined
afterEach(async () => {
  await Promise.all([server?.stop(), control?.stop()])
})

const HANDLER = `function* (request, response) {
  if (request.path === '/good') return response.text('good')
  if (request.method === 'POST') return response.text(yield* request.text())
  const piece = Buffer.alloc(16384, 'x')
  for (let sent = 0; sent < 64; sent++) yield* response.write(piece)
}`
const LIMITS = 'headTime: 4000, bodyIdleTime: 4000, bodyRate: 240, writeStallTime: 4000, writeRate: 4096'

/** Runs slowhttptest to its end. */
async function attack(port: number, ...args: string[]): Promise<void> {
  const common = ['-c', String(CLIENTS), '-r', '500', '-l', '14', '-i', '2', '-v', '0']
  const child = spawn('slowhttptest', [...common, '-u', `http://127.0.0.1:${port}/`, ...args], { stdio: 'ignore' })
  await new Promise((resolve) => child.once('exit', resolve))
}

const cases: [name: string, limits: readonly string[], args: readonly string[]][] = [
  ['heads', ['headTime'], ['-H', '-x', '24']],
  ['bodies', ['bodyRate', 'bodyIdleTime'], ['-B', '-s', '8192', '-x', '10']],
  ['readers', ['writeStallTime', 'writeRate'], ['-X', '-w', '256', '-y', '512', '-n', '1', '-z', '32']],
]

// With Node's own sockets the kernel holds up to 4 MB for each slow reader, of a memory that all processes share:
// such a run would only show that.
const possible =
  kind === 'epoll' && takesLong('an attack of slow clients') && hasProgram('slowhttptest', 'slowhttptest')

describe.skipIf(!possible)(`${CLIENTS} slow clients (package slowhttptest)`, () => {
  test.each(cases)(
    'slow %s are cut, and nobody else notices',
    async (name, limits, args) => {
      server = await startServer(HANDLER, `{ log: false, limits: { ${LIMITS} } }`)
      // One that nobody attacks tells what the machine itself makes wait: others may be at work on it.
      control = await startServer(HANDLER)
      const { port } = server
      const before = server.descriptors()
      let cut = 0
      for (let tries = 1, calm = false; !calm; tries++) {
        const [good, elsewhere] = [new GoodClient(port, 'good'), new GoodClient(control.port, 'good')]
        await attack(port, ...args)
        const [pulse, quiet] = [await good.stop(), await elsewhere.stop()]
        const { limitsHit } = await server.statistics()
        cut = limits.reduce((sum, limit) => sum + (limitsHit[limit] ?? 0), 0)
        console.info(
          `${CLIENTS} slow ${name}: ${cut} cut; beside them ${pulse.good} answers, ${pulse.lost.length} lost, ` +
            `p99 ${pulse.p99.toFixed(1)} ms, longest ${pulse.longest.toFixed(1)} ms; ` +
            `of a server without them ${quiet.p99.toFixed(1)} and ${quiet.longest.toFixed(1)} ms`,
        )
        expect(pulse.lost).toEqual([])
        const bar = quiet.p99 < BUSY ? NOTICEABLE : NOTICEABLE_WHEN_BUSY
        calm = pulse.p99 < bar
        // Once more, where it was not.
        if (tries === 2) expect(pulse.p99).toBeLessThan(bar)
      }
      expect(cut).toBeGreaterThan(CLIENTS / 2)
      for (let tries = 0; tries < 400 && server.descriptors() > before; tries++)
        await new Promise((resolve) => setTimeout(resolve, 20))
      expect(server.descriptors()).toBeLessThanOrEqual(before)
      expect(await server.statistics()).toMatchObject({ connections: 0, running: 0 })
    },
    60_000,
  )
})

// Two thousand slow readers took more than a gigabyte of the kernel's memory for sockets, which is bounded for the
// whole machine, and everybody waited for seconds.
test.skipIf(kind !== 'epoll')('the kernel holds little for one who does not read; one who reads gets all', async () => {
  const size = 1 << 25
  let sent = 0
  const { port } = await serve(function* (_request, response) {
    const piece = Buffer.alloc(16384)
    response.headers.set('Content-Length', size)
    for (; sent < size; sent += piece.length) yield* response.write(piece)
  })
  const socket = connect({ port, host: '127.0.0.1' })
  try {
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    let [last, still] = [-1, 0]
    while (still < 20) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      still = sent > 0 && sent === last ? still + 1 : 0
      last = sent
    }
    // What the client's side of the kernel takes counts as well: some 64 KB before it has ever read.
    expect(sent).toBeLessThan(350_000)
    let received = 0
    socket.on('data', (bytes) => (received += bytes.length))
    await eventually(() => received > size)
  } finally {
    socket.destroy()
  }
})
