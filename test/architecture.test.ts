/*
 * The house stands as it was drawn. The law is in support/architecture.ts.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ROOMS, breaches } from './support/architecture.ts'

const lib = new URL('../lib/', import.meta.url)
const files = readdirSync(lib, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(new URL(path, lib), 'utf8') }))

test('no file of lib breaks the law', () => {
  expect(files.length).toBeGreaterThan(40)
  expect(breaches(files)).toEqual([])
})

test('each room that stands has a door', () => {
  const rooms = new Set(files.filter(({ path }) => path.includes('/')).map(({ path }) => path.split('/')[0]))
  for (const room of rooms) {
    if (room === 'entry') continue
    expect(ROOMS).toHaveProperty(room as string)
    expect(files.map(({ path }) => path)).toContain(`${String(room)}/index.ts`)
  }
})

describe('the law does bite', () => {
  const card = '/*\n * Room: x\n * For: x\n * Never: x\n * Floor: 1. May import: x\n * Suite: x. Page: x\n */\n'
  const cases: [why: string, path: string, text: string][] = [
    ['kernel may not import io', 'kernel/a.ts', "import { a } from '../io/index.ts'"],
    ['kernel may not import protocol', 'kernel/a.ts', "import type { a } from '../protocol/index.ts'"],
    ['wsgi may not import handlers', 'wsgi/a.ts', "export { a } from '../handlers/index.ts'"],
    ['testing is imported by nothing', 'index.ts', "export { a } from './testing/index.ts'"],
    ['testing is imported by nothing', 'handlers/a.ts', "import { a } from '../testing/index.ts'"],
    ['base is entered by its door', 'server/a.ts', "import { a } from '../base/errors.ts'"],
    ['node:fs has no place in protocol', 'protocol/a.ts', "import 'node:fs'"],
    ['koffi is for', 'io/node/a.ts', "import koffi from 'koffi'"],
    ['koffi is for', 'io/epoll/poller.ts', "createRequire(import.meta.url)('koffi')"],
    ['llhttp-wasm is no dependency', 'protocol/a.ts', "await import('llhttp-wasm')"],
    ['a bare yield', 'server/a.ts', 'function* a() { yield 1 }'],
    ['setTimeout', 'server/a.ts', 'setTimeout(a, 1)'],
    ['Date.now', 'kernel/a.ts', 'Date.now()'],
    ['new Date', 'server/a.ts', 'new Date()'],
    ['await', 'kernel/a.ts', 'async function a() { await b }'],
    ['new Promise', 'server/a.ts', 'new Promise(a)'],
    ['console', 'server/a.ts', 'console.log(1)'],
    ['the number 4096', 'server/a.ts', 'const size = 4096'],
    ['opens with a comment', 'base/a.ts', '\nconst a = 1'],
    ['are more than 420', 'base/a.ts', '\n'.repeat(430)],
    ['the room card lacks "For:"', 'kernel/index.ts', card.replace('For:', 'Fro:')],
  ]
  test.each(cases)('%s (%s)', (why, path, text) => {
    const opening = text.startsWith('\nconst') ? '' : path.endsWith('index.ts') ? '' : '/* An idea. */\n'
    expect(breaches([{ path, text: opening + text }]).join('\n')).toContain(why)
  })

  test('and lets pass what is allowed', () => {
    const text = "/* An idea. */\nimport { a } from '../base/index.ts'\nfunction* b() { yield* a() }\nconst c = 999\n"
    expect(breaches([{ path: 'kernel/a.ts', text }])).toEqual([])
    expect(breaches([{ path: 'kernel/index.ts', text: card }])).toEqual([])
  })
})
