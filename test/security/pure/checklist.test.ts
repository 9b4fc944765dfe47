/*
 * No line of the checklist is forgotten: each has a row in docs/security.md, and the tests that it names name the line.
 */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { LIMITS } from '../../../lib/index.ts'
import { CHECKLIST, gapsOf, rowsOf } from '../../support/checklist.ts'

const root = new URL('../../../', import.meta.url)
const page = readFileSync(new URL('docs/security.md', root), 'utf8')

function read(path: string): string | undefined {
  const url = new URL(path, root)
  return existsSync(url) ? readFileSync(url, 'utf8') : undefined
}

test('every line has a row, and what its row says of tests is so', () => {
  expect(gapsOf(page, read)).toEqual([])
  expect(Object.keys(CHECKLIST)).toHaveLength(43)
})

test('limits that the page tells are those of the table', () => {
  const told = [...page.matchAll(/`(\w+)` \((\d[\d,]*) ?(?:bytes|ms|)\)/g)]
  expect(told.length).toBeGreaterThan(5)
  for (const [, name = '', value = ''] of told) {
    expect(LIMITS).toHaveProperty(name)
    expect(Number(value.replaceAll(',', '')), name).toBe(LIMITS[name as keyof typeof LIMITS].value)
  }
})

test('the page is found from the README', () => {
  expect(readFileSync(new URL('README.md', root), 'utf8')).toContain('(docs/security.md)')
})

describe('the check does bite', () => {
  const first = rowsOf(page)[0]?.text ?? ''
  const [file = ''] = rowsOf(page)[0]?.files ?? []
  test.each([
    ['a row that is missing', page.replace(first, ''), 'F1: 0 rows'],
    ['a row that is there twice', page.replace(first, `${first}\n${first}`), 'F1: 2 rows'],
    [
      'a number that is left out',
      page.replace(first, first.replaceAll('CVE-2024-1135', '')),
      'F1: CVE-2024-1135 is not',
    ],
    [
      'a file that is not there',
      page.replace(first, first.replaceAll(file, 'test/none.ts')),
      'F1: there is no test/none',
    ],
    ['a row of no line', `${page}\n| F99 | | x | Not ours yet: x |`, 'F99: no line'],
    ['a row that says nothing', page.replace(first, '| F1 | x | x | x |'), 'F1: neither tested'],
  ])('%s', (_what, changed, gap) => {
    expect(gapsOf(changed, read).join('\n')).toContain(gap)
  })

  test('a test that does not name the line, or the number', () => {
    const gaps = gapsOf(page, (path) => (path === file ? "test('F11', go)" : read(path)))
    expect(gaps).toContain(`F1: not named in ${file}`)
    expect(gaps).toContain('F1: no test names CVE-2024-1135')
  })
})
