/*
 * Every public item of the room has an example, and the examples do what they say.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import * as kernel from '../../lib/entry/kernel.ts'
import * as gyre from '../../lib/index.ts'
import { examplesBelow, examplesOf, examplesOfPage, runExample } from '../support/examples.ts'

const room = fileURLToPath(new URL('../../lib/sync/', import.meta.url))
const examples = examplesBelow(room)

describe('the examples of the room run, and print what they promise', () => {
  test.each(examples.map((example) => [example.name, example] as const))('%s', async (_name, example) => {
    expect(await runExample(example, { ...kernel, ...gyre })).toEqual(example.promised)
    // What a task of the example failed with, unobserved, would have set it.
    expect(process.exitCode ?? 0).toBe(0)
  })
})

describe('so do those of the pages', () => {
  const pages = ['tasks', 'cancellation', 'debugging', 'coming-from-gevent', 'coming-from-tornado'].flatMap((page) =>
    examplesOfPage(page, readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8')),
  )
  test.each(pages.map((example) => [example.name, example] as const))('%s', async (_name, example) => {
    expect(await runExample(example, { ...kernel, ...gyre })).toEqual(example.promised)
  })

  test('every name in the tables of the pages that looks like ours is exported', () => {
    for (const page of ['coming-from-gevent', 'coming-from-tornado']) {
      const text = readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8')
      const ours = [...text.matchAll(/^\|[^|]*\|([^|]*)\|/gm)].map((match) => match[1] as string).join(' ')
      const called = [...ours.matchAll(/(?<![.\w])([a-zA-Z]+)\(/g)].map((match) => match[1] as string)
      expect(called.length).toBeGreaterThan(20)
      const known = (name: string): boolean => name in gyre || ['wsgi', 'f', 'work'].includes(name)
      expect(called.filter((name) => !known(name))).toEqual([])
    }
  })
})

test('so does that of spawnLater', async () => {
  const runtime = readFileSync(new URL('../../lib/io/runtime.ts', import.meta.url), 'utf8')
  const example = examplesOf('runtime.ts', runtime).find(({ code }) => code.includes('spawnLater'))
  expect(example).toBeDefined()
  if (example !== undefined) expect(await runExample(example, { ...kernel, ...gyre })).toEqual(['tea is ready'])
})

test('each exported function and class has a docstring with an example', () => {
  // These are handed out by something whose example shows them.
  const shownElsewhere = ['Held', 'Source', 'PeriodicCallback']
  const exported = new Set(
    [...readFileSync(`${room}index.ts`, 'utf8').matchAll(/^export \{ (.*?) \}/gm)].flatMap(([, names]) =>
      (names as string).split(', '),
    ),
  )
  const documented = new Set<string>()
  for (const path of readdirSync(room)) {
    const text = readFileSync(room + path, 'utf8')
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    for (const statement of source.statements) {
      if (!ts.isClassDeclaration(statement) && !ts.isFunctionDeclaration(statement)) continue
      const comment = text.slice(statement.getFullStart(), statement.getStart())
      if (statement.name !== undefined && comment.includes('@example')) documented.add(statement.name.text)
    }
  }
  expect(exported.size).toBeGreaterThan(25)
  expect([...exported].filter((name) => !documented.has(name) && !shownElsewhere.includes(name))).toEqual([])
})

test('an example that breaks its promise is found out', async () => {
  const [example] = examplesOf('x.ts', '/**\n * @example\n * ```ts\n * console.log(1 + 1) // 3\n * ```\n */')
  expect(example?.promised).toEqual(['3'])
  if (example !== undefined) expect(await runExample(example, { ...kernel, ...gyre })).toEqual(['2'])
})
