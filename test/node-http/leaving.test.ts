/*
 * Connections that have left HTTP: they belong to whoever got them, and nothing of the server's holds for them.
 */
import type { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/serve.ts'
import { serve } from './support.ts'
import type { ServerOptions } from 'gyre/node-http'

const ASK = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'

/** A server, and both ends of a connection that has left HTTP. */
async function upgraded(timeout: number, options?: ServerOptions) {
  const served = await serve(undefined, options)
  const { server, connect } = served
  server.timeout = timeout
  const sockets: Duplex[] = []
  server.on('upgrade', (_, socket) => {
    sockets.push(socket)
    socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
    socket.on('data', (data) => socket.write(`echo ${String(data)}`))
  })
  const client = await connect()
  client.send(ASK)
  await client.until((text) => text.endsWith('\r\n\r\n'))
  return { server, client, socket: sockets[0] as Duplex & { timeout?: number } }
}

describe('a connection that has left HTTP', () => {
  test('outlives the timeout of the server, and only its socket is told', async () => {
    const { server, client, socket } = await upgraded(50)
    const told: string[] = []
    server.on('timeout', () => told.push('server'))
    socket.on('timeout', () => told.push('socket'))
    await eventually(() => told.length > 0)
    client.send('still here')
    await client.until((text) => text.endsWith('echo still here'))
    expect(told).not.toContain('server')
    expect(socket.timeout).toBe(50)
    socket.destroy()
  })

  test('is not cut by closeAllConnections, is counted, and has the server wait for it', async () => {
    const { server, client, socket } = await upgraded(0)
    const seen: string[] = []
    socket.on('close', () => seen.push('socket'))
    server.close(() => seen.push('server'))
    server.closeAllConnections()
    expect(await new Promise((resolve) => server.getConnections((_, count) => resolve(count)))).toBe(1)
    client.send('still here')
    await client.until((text) => text.endsWith('echo still here'))
    expect([socket.destroyed, ...seen]).toEqual([false])
    socket.end()
    client.socket.end()
    await eventually(() => seen.length === 2)
    expect(seen).toEqual(['socket', 'server'])
  })
})
