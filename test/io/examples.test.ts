/*
 * The examples in the docstrings of the room do what they say, and everything that it gives to users has one.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import * as kernel from '../../lib/entry/kernel.ts'
import * as gyre from '../../lib/index.ts'
import { examplesBelow, runExample } from '../support/examples.ts'

const room = fileURLToPath(new URL('../../lib/io/', import.meta.url))
const examples = examplesBelow(room)

describe('the examples of the room run, and print what they promise', () => {
  test.each(examples.map((example) => [example.name, example] as const))('%s', async (_name, example) => {
    expect(await runExample(example, { ...kernel, ...gyre })).toEqual(example.promised)
    // What a task of the example failed with, unobserved, would have set it.
    expect(process.exitCode ?? 0).toBe(0)
  })
})

test('each function and class for users has a docstring with an example', () => {
  // These are handed out by something whose example shows them.
  const shownElsewhere = ['Backdoor', 'OpenFile', 'Process', 'SignalSource', 'StreamServer', 'sharedThreads']
  // The way to write a loop over tries is shown where they are declared.
  const older = ['readSome', 'writeAll']
  const documented = new Set<string>()
  for (const path of readdirSync(room, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(room + path, 'utf8')
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    for (const statement of source.statements) {
      if (!ts.isClassDeclaration(statement) && !ts.isFunctionDeclaration(statement)) continue
      // The docstring of overloads stands before the first of them.
      const comment = text.slice(statement.getFullStart(), statement.getStart())
      if (statement.name !== undefined && comment.includes('@example')) documented.add(statement.name.text)
    }
  }
  const door = readFileSync(new URL('../../lib/index.ts', import.meta.url), 'utf8')
  const exported = [...(/export \{([^}]*)\} from '.\/io\/index.ts'/.exec(door)?.[1]?.matchAll(/\w+/g) ?? [])].map(
    String,
  )
  const own = exported.filter((name) => !/^[A-Z_]+$/.test(name))
  expect(own.length).toBeGreaterThan(18)
  expect(own.filter((name) => ![...documented, ...shownElsewhere, ...older].includes(name))).toEqual([])
})
