/*
 * The same application in the three ways: the same answers, byte for byte; and the same ends.
 */
import { readdirSync, readlinkSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Handler } from '../../lib/index.ts'
import type { WsgiApp, WsgiTaskApp } from '../../lib/wsgi/index.ts'
import { eventually } from '../support/serve.ts'
import { built, builtWsgi, fixture, host, notes, threads } from './support.ts'

type Module = { default: WsgiApp; taskApp: WsgiTaskApp }
const { wsgi, wsgiGenerator } = builtWsgi
const generated = (await import(/* @vite-ignore */ fixture('generated-app.mjs').href)) as Module

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\u00e9', ' '), maxLength: 40 })
const token = fc.string({ unit: fc.constantFrom('a', 'B', '-', '1'), minLength: 1, maxLength: 8 })
const plan = fc.record({
  how: fc.constantFrom('one', 'one', 'none', 'write', 'both', 'yield', 'yield', 'throw', 'bad-status'),
  status: fc.constantFrom('200 OK', '201 Made', '404 No Such', '204 No Content', '304 Not Modified', '500 Oh'),
  chunks: fc.array(fc.oneof(text, fc.constantFrom(30_000, 200_000)), { maxLength: 4 }),
  fields: fc.array(
    fc.tuple(
      token.map((name) => `X-${name}`),
      fc.constantFrom('', 'a b', '\u00e9', '"q"'),
    ),
    { maxLength: 3 },
  ),
  length: fc.constantFrom('exact', 'less', 'none', 'none'),
  reads: fc.array(
    fc.oneof(
      fc.tuple(fc.constant('read'), fc.constantFrom(-1, 0, 1, 7, 50_000)),
      fc.tuple(fc.constant('readline'), fc.constantFrom(-1, 1, 5)),
      fc.tuple(fc.constant('readlines'), fc.constantFrom(0, 10)),
    ),
    { maxLength: 4 },
  ),
})
const body = fc.oneof(
  fc.constant(undefined),
  text,
  fc.constant('line of a body that is large\n'.repeat(3000)),
  fc.constant('x'.repeat(400_000)),
)
const requests = fc.record({
  plan,
  method: fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'OPTIONS'),
  path: fc.constantFrom('/', '/a/b', '/%C3%A9', '/a%2Fb', '//x'),
  fields: fc.array(fc.tuple(token, fc.constantFrom('1', 'a,b', '\u00fc')), { maxLength: 4 }),
  body,
  chunked: fc.boolean(),
  version: fc.constantFrom('1.1', '1.1', '1.0'),
})

type Asked = typeof requests extends fc.Arbitrary<infer T> ? T : never

function wire({ plan: planned, method, path, fields, body: sent, chunked, version }: Asked): string {
  const lines = [`${method} ${path}?${encodeURIComponent(JSON.stringify(planned))} HTTP/${version}`, 'Host: a']
  for (const [name, value] of fields) lines.push(`X-${name}: ${value}`)
  let rest = ''
  if (sent !== undefined && chunked && version === '1.1') {
    lines.push('Transfer-Encoding: chunked')
    for (let at = 0; at < sent.length; at += 50_000) {
      const piece = sent.slice(at, at + 50_000)
      rest += `${piece.length.toString(16)}\r\n${piece}\r\n`
    }
    rest += '0\r\n\r\n'
  } else if (sent !== undefined) {
    lines.push(`Content-Length: ${sent.length}`)
    rest = sent
  }
  return `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n${rest}`
}

test('500 generated requests are answered identically, byte for byte', async () => {
  const app = threads(fixture('generated-app.mjs'), { threads: 2 })
  const ways: [string, Handler][] = [
    ['inline', wsgi(generated.default)],
    ['generator', wsgiGenerator(generated.taskApp)],
    ['threads', app],
  ]
  const hosts = await Promise.all(ways.map(([, handler]) => host(handler)))
  const all = fc.sample(requests, { numRuns: 500, seed: 3333 })
  let good = 0
  for (const request of all) {
    const bytes = wire(request)
    const answers = await Promise.all(
      hosts.map(async ({ connect }) => {
        const client = await connect()
        const answer = await client.send(bytes).end()
        client.close()
        return answer.replace(/\r\nDate: [^\r]*/, '')
      }),
    )
    expect(answers[1], `generator: ${bytes.slice(0, 500)}`).toBe(answers[0])
    expect(answers[2], `threads: ${bytes.slice(0, 500)}`).toBe(answers[0])
    expect(answers[0]).not.toContain('414 URI Too Long')
    if (answers[0]?.startsWith('HTTP/1.1 2')) good++
  }
  expect(good).toBeGreaterThan(150)
}, 120_000)

/** Descriptors of files that are unlinked. */
function temporaryFiles(): number {
  let count = 0
  for (const entry of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${entry}`).includes('gyre-')) count++
    } catch {
      // It was closed while we looked.
    }
  }
  return count
}

describe('1,000 clients that leave at random moments', () => {
  const leaving = async (way: string): Promise<Module['default'] & { default?: never }> =>
    (await import(/* @vite-ignore */ `${fixture('leaving-app.mjs').href}?${way}`)) as Module as never

  test.each(['inline', 'generator', 'threads'])(
    '%s',
    async (way) => {
      const { path, read } = notes()
      process.env['GYRE_TEST_NOTES'] = path
      const module = (await leaving(way)) as unknown as { default: WsgiApp; taskApp: (sleep: unknown) => WsgiTaskApp }
      const app = way === 'threads' ? threads(fixture('leaving-app.mjs'), { threads: 2, queue: 1024 }) : null
      const limits = { inputMemory: 10_000 }
      const handler =
        app ??
        (way === 'inline' ? wsgi(module.default, { limits }) : wsgiGenerator(module.taskApp(built.sleep), { limits }))
      const { server, connect } = await host(handler)
      const random = lcg(7)
      const before = temporaryFiles()
      for (let round = 0; round < 20; round++) {
        await Promise.all(
          Array.from({ length: 50 }, async () => {
            const client = await connect()
            const sent = Math.floor(random() * 30_000)
            client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7530\r\n')
            client.send('x'.repeat(sent))
            // Half of them send it all, and leave while the answer comes.
            if (random() < 0.5) client.send(`${'x'.repeat(30_000 - sent)}\r\n0\r\n\r\n`)
            const enough = random() * 300_000
            if (random() < 0.8) await Promise.race([client.until((got) => got.length > enough), pause(random() * 60)])
            client.close()
          }),
        )
      }
      await eventually(() => server.statistics().connections === 0, 'the end of all connections')
      const count = (word: string): number =>
        read()
          .split('\n')
          .filter((line) => line === word).length
      await eventually(
        () => app === null || (app.statistics().busy === 0 && app.statistics().waiting === 0),
        'idle threads',
      )
      expect(count('close')).toBe(count('call'))
      expect(count('call')).toBeGreaterThan(20)
      expect(temporaryFiles()).toBe(before)
      expect(server.statistics().outputHeld).toBe(0)
      if (app !== null) expect(app.statistics()).toMatchObject({ threads: 2, crashed: 0, timedOut: 0 })
    },
    120_000,
  )
})

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** The same moments in every run, as far as the machine allows. */
function lcg(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}
