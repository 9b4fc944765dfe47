/*
 * What runs where. Whatever touches sockets runs on both kinds of io; the rest runs once.
 */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const onBothKinds = [
  ...['contracts', 'server', 'handlers', 'node-http', 'embedding', 'wsgi', 'e2e'].map(
    (room) => `test/${room}/**/*.test.ts`,
  ),
  'test/security/*.test.ts',
  'test/docs/examples.test.ts',
]
const lib = (path: string): string => fileURLToPath(new URL(`lib/${path}`, import.meta.url))
const alias = [
  { find: /^gyre$/, replacement: lib('index.ts') },
  { find: /^gyre\/(kernel|handlers)$/, replacement: lib('entry/$1.ts') },
  { find: /^gyre\/(protocol|node-http|wsgi|testing)$/, replacement: lib('$1/index.ts') },
]
const common = { pool: 'forks' as const, testTimeout: 30_000, execArgv: ['--expose-gc'] }

const kinds = process.env['GYRE_IO'] === undefined ? ['epoll', 'node'] : [process.env['GYRE_IO']]

export default defineConfig({
  resolve: { alias },
  test: {
    maxWorkers: 2,
    projects: [
      {
        resolve: { alias },
        test: { ...common, name: 'pure', include: ['test/**/*.test.ts'], exclude: onBothKinds },
      },
      ...kinds.map((io) => ({
        resolve: { alias },
        test: { ...common, name: io, include: onBothKinds, env: { GYRE_IO: io } },
      })),
    ],
  },
})
