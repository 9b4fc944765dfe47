/*
 * The table of bars: what is to be reached. One that is not reached is said, and fails nothing: figures are of the
 * machine that they are taken on.
 */
import { ONLY_STEP, SCENARIOS } from './scenarios.mjs'

const at = (scenario, server = SCENARIOS[scenario].base, step = ONLY_STEP) => ({ scenario, server, step })

/**
 * What is to be reached: a figure of one measurement, or its ratio to that of another, is to be at most or at least a
 * number. Figures: `cpu` and `p50`, `p99` in microseconds, `rate` in requests per second, `perConnection` in bytes.
 * `limit` names what stands in for ours to say how far it can be gone at all on a machine: a loop in C.
 */
export const BARS = [
  ...[
    ['uWebSockets.js', 1, 'C loop'],
    ['C loop', 1.6],
    ['node:http', 0.36, 'C loop'],
  ].map(([server, most, limit]) => ({ figure: 'cpu', of: at('hello'), against: at('hello', server), most, limit })),
  { figure: 'p50', of: at('hello-one'), against: at('hello-one', 'uWebSockets.js'), most: 1.1 },
  { figure: 'cpu', of: at('json'), against: at('json', 'uWebSockets.js'), most: 1.1, limit: 'C loop of JSON' },
  { figure: 'cpu', of: at('json', 'Fastify'), against: at('json'), least: 3, limit: 'C loop of JSON' },
  { figure: 'rate', of: at('pipelined'), against: at('pipelined', 'uWebSockets.js'), least: 1.1 },
  { figure: 'cpu', of: at('close', 'node:http'), against: at('close'), least: 2, limit: 'C loop that closes' },
  {
    figure: 'cpu',
    of: at('idle', 'Gyre', '64 beside 10,000'),
    against: at('idle', 'Gyre', '64 alone'),
    most: 1.05,
  },
  { figure: 'perConnection', of: at('idle', 'Gyre', '64 beside 10,000'), most: 1_200 },
  ...['64', '256', '1024', '4096'].map((step) => ({
    figure: 'cpu',
    of: at('growth', 'Gyre', step),
    against: at('growth', 'Gyre', '16'),
    most: 1.1,
    limit: 'C loop',
  })),
  ...['gevent pywsgi', 'Tornado WSGIContainer'].map((server) => ({
    figure: 'cpu',
    of: at('wsgi', server),
    against: at('wsgi'),
    least: 20,
    limit: 'C loop',
  })),
  { figure: 'cpu', of: at('wsgi'), against: at('wsgi', 'Gyre'), most: 1.15 },
  { figure: 'cpu', of: at('wsgi', 'Gyre WSGI threads'), against: at('wsgi'), most: 5 },
  { figure: 'rate', of: at('wsgi', 'Gyre WSGI threads'), against: at('wsgi', 'gunicorn gthread'), least: 3 },
  {
    figure: 'cpu',
    of: at('frameworks', 'Express on Gyre'),
    against: at('frameworks', 'Express on node:http'),
    most: 0.7,
  },
  { figure: 'cpu', of: at('frameworks', 'Gyre FetchResponse'), against: at('frameworks', 'Gyre'), most: 1.5 },
  { figure: 'cpu', of: at('frameworks', 'Fastify on Gyre'), against: at('frameworks', 'Fastify'), most: 0.7 },
  { figure: 'p99', of: at('beside', 'Gyre beside a thread', 'beside a thread'), most: 20_000 },
]

/** What one work may cost at most: a number of its unit, or times another. */
export const MICRO_BARS = [
  { of: 'switch between tasks', against: 'switch between async functions', most: 0.8 },
  { of: 'task spawned and ended', against: 'bare async call, awaited', most: 4 },
  { of: 'a million sleeping tasks', most: 600 },
]
