/*
 * Handlers that hold on to what is no longer theirs.
 */
import { expect, test } from 'vitest'
import { withTimeout } from '../../lib/index.ts'
import type { Handler, Request, Response } from '../../lib/index.ts'
import { serve } from '../support/serve.ts'

/** What careless code throws. */
const NULL = null as unknown as Error

test('a request and a response that were kept are empty and closed: nothing of another request is read or written', async () => {
  let kept: { request: Request; response: Response } | undefined
  let late: unknown[] = []
  const { exchange } = await serve(async (request, response) => {
    if (request.path === '/keep') kept = { request, response }
    else {
      late = [
        await kept?.request.read(),
        await Promise.resolve(kept?.response.write('smuggled')).catch(
          (error: unknown) => (error as { code: string }).code,
        ),
      ]
      response.text(await request.text())
    }
  })
  const got = await exchange(
    'POST /keep HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nkept' +
      'POST /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnext',
  )
  expect(got.map(({ body }) => body)).toEqual(['', 'next'])
  expect(late).toEqual([null, 'GYRE_RESPONSE_ENDED'])
})

test('writes that are not awaited, one after another, keep their order and do not mix', async () => {
  const { exchange } = await serve(async (_request, response) => {
    await Promise.all(Array.from({ length: 20 }, (_, index) => response.write(`${index}:${'x'.repeat(300_000)};`)))
  })
  const [answer] = await exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  expect(answer?.body.replaceAll('x', '')).toBe(Array.from({ length: 20 }, (_, index) => `${index}:;`).join(''))
})

test('a handler that reads and writes at once, each in a task of its own', async () => {
  const { exchange } = await serve(async (request, response) => {
    for await (const chunk of request) await response.write(chunk)
  })
  const body = 'y'.repeat(3_000_000)
  const [answer] = await exchange(
    `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  ).catch(() => [undefined])
  expect(answer?.status).toBe(413)
  const small = 'z'.repeat(900_000)
  const [echo] = await exchange(
    `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${small.length}\r\n\r\n${small}`,
  )
  expect(echo?.body === small).toBe(true)
})

test.each([
  [
    'a generator',
    function* () {
      throw NULL
    },
  ],
  ['an async function', async () => Promise.reject(NULL)],
  [
    'a plain function',
    () => {
      throw NULL
    },
  ],
  ['a generator with a time limit around it', withTimeoutAroundNull],
])('null, thrown by %s, is a failure of the handler like any other', async (_what, handler) => {
  const { exchange, events } = await serve(handler as Handler)
  const answered = await exchange(
    'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  )
  expect(answered.map(({ status }) => status)).toEqual([500, 500])
  expect(events).toMatchObject([{ code: 'GYRE_HANDLER_FAILED' }, { code: 'GYRE_HANDLER_FAILED' }])
})

function* withTimeoutAroundNull() {
  yield* withTimeout(1000, function* () {
    throw NULL
  })
}
