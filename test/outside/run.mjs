/*
 * Runs a suite that others wrote against us: `npm run outside:llhttp`, `npm run outside:h1spec`. The suite is fetched
 * by git into .build/outside, or taken from a folder that holds it: `npm run outside:llhttp -- --from <folder>`.
 * Nothing of it is kept in this repository. Where we differ, docs/http1.md says why, case by case; a case that
 * differs and is not named there fails the run, and so does a name that no case needs.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const SUITES = {
  llhttp: { repository: 'https://github.com/nodejs/llhttp', at: 'v9.4.2', holds: 'test/request/sample.md' },
  h1spec: { repository: 'https://github.com/uNetworking/h1spec', at: 'master', holds: 'http_test.ts' },
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const [name, option, given] = process.argv.slice(2)
const suite = SUITES[name]
if (suite === undefined || (option !== undefined && (option !== '--from' || given === undefined))) {
  process.stderr.write(`usage: node test/outside/run.mjs ${Object.keys(SUITES).join('|')} [--from <folder>]\n`)
  process.exit(2)
}

/** @returns the folder that holds the suite */
function fetchSuite() {
  const folder = join(root, '.build/outside', `${name}-${suite.at}`)
  if (existsSync(join(folder, suite.holds))) return folder
  mkdirSync(join(root, '.build/outside'), { recursive: true })
  const args = ['clone', '--quiet', '--depth', '1', '--branch', suite.at, suite.repository, folder]
  process.stderr.write(`gyre: git ${args.join(' ')}\n`)
  spawnSync('git', args, { stdio: ['ignore', 2, 2], timeout: 120_000 })
  return folder
}

const folder = given === undefined ? fetchSuite() : resolve(given)
if (!existsSync(join(folder, suite.holds))) {
  process.stderr.write(
    `gyre: ${folder} does not hold ${suite.holds}. Where a clone cannot be made from here, make one elsewhere\n` +
      `  git clone --depth 1 --branch ${suite.at} ${suite.repository}\n` +
      `and give its folder: npm run outside:${name} -- --from <folder>\n`,
  )
  process.exit(1)
}

const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--config', 'test/outside/vitest.config.ts', `test/outside/${name}.outside.ts`],
  { cwd: root, stdio: 'inherit', env: { ...process.env, GYRE_OUTSIDE: folder } },
)
process.exit(status ?? 1)
