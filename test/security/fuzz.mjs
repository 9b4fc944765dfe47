/*
 * The long form of the fuzz tests: `npm run fuzz -- --minutes 10` runs each of them for so many minutes, and
 * `npm run fuzz -- --seed 123` with that seed. What is found is run again by the seed that is printed:
 * `GYRE_FUZZ_SEED=123 npm test -- fuzz`.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } } })
const minutes = Number(values.minutes)
const seed = values.seed === undefined ? undefined : Number(values.seed)
if (!(minutes > 0) || (seed !== undefined && !Number.isSafeInteger(seed))) {
  process.stderr.write('usage: npm run fuzz -- [--minutes <number>] [--seed <whole number>]\n')
  process.exit(2)
}
const env = { ...process.env, GYRE_FUZZ_MINUTES: String(minutes) }
if (seed !== undefined) env.GYRE_FUZZ_SEED = String(seed)
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))
const { status } = spawnSync(process.execPath, [vitest, 'run', 'fuzz'], { cwd: root, stdio: 'inherit', env })
process.exit(status ?? 1)
