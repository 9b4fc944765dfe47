/*
 * The site of the documentation, from `npm run docs` to a browser: it is made without a warning, the example serves
 * it and nothing else, every link of every page leads somewhere, and a browser shows what it should.
 */
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { takesLong } from '../support/peers.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync('/tmp/gyre-site-')
const site = `${folder}/site`
const chromium = (process.env['PATH'] ?? '').split(':').find((path) => existsSync(`${path}/chromium`))
const stops: (() => void)[] = []
let origin = ''

afterAll(() => {
  for (const stop of stops) stop()
  rmSync(folder, { recursive: true })
})

/** Starts the example. @returns the address that it prints */
async function serveSite(): Promise<string> {
  const child = spawn(process.execPath, [`${root}.build/examples/06-docs-site.js`, site], {
    env: { ...process.env, PORT: '0' },
  })
  stops.push(() => child.kill('SIGKILL'))
  let output = ''
  for await (const bytes of child.stdout) {
    output += String(bytes)
    const found = /http:\/\/127\S*/.exec(output)?.[0]
    if (found !== undefined) return found
  }
  throw new Error(`the example printed no URL: ${output}`)
}

const isWanted = takesLong('making the site of the docs')
const longTest = test.skipIf(!isWanted)

beforeAll(async () => {
  const { stderr } = await run(process.execPath, [`${root}.ci/make-docs.mjs`, site])
  expect(stderr).toBe('')
  writeFileSync(`${folder}/secret.html`, 'secret')
  symlinkSync(`${folder}/secret.html`, `${site}/link.html`)
  symlinkSync(folder, `${site}/out`)
  origin = await serveSite()
}, 120_000)

/** Sends a path as it stands, which `fetch` would tidy up. @returns the status of the answer, and its text */
function ask(path: string): Promise<{ status: number | undefined; text: string }> {
  const { hostname, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    request({ hostname, port, path }, (answer) => {
      let text = ''
      answer.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))
      answer.on('end', () => resolve({ status: answer.statusCode, text }))
    })
      .on('error', reject)
      .end()
  })
}

longTest(
  'every link of every page leads to a page, and to a place there is',
  async () => {
    const pages = new Map<string, string>()
    const places: { from: string; to: URL }[] = []
    const broken: string[] = []
    const waiting = [origin]
    for (let url = waiting.shift(); url !== undefined; url = waiting.shift()) {
      if (pages.has(url)) continue
      const answer = await fetch(url)
      const text = await answer.text()
      const isPage = answer.headers.get('content-type')?.startsWith('text/html') === true
      pages.set(url, text)
      if (answer.status !== 200) broken.push(`${url}: ${answer.status}`)
      if (!isPage || answer.status !== 200) continue
      for (const [, link = ''] of text.matchAll(/ (?:href|src)="([^"]*)"/g)) {
        const to = new URL(link.replaceAll('&amp;', '&'), url)
        if (!to.href.startsWith(origin)) continue
        places.push({ from: url, to })
        waiting.push(to.href.replace(/[#?].*/, ''))
      }
    }
    for (const { from, to } of places) {
      const page = pages.get(to.href.replace(/[#?].*/, ''))
      if (to.hash !== '' && page !== undefined && !page.includes(` id="${decodeURIComponent(to.hash.slice(1))}"`))
        broken.push(`${from} links to ${to.href}`)
    }
    expect(pages.size).toBeGreaterThan(300)
    expect([...new Set(broken)]).toEqual([])
  },
  60_000,
)

longTest('what a page loads is of the site itself', async () => {
  const { text } = await ask('/')
  const loaded = [...text.matchAll(/<(?:script|link|img)[^>]* (?:src|href)="([^"]*)"/g)].map(([, link]) => link)
  expect(loaded.length).toBeGreaterThan(2)
  expect(loaded.filter((link) => /^(?:https?:)?\/\//.test(link ?? ''))).toEqual([])
})

longTest('nothing outside of the folder is served', async () => {
  const paths = [
    '/../secret.html',
    '/%2e%2e/secret.html',
    '/..%2fsecret.html',
    '/modules/..%2f..%2fsecret.html',
    '/link.html',
    '/out/secret.html',
    `/${encodeURIComponent(`${folder}/secret.html`)}`,
    '/index.html%00',
    '/modules',
    '/none.html',
  ]
  const answers = await Promise.all(paths.map(ask))
  expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 404))
  expect(answers.filter(({ text }) => text === 'secret')).toEqual([])
  expect((await ask('/%zz')).status).toBe(400)
  expect((await fetch(origin, { method: 'POST' })).status).toBe(405)
})

longTest('what a browser has already is not sent again', async () => {
  const style = `${origin}assets/style.css`
  const first = await fetch(style)
  expect(first.headers.get('content-type')).toBe('text/css; charset=utf-8')
  const again = await fetch(style, { headers: { 'If-None-Match': first.headers.get('etag') ?? '' } })
  expect([again.status, (await again.arrayBuffer()).byteLength]).toEqual([304, 0])
  const head = await fetch(style, { method: 'HEAD' })
  expect(head.headers.get('content-length')).toBe(String((await first.arrayBuffer()).byteLength))
})

test.skipIf(chromium === undefined || !isWanted)(
  'a browser shows the front page and the reference (skipped where chromium, package chromium, is missing)',
  async () => {
    const show = async (path: string): Promise<string> => {
      const args = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${folder}/chromium`]
      const budget = ['--virtual-time-budget=10000', '--dump-dom', origin + path]
      return (await run('chromium', [...args, ...budget], { maxBuffer: 64_000_000, timeout: 60_000 })).stdout
    }
    const front = await show('')
    expect(front).toMatch(/<h1>Gyre<\/h1>/)
    expect(front).toContain('An HTTP server library for Node.js')
    // The menu on the left is made by a script of the site.
    expect(front).toMatch(/id="tsd-nav-container"[^]*href="\.\/documents\/tasks\.html"/)
    const page = await show('functions/gyre.createServer.html')
    expect(page).toContain('Makes a server. It serves nothing before')
    expect(page).toContain('GYRE_BAD_OPTION')
    expect(page).toMatch(/<h4[^>]*>Example/)
  },
  120_000,
)
