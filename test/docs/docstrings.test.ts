/*
 * Every public item says what it is, and every public function and class shows how it is used, in code that the
 * type checker takes. That the examples do what they say, examples.test.ts sees to.
 */
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { examplesBelow, moduleOf } from '../support/examples.ts'
import { ENTRY_POINTS, entryFor, exportsOf, programOf, publicItems } from '../support/public-items.ts'
import type { PublicItem } from '../support/public-items.ts'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const program = programOf()
const items = publicItems(program)
const lacking = (found: (item: PublicItem) => boolean): string[] =>
  items.filter(found).map(({ name, place }) => `${name} (${place})`)

test('the entry points are those of package.json', () => {
  expect(ENTRY_POINTS.map(({ name }) => name)).toContain('gyre/testing')
  expect(items.length).toBeGreaterThan(1000)
})

test('every public item has a docstring', () => {
  expect(lacking(({ kind, words }) => kind !== 'member' && words === '')).toEqual([])
})

test('so has every member of public classes and interfaces', () => {
  expect(lacking(({ kind, words }) => kind === 'member' && words === '')).toEqual([])
})

test('every public function and class has an example', () => {
  expect(lacking(({ kind, hasExample }) => kind === 'callable' && !hasExample)).toEqual([])
})

test('the examples are right in the eyes of the type checker', () => {
  const exported = new Map(ENTRY_POINTS.map((entry) => [entry, exportsOf(program, entry)]))
  const sourceOf = (path: string, name: string): string | undefined =>
    name === 'expect' ? 'vitest' : entryFor(path, name, (entry) => exported.get(entry)?.has(name) === true)?.file
  const examples = examplesBelow(at('../../lib/'))
  const modules = new Map(
    examples.map((example, index) => [
      at(`here/example-${index}.ts`),
      moduleOf(example, (name) => sourceOf(example.name, name)),
    ]),
  )
  const checked = programOf(modules)
  const faults = [...modules.keys()].flatMap((path, index) => {
    const source = checked.getSourceFile(path)
    const found = [...checked.getSyntacticDiagnostics(source), ...checked.getSemanticDiagnostics(source)]
    const name = examples[index]?.name ?? ''
    return found.map(({ messageText }) => `${name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`)
  })
  expect(examples.length).toBeGreaterThan(150)
  expect(faults).toEqual([])
}, 60_000)
