/*
 * The pages and the examples of WSGI are true.
 */
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

/** Starts an example. @returns the address that it prints */
async function start(name: string): Promise<string> {
  const child = spawn(process.execPath, [at(`.build/examples/${name}.js`)], { env: { ...process.env, PORT: '0' } })
  stops.push(() => child.kill('SIGKILL'))
  let output = ''
  for await (const bytes of child.stdout) {
    output += String(bytes)
    const origin = /http:\/\/127[^/]*\//.exec(output)?.[0]
    if (origin !== undefined) return origin
  }
  throw new Error(`${name} printed no URL: ${output}`)
}

test('docs/wsgi.md has the rules that stand in the comments of lint', () => {
  const made = execFileSync(process.execPath, [at('.ci/make-wsgi-rules.mjs'), '--print'], { encoding: 'utf8' })
  expect(readFileSync(at('docs/wsgi.md'), 'utf8')).toBe(made)
  expect(made.match(/^- /gm)?.length).toBeGreaterThan(40)
})

test('20-wsgi-middleware', async () => {
  const origin = await start('20-wsgi-middleware')
  expect((await fetch(origin)).status).toBe(401)
  const headers = { Authorization: `Basic ${Buffer.from('me:secret').toString('base64')}` }
  const answer = await fetch(`${origin}old/page`, { headers })
  expect(await answer.text()).toMatch(/^you are me, and this is \/new\/page\n/)
  expect(answer.headers.get('content-encoding')).toBe('gzip')
  expect(answer.headers.get('server-timing')).toMatch(/^app;dur=/)
})

test('21-wsgi-threads', async () => {
  const origin = await start('21-wsgi-threads')
  expect(await (await fetch(`${origin}work/primes/1000`)).text()).toBe('168 primes up to 1000\n')
  expect(await (await fetch(`${origin}work/source`)).text()).toBe(
    readFileSync(at('.build/examples/21-wsgi-threads-app.js'), 'utf8'),
  )
  expect(await (await fetch(origin)).json()).toMatchObject({ threads: 2 })
})

test('22-wsgi-csv', async () => {
  const origin = await start('22-wsgi-csv')
  const lines = (await (await fetch(`${origin}?rows=300`)).text()).trimEnd().split('\n')
  expect([lines.length, lines[2]]).toEqual([301, '2,4,"number ""2"", as text"'])
})

test('23-wsgi-upload', async () => {
  const origin = await start('23-wsgi-upload')
  const body = Buffer.alloc(3_000_000, 'upload')
  const sum = createHash('sha256').update(body).digest('hex')
  expect(await (await fetch(origin, { method: 'PUT', body })).text()).toBe(`3000000 bytes, sha256 ${sum}\n`)
  expect((await fetch(origin)).status).toBe(405)
})

test('24-wsgi-several', async () => {
  const origin = await start('24-wsgi-several')
  const get = async (path: string): Promise<string> => (await fetch(`${origin}${path}`)).text()
  expect(await get('blog/admin/x')).toMatch(/^admin at \/blog\/admin, asked for http:.*\/blog\/admin\/x\n$/)
  expect(await get('demo')).toMatch(/^Hello world!/)
  expect(await get('native/x')).toBe('a native handler at /native\n')
  const shop = await new Promise<string>((resolve) => {
    request(origin, { headers: { Host: 'shop.localhost' } }, (answer) => {
      let text = ''
      answer.on('data', (bytes) => (text += String(bytes))).on('end', () => resolve(text))
    }).end()
  })
  expect(shop).toMatch(/^shop at/)
})
