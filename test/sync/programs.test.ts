/*
 * The programs of examples/tasks print what they say at their end. `npm test` has built them.
 */
import { execFile } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = `${root}examples/tasks/`

test.each(readdirSync(folder))('%s', async (file) => {
  const text = readFileSync(folder + file, 'utf8')
  expect(text.split('\n').length).toBeLessThan(62)
  expect(text).toMatch(/^\/\*\n \* [A-Z]/)
  const promised = /\n\/\* Prints:\n([^]*?) \*\/\n$/.exec(text)?.[1]
  const { stdout, stderr } = await run(process.execPath, [
    `${root}.build/examples/tasks/${file.replace(/\.ts$/, '.js')}`,
  ])
  expect(stderr).toBe('')
  expect(stdout).toBe(promised?.replace(/^ \* /gm, ''))
})
