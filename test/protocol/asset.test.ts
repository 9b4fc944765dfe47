import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

test.each([
  ['llhttp.asset.ts', 'make-llhttp-asset.mjs', 'what the pinned package holds'],
  ['recorder.asset.ts', 'make-wat-asset.mjs recorder', 'made of recorder.wat'],
  ['scanner.asset.ts', 'make-wat-asset.mjs scanner', 'made of scanner.wat'],
])('%s is what %s makes: %s', (asset, maker) => {
  const [script, ...words] = maker.split(' ')
  const made = execFileSync(process.execPath, [at(`.ci/${script}`), ...words, '--print'], { encoding: 'utf8' })
  expect(readFileSync(at(`lib/protocol/http1/${asset}`), 'utf8')).toBe(made)
})
