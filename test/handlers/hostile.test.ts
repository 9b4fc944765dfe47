/*
 * Fetch-style applications that hand over what is not what it seems.
 */
import { describe, expect, test } from 'vitest'
import { FetchResponse, fromFetch } from '../../lib/handlers/index.ts'
import type { FetchApp } from '../../lib/handlers/index.ts'
import { serve } from '../support/serve.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

/** Is another text each time that somebody asks. */
function twoFaced(first: string): string {
  let asked = 0
  return { toString: () => (asked++ === 0 ? first : `${first}\r\nX-Injected: yes`) } as unknown as string
}

describe('a text that changes between check and use splits no answer', () => {
  test.each<[string, FetchApp]>([
    ['Content-Type', () => new FetchResponse('x', { headers: { 'Content-Type': twoFaced('text/html') } })],
    ['another field', () => new FetchResponse('x', { headers: [['X-A', twoFaced('a')]] })],
    ['the reason', () => new FetchResponse('x', { statusText: twoFaced('Fine') })],
    [
      'a response of another library',
      () => {
        const headers = new Map([['content-type', twoFaced('text/html')]])
        return { status: 200, statusText: twoFaced('Fine'), headers, body: null } as unknown as Response
      },
    ],
  ])('%s', async (_what, app) => {
    const { connect } = await serve(fromFetch(app))
    const client = await connect()
    expect(await client.send(GET).end()).toMatch(/^HTTP\/1\.1 200 (?!.*injected)/is)
  })
})

describe('waitUntil', () => {
  test.each<[unknown, number]>([
    [undefined, 0],
    [42, 0],
    [[Promise.resolve()], 0],
    ['text', 0],
    [
      {
        then: (): never => {
          throw new Error('a then that fails')
        },
      },
      1,
    ],
  ])('takes %j, and the answer is sent', async (work, failures) => {
    const { server, events, url } = await serve(
      fromFetch((_request, context) => {
        context.waitUntil(work)
        return new FetchResponse('answered')
      }),
    )
    expect(await (await fetch(url)).text()).toBe('answered')
    await server.close()
    expect(events).toHaveLength(failures)
  })
})
