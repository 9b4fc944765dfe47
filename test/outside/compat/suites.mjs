/*
 * The suites of others that must pass with our server in the place of node:http's: where each comes from, how it is
 * run, and how its results are read. Each is a folder below the one that is given by --from.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const reporter = fileURLToPath(new URL('node-test-reporter.mjs', import.meta.url))
const mochaReporter = fileURLToPath(new URL('mocha-reporter.cjs', import.meta.url))

/**
 * Every suite by name. `command` gives what is run in the suite's folder: `files` are those that were asked for, none
 * for all; results are written to `output`.
 */
export const SUITES = {
  node: {
    title: 'Node.js 20.19.2, test-http-*',
    holds: 'test/parallel/test-http-agent.js',
    from: 'the test folder of the source of Node.js 20.19.2: common, fixtures, parallel, sequential',
    each: true,
  },
  express: mocha('express 5.2.1', 'https://github.com/expressjs/express', 'v5.2.1', {
    args: ['--require', 'test/support/env', '--check-leaks'],
    files: ['test/', 'test/acceptance/'],
  }),
  fastify: {
    title: 'fastify 5.12.8',
    holds: 'fastify.js',
    pack: 'fastify@5.12.8',
    seconds: 900,
    command: (folder, files, output) => [
      ...[process.execPath, '--test', '--test-concurrency=1', '--test-timeout=60000'],
      ...[`--test-reporter=${reporter}`, `--test-reporter-destination=${output}`],
      ...(files.length > 0 ? files : thoseThatListen(folder)),
    ],
    read: readLines,
  },
  ws: mocha('ws 8.21.0', 'https://github.com/websockets/ws', '8.21.0', {
    args: ['--throw-deprecation', '--timeout', '20000'],
    files: ['test/*.test.js'],
  }),
  'node-server': {
    title: '@hono/node-server 2.0.11',
    holds: 'package.json',
    repository: 'https://github.com/honojs/node-server',
    at: 'v2.0.11',
    seconds: 300,
    command: (folder, files, output) => [
      ...[process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--pool=forks', '--maxWorkers=1'],
      ...['--reporter=json', `--outputFile=${output}`, ...files],
    ],
    read: readVitest,
  },
  connect: mocha('connect 3.7.0', 'https://github.com/senchalabs/connect', '3.7.0', {
    args: ['--require', 'test/support/env', '--check-leaks'],
    files: ['test/'],
  }),
  send: mocha('send 1.2.1', 'https://github.com/pillarjs/send', '1.2.1', { args: ['--check-leaks'], files: [] }),
  'serve-static': mocha('serve-static 2.2.1', 'https://github.com/expressjs/serve-static', 'v2.2.1', {
    args: ['--check-leaks'],
    files: ['test/'],
  }),
  compression: mocha('compression 1.8.1', 'https://github.com/expressjs/compression', 'v1.8.1', {
    args: ['--check-leaks'],
    files: [],
  }),
}

function mocha(title, repository, at, { args, files: all }) {
  return {
    title,
    holds: 'package.json',
    repository,
    at,
    seconds: 300,
    command: (folder, files) => [
      ...[process.execPath, mochaIn(folder), ...args, '--exit', '--reporter', mochaReporter],
      ...(files.length > 0 ? files : all),
    ],
    read: readLines,
  }
}

/** Where its program lies differs from one major version to the next. */
function mochaIn(folder) {
  const { bin } = JSON.parse(readFileSync(join(folder, 'node_modules/mocha/package.json'), 'utf8'))
  return join('node_modules/mocha', typeof bin === 'string' ? bin : bin.mocha)
}

/** Those of fastify's tests in which a server listens: the others inject and never meet one. */
function thoseThatListen(folder) {
  return readdirSync(join(folder, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.js'))
    .map((path) => join('test', path))
    .filter((path) => readFileSync(join(folder, path), 'utf8').includes('.listen('))
    .sort()
}

/**
 * Node's own tests in which an HTTP server is made; those with servers of `net` alone try clients.
 *
 * @returns paths below the suite's folder
 */
export function nodeTests(folder) {
  const ofServers = /(?<!\bnet)\.createServer\b|(?<!\bnet)\.Server\(|(?<![.\w])(createServer|Server)\(/
  return readdirSync(join(folder, 'test/parallel'))
    .filter((name) => /^test-http-.*\.m?js$/.test(name))
    .map((name) => join('test/parallel', name))
    .filter((path) => ofServers.test(readFileSync(join(folder, path), 'utf8')))
    .sort()
}

const state = (passed, skipped) => (skipped ? 'skipped' : passed ? 'passed' : 'failed')

function readVitest(output, folder) {
  const { testResults } = JSON.parse(readFileSync(output, 'utf8'))
  return testResults.flatMap(({ name: file, message, assertionResults }) =>
    assertionResults.length === 0
      ? [{ file: below(folder, file), name: '(the file)', state: 'failed', why: message }]
      : assertionResults.map(({ fullName, status, failureMessages }) => ({
          file: below(folder, file),
          name: fullName,
          state: state(status === 'passed', status === 'pending' || status === 'skipped' || status === 'todo'),
          why: (failureMessages ?? []).join('\n'),
        })),
  )
}

function readLines(output) {
  if (!existsSync(output)) return []
  return readFileSync(output, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

function below(folder, file) {
  return file !== undefined && file.startsWith(`${folder}/`) ? file.slice(folder.length + 1) : (file ?? '')
}
