/*
 * The table of scenarios.
 *
 * A scenario names its servers; `base` is the one that the others are compared with. Its steps are measured one after
 * another in the same process of the server; most have one, with 64 keep-alive connections.
 *
 *   page, body, browser, close, pipeline   what is asked, how many bytes are sent, with which fields and how
 *   connections                            how many are busy
 *   idle                                   how many have asked once and idle beside them
 *   aside                                  a page that is asked once while the others are
 */
const OPEN = ['Gyre', 'uWebSockets.js', 'node:http', 'Fastify', 'Bun']

export const SCENARIOS = {
  hello: {
    title: 'hello, 64 keep-alive connections',
    servers: ['C loop', ...OPEN, 'nginx', 'listener on Gyre'],
    base: 'Gyre',
    page: '/',
  },
  'hello-one': {
    title: 'hello, one connection',
    servers: ['C loop', ...OPEN, 'nginx'],
    base: 'Gyre',
    page: '/',
    connections: 1,
  },
  json: {
    title: 'JSON, with the header of a browser',
    servers: ['C loop of JSON', ...OPEN],
    base: 'Gyre',
    page: '/json',
    browser: true,
  },
  'post-1k': { title: 'POST of 1 KB', servers: OPEN, base: 'Gyre', page: '/upload', body: 1024 },
  'post-64k': { title: 'POST of 64 KB', servers: OPEN, base: 'Gyre', page: '/upload', body: 65_536 },
  stream: {
    title: 'stream of 10 MB, 8 connections',
    servers: [...OPEN, 'nginx'],
    base: 'Gyre',
    page: '/stream',
    connections: 8,
  },
  pipelined: {
    title: 'hello, 16 requests in one piece',
    servers: [...OPEN, 'nginx'],
    base: 'Gyre',
    page: '/',
    pipeline: 16,
  },
  close: {
    title: 'a connection for each request',
    servers: ['C loop that closes', ...OPEN, 'nginx'],
    base: 'Gyre',
    page: '/last',
    close: true,
  },
  idle: {
    title: 'hello, 10,000 idle connections beside 64 busy ones',
    servers: ['Gyre', 'uWebSockets.js', 'node:http', 'nginx'],
    base: 'Gyre',
    page: '/',
    steps: { '64 alone': {}, '64 beside 10,000': { idle: 10_000 } },
  },
  growth: {
    title: 'hello, more and more connections',
    servers: ['C loop', 'Gyre', 'uWebSockets.js'],
    base: 'Gyre',
    page: '/',
    steps: Object.fromEntries([16, 64, 256, 1024, 4096].map((connections) => [String(connections), { connections }])),
  },
  wsgi: {
    title: 'WSGI hello, the server with all its threads and processes on one core',
    servers: [
      ...['C loop', 'Gyre', 'Gyre WSGI inline', 'Gyre WSGI generator', 'Gyre WSGI threads'],
      ...['gunicorn gthread', 'waitress', 'gevent pywsgi', 'Tornado WSGIContainer', 'uWSGI'],
    ],
    base: 'Gyre WSGI inline',
    page: '/',
  },
  frameworks: {
    title: 'hello through a framework',
    servers: [
      ...['Gyre', 'Gyre FetchResponse', 'Gyre fetch-style', 'listener on Gyre', 'node:http'],
      ...['Express on Gyre', 'Express on node:http', 'Fastify on Gyre', 'Fastify', 'Koa on Gyre', 'Koa on node:http'],
    ],
    base: 'node:http',
    page: '/',
  },
  beside: {
    title: 'hello, beside a thread of the same process that computes; four connections',
    servers: ['Gyre beside a thread'],
    base: 'Gyre beside a thread',
    page: '/',
    connections: 4,
    steps: { alone: {}, 'beside a thread': { aside: '/compute' } },
  },
}

/** The step of scenarios that have one. */
export const ONLY_STEP = 'all'

/** @returns the steps of a scenario by name, each with all that it is measured by */
export function stepsOf(name) {
  const { steps = { [ONLY_STEP]: {} }, ...common } = SCENARIOS[name]
  return Object.entries(steps).map(([step, own]) => [step, { connections: 64, ...common, ...own }])
}
