/*
 * The entrance: nobody who is connected is lost when the server closes, nobody takes the places of all, and whoever
 * is turned away has a record.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { createServer } from '../../lib/index.ts'
import type { AccessRecord, Server, ServerAddress, ServerOptions } from '../../lib/index.ts'
import { certificate, dialTls, hasOpenssl } from '../support/certificates.ts'
import { RawClient, answers } from '../support/client.ts'
import { eventually, serve } from '../support/serve.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const LAST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const sockets: Socket[] = []
const servers: Server[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) await server.close()
})

async function secured(options: ServerOptions, host = '127.0.0.1') {
  const records: AccessRecord[] = []
  const server = createServer({ log: false, access: (record) => records.push(record), ...options }, (_, response) => {
    response.text('x')
  })
  servers.push(server)
  const address: ServerAddress = await server.listen({ port: 0, host, tls: certificate('localhost') })
  const dial = (to = '127.0.0.1'): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect(address.port, to)
      sockets.push(socket)
      socket.on('error', () => undefined).resume()
      socket.once('connect', () => {
        resolve(socket)
      })
    })
  return { server, records, dial, port: address.port }
}

const ask = async (port: number): Promise<number | undefined> => {
  const { secure } = await dialTls(port)
  sockets.push(secure)
  return answers(await RawClient.over(secure).send(LAST).end())[0]?.status
}

test('close() takes in all that wait in the queue of the operating system', async () => {
  const { server, port } = await serve((_request, response) => {
    response.text('x')
  })
  const sign = `${mkdtempSync('/tmp/gyre-')}/connected`
  const child = spawn(
    process.execPath,
    [
      '-e',
      `const { connect } = require('node:net')
      let connected = 0, ended = 0, answered = 0
      for (let index = 0; index < 40; index++) {
        const socket = connect(${port}, '127.0.0.1', () => {
          socket.write(${JSON.stringify(GET)})
          if (++connected === 40) require('node:fs').writeFileSync(${JSON.stringify(sign)}, '')
        })
        socket.once('data', (bytes) => { if (/^HTTP\\/1.1 200[^]*close/.test(bytes)) answered++ })
        socket.on('error', () => undefined).on('close', () => { if (++ended === 40) console.log(answered) })
      }`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let said = ''
  child.stdout.on('data', (bytes) => (said += String(bytes)))
  // Nothing is accepted while this thread does not come back to its loop.
  const until = performance.now() + 10_000
  while (!existsSync(sign) && performance.now() < until) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
  const report = await server.close()
  await eventually(() => said !== '', 'the end of the clients')
  expect(Number(said)).toBe(40)
  expect(report).toMatchObject({ running: 0, outcomes: { ok: 40 }, cut: [] })
})

describe.skipIf(!hasOpenssl)('TLS handshakes (skipped where openssl, package openssl, is missing)', () => {
  test('count as connections; who finds no place has a record', async () => {
    const { server, records, dial, port } = await secured({ limits: { connections: 3 } })
    const first = await dial()
    await dial()
    await dial()
    const fourth = await dial()
    await new Promise((resolve) => fourth.once('close', resolve))
    expect(records).toMatchObject([
      { code: 'GYRE_CONNECTIONS_FULL', status: 0, outcome: 'refused', remote: { address: '127.0.0.1' } },
    ])
    expect(server.statistics()).toMatchObject({ accepted: 0, rejected: 1, limitsHit: { connections: 1 } })
    first.destroy()
    await new Promise((resolve) => first.once('close', resolve))
    await eventually(() => server.statistics().rejected === 1)
    let status: number | undefined
    for (let tries = 0; status === undefined && tries < 50; tries++) status = await ask(port).catch(() => undefined)
    expect(status).toBe(200)
  })

  const other = Object.values(networkInterfaces())
    .flat()
    .find((found) => found?.family === 'IPv4' && !found.internal)?.address
  if (other === undefined) process.stderr.write('A TEST IS SKIPPED: this machine has no address but its own\n')
  test.skipIf(other === undefined)('count for their address before they are done', async () => {
    const { server, records, dial, port } = await secured({ limits: { connectionsPerAddress: 2 } }, '0.0.0.0')
    for (let index = 0; index < 5; index++) await dial(other)
    await eventually(() => server.statistics().rejected === 3)
    expect(records.map(({ code, status, remote }) => [code, status, remote.address])).toEqual(
      Array(3).fill(['GYRE_ADDRESS_FULL', 0, other]),
    )
    expect(await ask(port)).toBe(200)
  })

  test('that are under way when close() begins are finished, and their requests answered', async () => {
    const { server, dial, records } = await secured({ limits: { lastCallTime: 3000 } })
    const plain = await dial()
    const closing = server.close()
    await eventually(() => server.addresses.length === 0)
    const secure = connectTls({ socket: plain, rejectUnauthorized: false })
    sockets.push(secure)
    const client = RawClient.over(secure)
    const [answer] = answers(await client.send(GET).end())
    expect(answer).toMatchObject({ status: 200, headers: { connection: 'close' } })
    expect(await closing).toMatchObject({ outcomes: { ok: 1 }, cut: [] })
    expect(records).toMatchObject([{ outcome: 'ok' }])
  })

  test('that do not end within closeTime are cut, and have a record; those that never began have none', async () => {
    const { server, dial, records } = await secured({ limits: { closeTime: 500, lastCallTime: 50 } })
    const [silent, dawdling] = [await dial(), await dial()]
    dawdling.write('\x16')
    const ends: string[] = []
    silent.once('close', () => ends.push('silent'))
    dawdling.once('close', () => ends.push('dawdling'))
    const report = await server.close()
    await eventually(() => ends.length === 2)
    expect(ends).toEqual(['silent', 'dawdling'])
    expect(report.duration).toBeGreaterThan(400)
    expect(records).toMatchObject([{ code: 'GYRE_SHUTDOWN', outcome: 'cut', status: 0 }])
  })
})

const python = existsSync('/usr/bin/python3')
if (!python) process.stderr.write('TESTS OF SLOW READERS ARE SKIPPED: python3 is missing (package python3)\n')
describe.skipIf(!python)('a client that reads steadily, but slowly', () => {
  const tries = [['plain'], ...(hasOpenssl ? [['encrypted']] : [])] as ['plain' | 'encrypted'][]
  test.each(tries)('is not taken for one that has stalled (%s)', async (how) => {
    const records: AccessRecord[] = []
    const server = createServer(
      {
        log: false,
        access: (record) => records.push(record),
        limits: { writeStallTime: 1500 },
      },
      function* (_request, response) {
        for (;;) yield* response.write(Buffer.alloc(65_536))
      },
    )
    servers.push(server)
    const tls = how === 'encrypted' ? { tls: certificate('localhost') } : {}
    const { port } = await server.listen({ port: 0, host: '127.0.0.1', ...tls })
    // A program of its own, in which nothing reads ahead.
    const child = spawn('/usr/bin/python3', [
      '-c',
      `import socket, ssl, sys, time
s = socket.create_connection(('127.0.0.1', ${port}))
if ${how === 'encrypted' ? 1 : 0}:
    c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
    s = c.wrap_socket(s)
s.sendall(b'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n')
until = time.time() + 7
try:
    while time.time() < until and s.recv(7000): time.sleep(.04)
except Exception: pass
print('read' if time.time() >= until else 'cut')`,
    ])
    let said = ''
    child.stdout.on('data', (bytes) => (said += String(bytes)))
    await new Promise((resolve) => child.once('exit', resolve))
    await eventually(() => records.length === 1)
    expect(said.trim()).toBe('read')
    expect(records).toMatchObject([{ outcome: 'gone' }])
  })
})
