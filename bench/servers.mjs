/*
 * The table of servers: how each is started, and what must be there for it. A command is given the port; `needs` names
 * a program, a module of Python or a package that is fetched, and what to install where it is missing.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { browserFields } from './load/browser.mjs'
import { HELLO, STREAM_SIZE, TEXT, jsonPage, wholeAnswer } from './servers/site.mjs'

const here = (file) => fileURLToPath(new URL(`servers/${file}`, import.meta.url))
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'
/** Where programs that are made or fetched for a run lie. */
const scratch = mkdtempSync(join(tmpdir(), 'gyre-bench-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))

const node = (file, ...args) => ({
  /** It collects its garbage at SIGUSR2. */
  collects: true,
  command: (port) => [process.execPath, '--expose-gc', '--import', here('collect.mjs'), here(file), ...args, port],
})
const python = (debian, module, name) => ({
  needs: { module, debian },
  command: (port) => [PYTHON, here('hello.py'), name, port],
})
/** @param name - of the answer's file */
const cLoop = (name, answer, ...flags) => ({
  needs: { program: 'gcc', debian: 'gcc' },
  prepare: () => {
    writeFileSync(join(scratch, name), answer())
    execFileSync('gcc', ['-O2', '-o', join(scratch, 'c-loop'), here('c-loop.c')])
  },
  command: (port) => [join(scratch, 'c-loop'), port, join(scratch, name), ...flags],
  version: () => told('gcc', '-dumpfullversion'),
})

export const SERVERS = {
  Gyre: { ours: true, ...node('gyre.mjs', 'native') },
  'node:http': node('node-apps.mjs', 'listener', 'node:http'),
  Fastify: { package: 'fastify', ...node('node-apps.mjs', 'fastify', 'node:http') },
  'uWebSockets.js': { package: '@trufflesuite/uws-js-unofficial', ...node('uws.mjs') },
  Bun: {
    needs: { fetched: 'bun' },
    command: (port) => [bunProgram(), here('bun.mjs'), port],
    version: () => told(bunProgram(), '--version'),
  },
  'C loop': cLoop('hello', () => wholeAnswer(HELLO, TEXT)),
  'C loop that closes': cLoop('last', () => wholeAnswer(HELLO, TEXT, 'Connection: close\r\n'), 'last'),
  'C loop of JSON': cLoop('json', () => {
    const fields = browserFields()
    return wholeAnswer(JSON.stringify(jsonPage((name) => fields.get(name))), 'application/json')
  }),
  nginx: {
    needs: { program: 'nginx', debian: 'nginx' },
    prepare: () => writeFileSync(join(scratch, 'stream'), Buffer.alloc(STREAM_SIZE, 'x')),
    command: (port) => {
      const file = join(scratch, `nginx-${port}.conf`)
      const user = process.getuid() === 0 ? 'user root;\n' : ''
      const text = readFileSync(here('nginx.conf'), 'utf8').replaceAll('PORT', port).replaceAll('SCRATCH', scratch)
      writeFileSync(file, user + text)
      return ['nginx', '-e', 'stderr', '-p', scratch, '-c', file]
    },
    version: () => /nginx\/(\S+)/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr)?.[1],
  },

  'Gyre WSGI inline': { ours: true, ...node('gyre.mjs', 'inline') },
  'Gyre WSGI generator': { ours: true, ...node('gyre.mjs', 'generator') },
  'Gyre WSGI threads': { ours: true, ...node('gyre.mjs', 'threads') },
  'gunicorn gthread': {
    needs: { module: 'gunicorn', debian: 'gunicorn' },
    command: (port) =>
      `${PYTHON} -m gunicorn --chdir ${here('')} -b 127.0.0.1:${port} -k gthread --threads 4 --log-level critical hello:app`.split(
        ' ',
      ),
  },
  waitress: python('python3-waitress', 'waitress', 'waitress'),
  'gevent pywsgi': python('python3-gevent', 'gevent', 'gevent'),
  'Tornado WSGIContainer': python('python3-tornado', 'tornado', 'tornado'),
  uWSGI: {
    /** It says nothing of the end of its answers' connections: wrk counts each as an error of reading. */
    endsConnections: true,
    needs: { program: 'uwsgi_python3', debian: 'uwsgi-core and uwsgi-plugin-python3' },
    command: (port) =>
      `uwsgi_python3 --http-socket 127.0.0.1:${port} --chdir ${here('')} --module hello:app --threads 4 --disable-logging --die-on-term`.split(
        ' ',
      ),
    version: () => told('uwsgi_python3', '--version'),
  },

  'Gyre fetch-style': { ours: true, ...node('gyre.mjs', 'fetch') },
  'Gyre FetchResponse': { ours: true, ...node('gyre.mjs', 'fetch-response') },
  'listener on Gyre': { ours: true, ...node('node-apps.mjs', 'listener', 'gyre') },
  'Express on Gyre': { ours: true, package: 'express', ...node('node-apps.mjs', 'express', 'gyre') },
  'Express on node:http': { package: 'express', ...node('node-apps.mjs', 'express', 'node:http') },
  'Fastify on Gyre': { ours: true, package: 'fastify', ...node('node-apps.mjs', 'fastify', 'gyre') },
  'Koa on Gyre': { ours: true, package: 'koa', ...node('node-apps.mjs', 'koa', 'gyre') },
  'Koa on node:http': { package: 'koa', ...node('node-apps.mjs', 'koa', 'node:http') },

  /** On any core, because its thread is to have one of its own. */
  'Gyre beside a thread': { ours: true, anyCore: true, ...node('gyre.mjs', 'beside') },
}

/** @returns whether a program is in the path */
export const has = (program) => spawnSync('which', [program]).status === 0

const told = (program, ...args) => spawnSync(program, args, { encoding: 'utf8' }).stdout?.trim()

/** Bun brings its program inside a package for each system; its install script only moves it. */
const bunProgram = () => join(scratch, 'node_modules/@oven', `bun-linux-${process.arch}`, 'bin/bun')
const FETCHED = {
  bun: () => {
    process.stderr.write('fetching bun, which is large\n')
    execFileSync('npm', ['i', '--prefix', scratch, '--ignore-scripts', '--silent', 'bun'], { stdio: 'inherit' })
    return existsSync(bunProgram())
  },
}

/**
 * Makes a server ready to be started.
 *
 * @param name - one of the table
 * @param fetched - what may be fetched
 * @returns undefined where it can be started, otherwise why not
 */
export function prepare(name, fetched) {
  const { needs = {}, prepare: make } = SERVERS[name]
  if (needs.fetched !== undefined) {
    if (!fetched.includes(needs.fetched)) return `it is fetched only when asked for: --with ${needs.fetched}`
    if (!FETCHED[needs.fetched]()) return `${needs.fetched} could not be fetched`
  }
  if (needs.program !== undefined && !has(needs.program)) return `apt-get install ${needs.debian}`
  if (needs.module !== undefined && spawnSync(PYTHON, ['-c', `import ${needs.module}`]).status !== 0)
    return `apt-get install ${needs.debian}`
  make?.()
}

const PYTHON_VERSION = 'import sys, importlib.metadata as m; print(m.version(sys.argv[1]))'

/** @returns the version of what a server is made of; undefined for what comes with Node or with us */
export function versionOf(name) {
  const { version, package: package_, needs } = SERVERS[name]
  if (version !== undefined) return version()
  if (needs?.module !== undefined) return told(PYTHON, '-c', PYTHON_VERSION, needs.module)
  if (package_ === undefined) return undefined
  const manifest = new URL(`../node_modules/${package_}/package.json`, import.meta.url)
  return JSON.parse(readFileSync(manifest, 'utf8')).version
}
