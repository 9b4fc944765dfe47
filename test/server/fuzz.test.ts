/*
 * Any bytes at all yield answers or a close, within the limits: never an exception, a hang or a connection
 * that stays. The seed is printed where it fails.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { eventually, serve } from '../support/serve.ts'

const fragments = [
  'GET / HTTP/1.1\r\n',
  'POST /x HTTP/1.1\r\n',
  'HEAD * HTTP/1.0\r\n',
  'Host: a\r\n',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: h2c\r\n',
  '\r\n',
  '3\r\nabc\r\n',
  '0\r\n\r\n',
  'abc',
  '\n',
  '\0',
]

test('any bytes, cut anyhow', async () => {
  const { connect, server, events } = await serve(
    async (request, response) => {
      if (request.path === '/x') for await (const chunk of request) await response.write(chunk)
      else response.text('ok')
    },
    { limits: { headTime: 200, bodyIdleTime: 200, keepAliveTime: 200, lingerTime: 100 } },
  )
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...fragments).map((text) => Buffer.from(text, 'latin1')) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 20 }), fc.boolean(), async (pieces, atOnce) => {
      const client = await connect({ allowHalfOpen: true })
      if (atOnce) client.send(Buffer.concat(pieces))
      else
        for (const bytes of pieces) {
          client.send(bytes)
          await new Promise((resolve) => setImmediate(resolve))
        }
      client.socket.end()
      const text = await client.end()
      expect(text === '' || text.startsWith('HTTP/1.1 ')).toBe(true)
      client.close()
    }),
    { numRuns: 400 },
  )
  await eventually(() => server.statistics().connections === 0)
  expect(server.statistics().running).toBe(0)
  expect(events.filter(({ blame }) => blame !== 'client')).toEqual([])
})
