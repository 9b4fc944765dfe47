import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { expect, test } from 'vitest'
import { ERRORS, GyreError, LIMITS, resolveLimits, statusOf } from '../../lib/base/index.ts'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

test('the pages that are made from tables have every row of them', () => {
  const made = execFileSync(process.execPath, [at('.ci/make-tables.mjs'), '--print'], { encoding: 'utf8' })
  for (const [path, text] of Object.entries(JSON.parse(made) as Record<string, string>))
    expect(readFileSync(at(path), 'utf8')).toBe(text)
})

test('every row of the errors table is raised somewhere', () => {
  const sources = readdirSync(at('lib'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && path !== 'base/errors.ts')
    .map((path) => readFileSync(at(`lib/${path}`), 'utf8'))
    .join('')
  expect(Object.keys(ERRORS).filter((code) => !sources.includes(`'${code}'`))).toEqual([])
})

test('every limit is kept somewhere', () => {
  const sources = readdirSync(at('lib'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && path !== 'base/limits.ts')
    .map((path) => readFileSync(at(`lib/${path}`), 'utf8'))
    .join('')
  expect(
    Object.keys(LIMITS).filter(
      (name) =>
        !new RegExp(`limits?\\.${name}|LIMITS\\.${name}|\\{[^}]*\\b${name}\\b[^}]*\\} = [\\w.]*limits?\\b`).test(
          sources,
        ),
    ),
  ).toEqual([])
})

test('an error carries its row, its detail and its cause', () => {
  const cause = new Error('underneath')
  const error = new GyreError('GYRE_BODY_TOO_LARGE', 'much too large', cause)
  expect(error).toMatchObject({
    name: 'GyreError',
    code: 'GYRE_BODY_TOO_LARGE',
    status: 413,
    blame: 'client',
    message: 'much too large',
    cause,
  })
  expect(new GyreError('GYRE_NOT_FOUND').message).toBe(ERRORS.GYRE_NOT_FOUND.text)
})

test('the status of what is thrown: its own from 400 to 599, else 500', () => {
  expect(
    [
      { status: 404, expose: true },
      { status: 503, expose: false },
      // The error of some client: its status is that of somebody else's answer.
      { status: 404 },
      { status: 200, expose: true },
      { status: '404', expose: true },
      new Error('x'),
      null,
      'x',
      { status: 600, expose: true },
    ].map(statusOf),
  ).toEqual([404, 503, 500, 500, 500, 500, 500, 500, 500])
})

test('limits that are not given stay as the table has them; undefined is not given', () => {
  expect(resolveLimits({ headBytes: 100, bodyBytes: undefined } as never)).toMatchObject({
    headBytes: 100,
    bodyBytes: 1_048_576,
  })
  expect(() => resolveLimits({ headBytes: 1.5 })).toThrow('whole number')
})

test('limits are no hash table to V8: they are read some ten times per request', () => {
  setFlagsFromString('--allow-natives-syntax')
  const isFast = runInThisContext('(object) => %HasFastProperties(object)') as (object: object) => boolean
  expect(isFast(resolveLimits({ bodyBytes: 5 }))).toBe(true)
})
