/*
 * The socket that listeners see: how its end is told, as Node tells it.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { finished } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/serve.ts'
import { ask, serve } from './support.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

describe('a socket that the client ends', () => {
  test('tells of end, of finish and of close, once each', async () => {
    const told: string[] = []
    const { server, connect } = await serve((_, res) => res.end('x'))
    server.on('connection', (socket: Socket) => {
      for (const event of ['end', 'finish', 'close', 'error']) socket.on(event, () => told.push(event))
    })
    const client = await connect()
    client.send(GET)
    await client.until((text) => text.endsWith('x'))
    client.socket.end()
    await eventually(() => told.includes('close'))
    expect(told).toEqual(['end', 'finish', 'close'])
  })

  test('is finished to stream.finished, without an error', async () => {
    const results: unknown[] = []
    const { server, connect } = await serve((_, res) => res.end('x'))
    server.on('connection', (socket: Socket) => finished(socket, (error) => results.push(error)))
    const client = await connect()
    client.send(GET)
    await client.until((text) => text.endsWith('x'))
    client.socket.end()
    await eventually(() => results.length > 0)
    expect(results).toEqual([undefined])
  })
})

test.each(['req', 'res', 'socket'])(
  'an error that %s is destroyed with is told to clientError, once',
  async (which) => {
    const told: unknown[] = []
    const { server, port } = await serve((req, res) => {
      req.on('error', () => undefined)
      const what = { req, res, socket: req.socket }[which as 'req']
      what.destroy(new Error('mine'))
    })
    server.on('clientError', (error, socket) => {
      told.push(error.message, socket.destroyed)
      socket.destroy(error)
    })
    await expect(ask(port)).rejects.toThrow()
    const [socket] = await Promise.all([once(server, 'connection'), ask(port).catch(() => undefined)])
    if (!(socket[0] as Socket).closed) await once(socket[0] as Socket, 'close')
    expect(told).toEqual(['mine', true, 'mine', true])
  },
)

test.each([
  ['100', 'ERR_INVALID_ARG_TYPE'],
  [undefined, 'ERR_INVALID_ARG_TYPE'],
  [-1, 'ERR_OUT_OF_RANGE'],
  [Infinity, 'ERR_OUT_OF_RANGE'],
  [NaN, 'ERR_OUT_OF_RANGE'],
])('setTimeout of %s is refused', async (duration, code) => {
  let thrown: unknown
  const { port } = await serve((req, res) => {
    try {
      req.socket.setTimeout(duration as number)
    } catch (error) {
      thrown = error
    }
    res.end()
  })
  await ask(port)
  expect(thrown).toMatchObject({ code })
})

test('destroySoon resets nobody who has ended a body that nobody has read', async () => {
  const { connect } = await serve((req, res) => {
    req.on('data', () => req.pause())
    res.end('early')
    setTimeout(() => req.socket.destroySoon(), 100)
  })
  const client = await connect({ allowHalfOpen: true })
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n').send(Buffer.alloc(300_000))
  client.socket.end()
  expect(await client.end()).toMatch(/early$/)
  expect(client.reset).toBe(false)
})
