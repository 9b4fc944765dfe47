import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

test('the asset that is shipped is what the pinned package holds', () => {
  const made = execFileSync(process.execPath, [at('.ci/make-llhttp-asset.mjs'), '--print'], { encoding: 'utf8' })
  expect(readFileSync(at('lib/protocol/http1/llhttp.asset.ts'), 'utf8')).toBe(made)
})
