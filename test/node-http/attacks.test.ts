/*
 * Clients that mean harm, and applications that do not behave: no connection is held for ever, no answer is taken for
 * another, and no error of one request becomes the answer of the next.
 */
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { IncomingMessage, ServerResponse } from 'node:http'
import { eventually } from '../support/serve.ts'
import { serve } from './support.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** Runs something, and gathers what reaches nobody meanwhile. */
async function uncaughtIn(run: (uncaught: string[]) => Promise<void>): Promise<void> {
  const listeners = process.listeners('uncaughtException')
  const uncaught: string[] = []
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => void uncaught.push(error.message))
  try {
    await run(uncaught)
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
}

describe('an answer that is the last of its connection', () => {
  test.each([
    ['a body that never comes', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc'],
    ['chunks without end', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n'],
    ['an HTTP/1.0 client that waits for the end', 'POST / HTTP/1.0\r\nContent-Length: 100\r\n\r\n'],
  ])('ends it, whatever is still to come: %s', async (_what, bytes) => {
    const { server, connect } = await serve((_, res) => {
      res.writeHead(413, { Connection: 'close' })
      res.end('too much')
    })
    const client = await connect({ allowHalfOpen: true })
    client.send(bytes)
    await eventually(() => client.ended)
    expect(client.text).toContain('too much')
    await eventually(() => server.statistics().connections === 0)
  })

  test('ends it where the client was not told to go on', async () => {
    const { server, connect } = await serve()
    server.on('checkContinue', (_req, res: ServerResponse) => res.writeHead(403).end('no'))
    const client = await connect({ allowHalfOpen: true })
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n')
    await eventually(() => client.ended)
    expect(client.text).toContain('Connection: close\r\n')
  })

  test('leaves what has come of the body to who reads it', async () => {
    let read = ''
    const { connect } = await serve((req, res) => {
      req.on('data', (piece: Buffer) => (read += piece.toString())).on('end', () => (read += '.'))
      res.end('early')
    })
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc')
    await eventually(() => client.ended)
    expect(read).toBe('abc.')
  })
})

describe('a Content-Length that is not that of the body', () => {
  test.each([
    ['too few', '9', 'abc'],
    ['too many', '2', 'abc'],
  ])('ends the connection, so that nothing else is taken for the body: %s', async (_what, length, body) => {
    const { connect } = await serve((_, res) => {
      res.setHeader('Content-Length', length)
      res.write('a')
      res.end(body.slice(1))
    })
    const client = await connect()
    client.send(GET + GET)
    await eventually(() => client.ended)
    expect(client.text.match(/HTTP\/1\.1/g)).toHaveLength(1)
  })

  test.each([
    ['HEAD / HTTP/1.1\r\nHost: a\r\n', { 'Content-Length': '9' }, 'nine here'],
    ['GET / HTTP/1.1\r\nHost: a\r\n', { 'Content-Length': '4' }, 'h\u00E9y'],
    ['GET / HTTP/1.1\r\nHost: a\r\n', { 'Content-Length': '4', 'X-Name': '\u00E9' }, 'h\u00E9y'],
    ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n', { 'Content-Length': '1' }, 'a'],
  ])('is none where it only looks so: %j %j', async (head, fields, body) => {
    const { connect } = await serve((_, res) => res.writeHead(200, fields).end(body))
    const client = await connect()
    client.send(`${head}\r\n${GET}`)
    await eventually(() => client.text.match(/HTTP\/1\.1 200/g)?.length === 2)
    expect(client.ended).toBe(false)
  })
})

describe('a listener of the response', () => {
  test.each(['finish', 'callback'])('that throws (%s) spoils no other request', async (where) => {
    await uncaughtIn(async (uncaught) => {
      const fail = (): never => {
        throw new Error(`in the ${where}`)
      }
      const { connect } = await serve((req, res) => {
        if (req.url !== '/1') res.end('fine')
        else if (where === 'finish') res.on('finish', fail).end('first')
        else res.end('first', fail)
      })
      const client = await connect()
      client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
      await eventually(() => client.text.includes('fine'))
      expect(client.text).not.toContain(' 500 ')
      expect(uncaught).toEqual([`in the ${where}`])
    })
  })

  test('may be gone, and ours with it: the next request is served', async () => {
    const { connect } = await serve((_, res) => {
      res.removeAllListeners()
      res.end('x')
    })
    const client = await connect()
    client.send(GET + GET)
    await eventually(() => client.text.match(/HTTP\/1\.1 200/g)?.length === 2)
  })
})

describe('a body that is none', () => {
  test('holds no connection where clientError is only written down, and the client goes', async () => {
    const codes: unknown[] = []
    const { server, connect } = await serve((req) => req.on('error', () => undefined).resume())
    server.on('clientError', (error: NodeJS.ErrnoException) => codes.push(error.code))
    const client = await connect({ allowHalfOpen: true })
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n')
    await eventually(() => codes.length > 0)
    client.socket.end()
    await eventually(() => server.statistics().connections === 0)
    expect(codes[0]).toBe('HPE_INVALID_CHUNK_SIZE')
  })
})

describe('a body that nobody reads to its end', () => {
  test.each([false, true])('holds its connection no longer than requestTimeout; answered: %s', async (answered) => {
    const { server, connect } = await serve((req, res) => {
      req.on('error', () => undefined)
      req.once('data', () => {
        req.pause()
        if (answered) res.end('enough')
      })
    })
    server.requestTimeout = server.headersTimeout = 200
    const client = await connect({ allowHalfOpen: true })
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n${'a'.repeat(300_000)}`)
    await eventually(() => client.ended)
    expect(client.text).toContain(answered ? 'enough' : '408 Request Timeout')
    await eventually(() => server.statistics().connections === 0)
  })

  test('may wait for its reader meanwhile', async () => {
    const { server, connect } = await serve((req, res) => {
      let size = 0
      req.on('data', (piece: Buffer) => {
        size += piece.length
        req.pause()
        setTimeout(() => req.resume(), 20)
      })
      req.on('end', () => res.end(`read ${size}`))
    })
    server.requestTimeout = server.headersTimeout = 1000
    const client = await connect()
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n${'a'.repeat(300_000)}`)
    await eventually(() => client.text.includes('read 300000'))
  })
})

test('a maxHeaderSize of 0 is none, as for Node', async () => {
  const { connect } = await serve((_, res) => res.end('x'), { maxHeaderSize: 0 })
  const client = await connect()
  client.send(GET)
  await eventually(() => client.text.includes('200 OK'))
})

describe('prototypes that an application gives', () => {
  /** Sends so many requests, one after another. */
  async function askAgain(listener: Parameters<typeof serve>[0], times: number): Promise<string> {
    const { connect } = await serve(listener)
    const client = await connect()
    for (let round = 1; round <= times; round++) {
      client.send(GET)
      await eventually(() => client.text.match(/HTTP\/1\.1 200/g)?.length === round)
    }
    return client.text
  }

  test('to one response alone are seen by no other', async () => {
    const seen: unknown[] = []
    let user = 0
    await askAgain((_, res) => {
      seen.push((res as { user?: number }).user)
      Object.setPrototypeOf(res, Object.assign(Object.create(ServerResponse.prototype), { user: user++ }) as object)
      res.end()
    }, 20)
    expect(new Set(seen)).toEqual(new Set([undefined]))
  })

  test('may have accessors with the names of own properties, which hide nothing', async () => {
    class Named extends IncomingMessage {}
    Object.defineProperty(Named.prototype, 'url', { get: () => 'of the prototype' })
    const seen: unknown[] = []
    await askAgain((req, res) => {
      Object.setPrototypeOf(req, Named.prototype)
      seen.push(req.url)
      res.end()
    }, 20)
    expect(new Set(seen)).toEqual(new Set(['/']))
  })
})

describe('connections that leave, or have left', () => {
  test('an upgrade behind other requests loses none of their answers', async () => {
    const { server, connect } = await serve((req, res) => res.end(`answer ${req.url}`))
    server.on('upgrade', (_req, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n'))
    const client = await connect()
    client.send(`${GET}${GET}GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n`)
    await eventually(() => client.ended)
    expect(client.text.match(/HTTP\/1\.1 \d+|answer/g)).toEqual([
      'HTTP/1.1 200',
      'answer',
      'HTTP/1.1 200',
      'answer',
      'HTTP/1.1 101',
    ])
  })

  test('a socket that is destroyed when it is handed over is no connection', async () => {
    const { server } = await serve()
    const gone = new PassThrough().destroy()
    server.emit('connection', gone)
    await new Promise((resolve) => server.close(resolve))
    expect(server.statistics().connections).toBe(0)
  })
})

test('what is neither text nor bytes is not written to the socket', async () => {
  const codes: unknown[] = []
  const { connect } = await serve((req, res) => {
    for (const wrong of [undefined, null, 5, {}, [], new ArrayBuffer(2)])
      try {
        req.socket.write(wrong as never)
      } catch (error) {
        codes.push((error as NodeJS.ErrnoException).code)
      }
    res.end('fine')
  })
  const client = await connect()
  client.send(GET + GET)
  await eventually(() => client.text.match(/fine/g)?.length === 2)
  const wrongType = 'ERR_INVALID_ARG_TYPE'
  const expected = [wrongType, 'ERR_STREAM_NULL_VALUES', wrongType, wrongType, wrongType, wrongType]
  expect(codes).toEqual([...expected, ...expected])
})
