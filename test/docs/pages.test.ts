/*
 * The examples of the pages do what they say, and the names in their tables exist.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as handlers from '../../lib/handlers/index.ts'
import * as gyre from '../../lib/index.ts'
import { examplesOfPage, runExample } from '../support/examples.ts'

const textOf = (page: string): string => readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8')

describe('the examples of the pages run, and print what they promise', () => {
  const examples = ['tasks', 'fetch', 'coming-from-gevent', 'coming-from-tornado'].flatMap((page) =>
    examplesOfPage(page, textOf(page)),
  )
  test.for(examples.map((example) => [example.name, example] as const))('%s', async ([, example]) => {
    expect(await runExample(example, { ...gyre, ...handlers, Request, Response })).toEqual(example.promised)
  })
})

test('every name in the tables of the pages that looks like ours is exported', () => {
  for (const page of ['coming-from-gevent', 'coming-from-tornado']) {
    const ours = [...textOf(page).matchAll(/^\|[^|]*\|([^|]*)\|/gm)].map((match) => match[1] as string).join(' ')
    const called = [...ours.matchAll(/(?<![.\w])([a-zA-Z]+)\(/g)].map((match) => match[1] as string)
    expect(called.length).toBeGreaterThan(20)
    const known = (name: string): boolean => name in gyre || ['wsgi', 'f', 'work'].includes(name)
    expect(called.filter((name) => !known(name))).toEqual([])
  }
})
