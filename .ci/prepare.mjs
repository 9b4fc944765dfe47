/*
 * Installs what is missing and builds what is stale, so that `npm start` and `npm test` work on a fresh
 * checkout. Needs nothing but Node. `node .ci/prepare.mjs examples` builds the examples too.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = join(root, 'node_modules/.gyre-installed')

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}

/** Installs by the lock file, unless that was done for this very lock file. */
export function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  process.stderr.write('gyre: installing what is missing (npm ci)\n')
  // Nothing here needs an install script: koffi brings its binary along.
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])
  writeFileSync(stamp, lock)
}

/** Compiles what has changed. */
export function build(withExamples) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  mkdirSync(join(root, '.build'), { recursive: true })
  run(process.execPath, [tsc, '-b', withExamples ? 'examples' : '.'])
}

install()
build(process.argv.includes('examples'))
