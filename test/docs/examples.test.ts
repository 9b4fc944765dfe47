/*
 * The examples in the docstrings of the whole library do what they say, on the package as users have it: built. That
 * there is one for everything public, docstrings.test.ts sees to.
 */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { examplesBelow, examplesOf, runExample } from '../support/examples.ts'
import { ENTRY_POINTS, entryFor } from '../support/public-items.ts'
import type { EntryPoint } from '../support/public-items.ts'

const examples = examplesBelow(fileURLToPath(new URL('../../lib/', import.meta.url)))
const exported = new Map<EntryPoint, Record<string, unknown>>()
// To import `register` puts our server into the place of Node's.
for (const entry of ENTRY_POINTS.filter(({ name }) => name !== 'gyre/node-http/register'))
  exported.set(entry, (await import(/* @vite-ignore */ entry.built)) as Record<string, unknown>)

/** @returns what is in scope of an example */
function namesFor(path: string): Record<string, unknown> {
  const names: Record<string, unknown> = { expect }
  for (const name of [...exported.values()].flatMap((module) => Object.keys(module))) {
    const entry = entryFor(path, name, (one) => name in (exported.get(one) ?? {}))
    if (entry !== undefined) names[name] = exported.get(entry)?.[name]
  }
  return names
}

/** What waits for descriptors of any kind. */
const needsEpoll = /\bwait(?:Readable|Writable)\(/

describe('the examples of docstrings run, and print what they promise', () => {
  test.for(examples.map((example) => [example.name, example] as const))('%s', async ([, example], { skip }) => {
    skip(needsEpoll.test(example.code) && process.env['GYRE_IO'] === 'node', 'it needs epoll')
    expect(await runExample(example, namesFor(example.name))).toEqual(example.promised)
    // What a task of the example failed with, unobserved, would have set it.
    expect(process.exitCode ?? 0).toBe(0)
  })
})

test('an example that breaks its promise is found out', async () => {
  const [example] = examplesOf('x.ts', '/**\n * @example\n * ```ts\n * console.log(1 + 1) // 3\n * ```\n */')
  expect(example?.promised).toEqual(['3'])
  if (example !== undefined) expect(await runExample(example, namesFor(example.name))).toEqual(['2'])
})
