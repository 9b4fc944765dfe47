/*
 * Peers that vanish without a word: a client in a network namespace of its own, whose link goes down while it idles,
 * uploads and downloads. No reset and no end ever comes; only our own times can tell.
 */
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { afterEach, expect, test } from 'vitest'
import { chooseIo } from '../../lib/io/index.ts'
import { hasProgram } from '../support/peers.ts'
import { startServer } from '../support/process.ts'
import type { ServerProcess } from '../support/process.ts'

const { kind } = chooseIo()
/** Short, because an interface has 15 letters at most. */
const NAME = `gy${process.pid}`
/** Of the range that RFC 2544 sets aside for tests. */
const SUBNET = `198.18.${process.pid % 250}`
const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: 'pipe' })

let server: ServerProcess | undefined
let child: ChildProcess | undefined
function removeLink(): void {
  for (const args of [
    ['link', 'del', NAME],
    ['netns', 'del', NAME],
  ])
    try {
      ip(...args)
    } catch {
      // Was never made.
    }
}
afterEach(async () => {
  child?.kill('SIGKILL')
  await server?.stop()
  removeLink()
})

/** Makes a namespace with one link to here. @returns whether that may be done here */
function makeLink(): boolean {
  try {
    ip('netns', 'add', NAME)
    ip('link', 'add', NAME, 'type', 'veth', 'peer', 'name', 'client', 'netns', NAME)
    ip('addr', 'add', `${SUBNET}.1/24`, 'dev', NAME)
    ip('link', 'set', NAME, 'up')
    ip('-n', NAME, 'addr', 'add', `${SUBNET}.2/24`, 'dev', 'client')
    ip('-n', NAME, 'link', 'set', 'client', 'up')
    return true
  } catch (error) {
    process.stderr.write(`TESTS ARE SKIPPED: no network namespace can be made here: ${String(error)}\n`)
    return false
  }
}

const possible =
  hasProgram('ip', 'iproute2') &&
  ((): boolean => {
    const made = makeLink()
    removeLink()
    return made
  })()

/** What runs in the namespace: three connections, and a word for each stage. */
const CLIENT = `
  const { connect } = require('node:net')
  const [port, host] = [Number(process.argv[1]), process.argv[2]]
  const open = (text) => {
    const socket = connect({ port, host })
    socket.on('error', () => undefined)
    socket.write(text)
    return socket
  }
  const idle = open('GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n')
  idle.once('data', () => console.log('idle'))
  const upload = open('POST /upload HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 1000000000\\r\\n\\r\\n')
  setInterval(() => upload.write(Buffer.alloc(1000)), 50)
  const download = open('GET /download HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n')
  download.once('data', () => console.log('download'))`

const HANDLER = `function* (request, response) {
  request.bodyLimit = Infinity
  if (request.path === '/upload') {
    while ((yield* request.read()) !== null);
  } else if (request.path === '/download') {
    for (;;) yield* response.write(Buffer.alloc(65536))
  } else response.text('hello')
}`
const LIMITS = 'keepAliveTime: 1500, bodyIdleTime: 1500, writeStallTime: 1500, writeRate: 240'

test.skipIf(!possible)(
  'peers whose link is cut while they idle, upload and download are let go in time (package iproute2, and root)',
  async () => {
    expect(makeLink()).toBe(true)
    const listen = `{ port: 0, host: '${SUBNET}.1' }`
    server = await startServer(HANDLER, `{ log: false, limits: { ${LIMITS} } }`, { listen })
    const { port } = server
    const before = server.descriptors()
    const args = ['netns', 'exec', NAME, process.execPath, '-e', CLIENT, String(port), `${SUBNET}.1`]
    child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout?.on('data', (bytes) => (said += String(bytes)))
    const until = async (condition: () => Promise<boolean> | boolean): Promise<void> => {
      const end = performance.now() + 10_000
      while (!(await condition())) {
        if (performance.now() > end) throw new Error(`not within ten seconds; the client said: ${said}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    await until(
      async () => said.includes('idle') && said.includes('download') && (await server?.statistics())?.running === 2,
    )
    expect(await server.statistics()).toMatchObject({ connections: 3 })
    const cut = performance.now()
    ip('-n', NAME, 'link', 'set', 'client', 'down')
    await until(async () => (await server?.statistics())?.connections === 0)
    const { limitsHit } = await server.statistics()
    console.info(
      `link cut (${kind}): all three gone after ${(performance.now() - cut).toFixed(0)} ms, limits hit ${JSON.stringify(limitsHit)}`,
    )
    expect(Object.keys(limitsHit)).toHaveLength(2)
    expect(await server.statistics()).toMatchObject({ connections: 0, running: 0 })
    await until(() => (server?.descriptors() ?? 0) <= before)
  },
)
