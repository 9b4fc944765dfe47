/*
 * Mistakes of applications, in all three ways: the answers are the same, and nobody else notices.
 */
import { describe, expect, test } from 'vitest'
import type { Handler } from '../../lib/index.ts'
import type { WsgiApp, WsgiTaskApp } from '../../lib/wsgi/index.ts'
import { builtWsgi, fixture, host, threads } from './support.ts'

const { wsgi, wsgiGenerator } = builtWsgi
const APP = fixture('faults-app.mjs')
const app = ((await import(/* @vite-ignore */ APP.href)) as { default: WsgiApp }).default
const WAYS: Record<string, () => Handler> = {
  inline: () => wsgi(app),
  generator: () => wsgiGenerator(app as unknown as WsgiTaskApp),
  threads: () => threads(APP),
}

/** Asks each of the ways. @returns what all have answered, once it is the same */
async function all(path: string, lines: string[] = [], around: (handler: Handler) => Handler = (handler) => handler) {
  const answers: string[] = []
  const events: string[] = []
  for (const way of Object.values(WAYS)) {
    const hosted = await host(around(way()))
    const client = await hosted.connect()
    client.send(`${['GET ' + path + ' HTTP/1.1', 'Host: a', ...lines].join('\r\n')}\r\nConnection: close\r\n\r\n`)
    answers.push((await client.end()).replace(/\r\nDate: [^\r]*/, ''))
    events.push(hosted.events.map(({ code }) => code).join())
  }
  expect(answers[1], 'generator').toBe(answers[0])
  expect(answers[2], 'threads').toBe(answers[0])
  expect(new Set(events).size, events.join(' | ')).toBe(1)
  return { text: answers[0] as string, code: events[0] as string }
}

describe('the same in all ways', () => {
  test('start_response that throws, and is not called again: the answer is an error', async () => {
    const { text, code } = await all('/swallowed')
    expect([text.slice(9, 12), code]).toEqual(['500', 'GYRE_WSGI_START'])
    expect(text).not.toContain('never')
  })

  test('a control character in the reason (W12)', async () => {
    expect((await all('/tab')).code).toBe('GYRE_WSGI_START')
  })

  test('an error that is an answer, and one that only looks like it', async () => {
    expect((await all('/http-error')).text).toMatch(/^HTTP\/1.1 404 .*no such page\n$/s)
    expect((await all('/status-without-expose')).text).toMatch(/^HTTP\/1.1 500 (?!.*of a library)/s)
  })

  test('a body of 200 KB with a status that has none, and no length of it', async () => {
    const { text } = await all('/not-modified')
    expect(text).toMatch(/^HTTP\/1.1 304 /)
    expect(text).not.toMatch(/content-length/i)
  })

  test('a length of 0 is told, and none is not', async () => {
    expect((await all('/ok', ['Content-Length: 0'])).text).toMatch(/\r\n\r\n0$/)
    expect((await all('/ok', ['content-length: 0'])).text).toMatch(/\r\n\r\n0$/)
    expect((await all('/ok')).text).toMatch(/\r\n\r\nnone$/)
  })

  test('what a handler around it has set stays, unless the application sets it too', async () => {
    const { text } = await all('/headers', [], (handler) => (request, response) => {
      response.headers.set('X-Outer', 'handler')
      response.headers.set('X-Own', 'handler')
      response.headers.set('Set-Cookie', 'outer=1')
      return handler(request, response)
    })
    expect(text).toContain('X-Outer: handler\r\n')
    expect(text.match(/X-Own: .*/g)).toEqual(['X-Own: app'])
    expect(text.match(/Set-Cookie: .*/g)).toEqual(['Set-Cookie: app=1', 'Set-Cookie: outer=1'])
    expect(text).not.toContain('X-First')
  })
})

describe.each(Object.keys(WAYS))('%s', (way) => {
  const serve = () => host((WAYS[way] as () => Handler)())
  const ask = async (url: string): Promise<string> => (await fetch(url)).text()

  test('the first error is the one that is told, whatever close() throws besides', async () => {
    const { url, events } = await serve()
    expect((await fetch(`${url}both-fail`)).status).toBe(500)
    expect(events[0]?.reason).toContain('the first one')
  })

  test('write() after the end reaches nobody', async () => {
    const { url } = await serve()
    expect(await ask(`${url}keep-write`)).toBe('kept')
    expect(await ask(`${url}use-write`)).toBe('GYRE_RESPONSE_ENDED')
    expect(await ask(`${url}ok`)).toBe('none')
  })
})
