import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

test.each([
  ['llhttp.asset.ts', 'make-llhttp-asset.mjs', 'what the pinned package holds'],
  ['recorder.asset.ts', 'make-recorder-asset.mjs', 'made of recorder.wat'],
])('%s is what %s makes: %s', (asset, maker) => {
  const made = execFileSync(process.execPath, [at(`.ci/${maker}`), '--print'], { encoding: 'utf8' })
  expect(readFileSync(at(`lib/protocol/http1/${asset}`), 'utf8')).toBe(made)
})
