/*
 * What handlers must not be able to do within a server of node:http: what our own server refuses is refused there.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Handler } from 'gyre'
import { toNodeListener } from 'gyre/handlers'
import { eventually } from '../support/serve.ts'
import { RawClient } from '../support/client.ts'

// What handlers throw is logged there.
beforeEach(() => void vi.spyOn(process.stderr, 'write').mockReturnValue(true))
afterEach(() => void vi.restoreAllMocks())

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** Sends bytes to a handler, and gives what comes until a condition holds, or the connection ends. */
async function sent(
  handler: Handler,
  until: (text: string) => boolean,
  { bytes = GET, before = undefined as RequestListener | undefined } = {},
): Promise<{ text: string; ended: boolean }> {
  const server = createServer(toNodeListener(handler))
  if (before !== undefined) server.prependListener('request', before)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = await RawClient.connect((server.address() as AddressInfo).port)
  client.send(bytes)
  try {
    await eventually(() => client.ended || until(client.text))
    return { text: client.text, ended: client.ended }
  } finally {
    client.close()
    server.close().closeAllConnections()
  }
}

const whole = (text: string): boolean => text.includes('\r\n0\r\n\r\n')

describe('a handler within a server of node:http', () => {
  test.each<[string, Handler]>([
    [
      'Content-Length beside a coding',
      (_, response) => (response.headers.set('Transfer-Encoding', 'chunked'), response.text('abc')),
    ],
    [
      'a Content-Length that is too long',
      (_, response) => (response.headers.set('Content-Length', 9), response.text('abc')),
    ],
    [
      'a Content-Length that is too short',
      (_, response) => (response.headers.set('Content-Length', 1), response.text('abc')),
    ],
    ['a line end in the reason', (_, response) => ((response.reason = 'a\r\nX: y'), response.text('abc'))],
    ['a status that changes the protocol', (_, response) => ((response.status = 101), response.text('abc'))],
  ])('cannot send %s', async (_what, handler) => {
    const { text } = await sent(handler, whole)
    expect(text).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\n/)
    expect(text).toMatch(/\r\n\r\n1a\r\n500 Internal Server Error\n\r\n0\r\n\r\n$/)
  })

  test('ends the connection where its stream is shorter than was announced, or longer', async () => {
    for (const length of [9, 4]) {
      const { text, ended } = await sent(
        function* (_, response) {
          response.headers.set('Content-Length', length)
          yield* response.write('abc')
          if (length === 4) yield* response.write('def')
        },
        (seen) => seen.split('HTTP/1.1').length > 2,
        { bytes: GET + GET },
      )
      expect({ ended, answers: text.split('HTTP/1.1').length - 1 }).toEqual({
        ended: true,
        answers: text === '' ? 0 : 1,
      })
      expect(text).not.toContain('def')
    }
  })

  test.each([204, 304])('sends no length with a %i that has no body', async (status) => {
    const { text } = await sent(
      (_, response) => response.text('', status),
      (seen) => seen.endsWith('\r\n\r\n'),
    )
    expect(text).toContain(`HTTP/1.1 ${status} `)
    expect(text).not.toMatch(/content-length/i)
  })

  test('sends early hints under every name', async () => {
    const { text } = await sent(
      function* (_, response) {
        yield* response.interim(103, { Link: '</a.css>; rel=preload', constructor: 'a', ['__proto__']: 'b' })
        response.text('done')
      },
      (seen) => seen.endsWith('done'),
    )
    expect(text).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nLink: [^\r]*\r\nconstructor: a\r\n__proto__: b\r\n\r\nHTTP\/1\.1 200 OK/,
    )
  })

  test('leaves nobody waiting, whatever it throws', async () => {
    const hostile = new Proxy(new Error(), {
      getPrototypeOf: () => {
        throw new Error('no prototype')
      },
    })
    const { ended } = await sent(
      () => {
        throw hostile
      },
      () => false,
    )
    expect(ended).toBe(true)
  })

  test('may leave work behind that has failed already', async () => {
    const unhandled: unknown[] = []
    const listeners = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', (reason) => void unhandled.push(reason))
    try {
      const { text } = await sent(
        (request, response) => {
          request.afterwards(Promise.reject(new Error('written down, and no more')))
          response.text('answered')
        },
        (seen) => seen.endsWith('answered'),
      )
      expect(text).toContain('200 OK')
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(unhandled).toEqual([])
    } finally {
      process.removeAllListeners('unhandledRejection')
      for (const listener of listeners) process.on('unhandledRejection', listener)
    }
  })

  test('does not spoil what somebody else has answered', async () => {
    const { text, ended } = await sent(
      function* (_, response) {
        yield* response.write('too late')
      },
      (seen) => seen.split('first').length > 2,
      { bytes: GET + GET, before: (_, res) => void res.end('first') },
    )
    expect(text).not.toContain('too late')
    expect(ended).toBe(false)
  })
})
