/*
 * The outside suites, by themselves: `npm test` needs no network.
 */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('../..', import.meta.url))

export default defineConfig({
  root,
  test: { pool: 'forks', testTimeout: 30_000, include: ['test/outside/*.outside.ts'] },
})
