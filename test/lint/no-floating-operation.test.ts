import { fileURLToPath } from 'node:url'
import { RuleTester } from 'eslint'
import { afterAll, describe, test } from 'vitest'
import tseslint from 'typescript-eslint'
// @ts-expect-error -- the rule is JavaScript, so that the linter can load it as it is
import rule from '../../.ci/lint/no-floating-operation.js'

Object.assign(RuleTester, { afterAll, describe, it: test })

const root = fileURLToPath(new URL('../..', import.meta.url))
const tester = new RuleTester({
  languageOptions: {
    parser: tseslint.parser,
    parserOptions: {
      project: `${root}/test/tsconfig.json`,
      tsconfigRootDir: root,
      // In CI the parser would read the file from the disk once, and not the code of each case.
      disallowAutomaticSingleRunInference: true,
    },
  },
})

const head = `import { nursery, sleep, spawn } from 'gyre'; import type { Response } from 'gyre';\n`
const filename = fileURLToPath(import.meta.url)
const valid = [
  'function* a() { yield* sleep(1) }',
  'spawn(sleep(1))',
  'const later = sleep(1)',
  'async function b(response: Response) { await response.write("x") }',
  'function* c(response: Response) { response.text("x"); yield* response.write("y") }',
  'function* d(flag: boolean) { flag && (yield* sleep(1)) }',
  'function* plain() { yield 1 }\nplain()',
  '[1][Symbol.iterator]()',
  'function e() { return sleep(1) }',
]
const invalid: [code: string, fixed?: string, by?: string][] = [
  ['function* a() { sleep(1) }', 'function* a() { yield* sleep(1) }', 'addYield'],
  [
    'async function b(response: Response) { response.write("x") }',
    'async function b(response: Response) { await response.write("x") }',
    'addAwait',
  ],
  ['function c(response: Response) { response.write("x") }'],
  [
    'function* d() { nursery(function* (children) { children.spawn(sleep(1)) }) }',
    'function* d() { yield* nursery(function* (children) { children.spawn(sleep(1)) }) }',
    'addYield',
  ],
  ['function* mine() { yield* sleep(1) }\nmine()'],
  ['function e(flag: boolean) { flag && sleep(1) }'],
  ['function f(flag: boolean) { flag ? sleep(1) : undefined }'],
  ['void sleep(1)'],
  ['sleep(1), spawn(sleep(2))'],
]

tester.run('no-floating-operation', rule as never, {
  valid: valid.map((code) => ({ code: head + code, filename })),
  invalid: invalid.map(([code, fixed, messageId]) => ({
    code: head + code,
    filename,
    errors: [
      {
        messageId: 'floating',
        suggestions: fixed === undefined ? [] : [{ messageId: messageId as string, output: head + fixed }],
      },
    ],
  })),
})
