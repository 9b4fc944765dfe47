/*
 * `npm run outside:compat:fetch -- <folder>`: brings the suites of `npm run outside:compat` into a folder that is no part
 * of this repository, and installs what each needs to run. What is there already is left alone; what cannot be had
 * from here is named, with the command that brings it.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { SUITES } from './suites.mjs'

const [given] = process.argv.slice(2)
if (given === undefined) {
  process.stderr.write('usage: npm run outside:compat:fetch -- <folder>\n')
  process.exit(2)
}
const into = resolve(given)
mkdirSync(into, { recursive: true })

function run(command, args, cwd = into) {
  process.stderr.write(`gyre: ${command} ${args.join(' ')}\n`)
  const { status } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2], timeout: 600_000 })
  return status === 0
}

/** The source of Node.js from Debian: `apt-get` with lists and sources of its own, so that nothing of the system changes. */
function fetchNode(folder) {
  if (spawnSync('which', ['apt-get']).status !== 0) return
  const apt = join(into, '.apt')
  mkdirSync(join(apt, 'lists/partial'), { recursive: true })
  const sources = join(apt, 'sources.list')
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  const line = `deb-src [signed-by=${keyring}] http://deb.debian.org/debian trixie main`
  run('sh', ['-c', 'printf "%s\\n" "$1" > "$2"', 'sh', line, sources])
  const own = [`Dir::Etc::sourcelist=${sources}`, 'Dir::Etc::sourceparts=-', `Dir::State::Lists=${join(apt, 'lists')}`]
  const options = own.flatMap((option) => ['-o', option])
  if (!run('apt-get', ['-qq', ...options, 'update'], apt)) return
  if (!run('apt-get', ['-qq', ...options, 'source', '--download-only', 'nodejs'], apt)) return
  const archive = readdirSync(apt).find((name) => name.endsWith('.orig.tar.xz'))
  if (archive === undefined) return
  mkdirSync(folder, { recursive: true })
  const wanted = ['common*', 'parallel/*http*', 'sequential', 'fixtures'].map((name) => `*/test/${name}`)
  run('tar', ['-xJf', join(apt, archive), '-C', folder, '--strip-components=1', '--wildcards', ...wanted])
}

function fetchPacked(folder, name) {
  if (!run('npm', ['pack', '--silent', name])) return
  const archive = readdirSync(into).find((file) => file === `${name.replace('@', '-')}.tgz`)
  if (archive === undefined) return
  mkdirSync(folder, { recursive: true })
  run('tar', ['-xzf', archive, '-C', folder, '--strip-components=1'])
}

const missing = []
for (const [name, { holds, repository, at, pack, from }] of Object.entries(SUITES)) {
  const folder = join(into, name)
  const isThere = () => existsSync(join(folder, holds))
  if (!isThere()) {
    if (repository !== undefined)
      run('git', [
        '-c',
        'advice.detachedHead=false',
        'clone',
        '--quiet',
        '--depth',
        '1',
        '--branch',
        at,
        repository,
        name,
      ])
    else if (pack !== undefined) fetchPacked(folder, pack)
    else fetchNode(folder)
  }
  if (!isThere()) {
    missing.push(`${folder}: ${repository === undefined ? (pack ?? from) : `${repository} at ${at}`}`)
    continue
  }
  if (!existsSync(join(folder, 'package.json')) || existsSync(join(folder, 'node_modules'))) continue
  run(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'],
    folder,
  )
}
for (const what of missing) process.stderr.write(`gyre: missing ${what}\n`)
process.exit(missing.length > 0 ? 1 : 0)
