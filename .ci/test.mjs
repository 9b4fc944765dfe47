/*
 * `npm test`: prepares, then runs the tests. What follows `npm test --` goes to vitest.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
process.argv.push('examples')
await import('./prepare.mjs')

const args = process.argv.slice(2).filter((arg) => arg !== 'examples')
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
const { status } = spawnSync(process.execPath, [vitest, 'run', ...args], { cwd: root, stdio: 'inherit' })
process.exit(status ?? 1)
