/*
 * The channels of node:diagnostics_channel: what happens to a request, in order.
 */
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sleep } from '../../lib/index.ts'
import type { ErrorMessage, FinishMessage, Handler, RequestMessage } from '../../lib/index.ts'
import { eventually, serve } from '../support/serve.ts'

const NAMES = ['start', 'headSent', 'error', 'finish'] as const
let log: string[] = []

const listeners = NAMES.map((name) => {
  const listener = (message: unknown): void => {
    const { request } = message as RequestMessage
    if (name === 'error') log.push(`${name} ${request.path} ${String((message as ErrorMessage).error)}`)
    else if (name === 'finish')
      log.push(`${name} ${request.path} ${(message as FinishMessage).outcome} ${(message as FinishMessage).status}`)
    else log.push(`${name} ${request.path} ${(message as RequestMessage).response.status}`)
  }
  return [`gyre.request.${name}`, listener] as const
})
beforeEach(() => {
  log = []
  for (const [name, listener] of listeners) subscribe(name, listener)
})
afterEach(() => {
  for (const [name, listener] of listeners) unsubscribe(name, listener)
})

const site: Handler = function* (request, response) {
  if (request.path === '/fail') throw new Error('on purpose')
  if (request.path === '/sleep') yield* sleep(60_000)
  if (request.path === '/stream') {
    response.status = 201
    yield* response.write('a')
    yield* response.write('b')
  } else response.text('x', 202)
}
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

test('start, head and finish of an answer in one piece, of a stream, and of a failure', async () => {
  const { connect } = await serve(site, { limits: { requestsPerConnection: 3 } })
  const client = await connect()
  await client.send(get('/one') + get('/stream') + get('/fail')).end()
  await eventually(() => log.length === 10)
  expect(log).toEqual([
    'start /one 200',
    'headSent /one 202',
    'finish /one ok 202',
    'start /stream 200',
    'headSent /stream 201',
    'finish /stream ok 201',
    'start /fail 200',
    'error /fail Error: on purpose',
    'headSent /fail 500',
    'finish /fail failed 500',
  ])
})

test('a client that goes', async () => {
  const { connect, server } = await serve(site)
  const client = await connect()
  client.send(get('/sleep'))
  await eventually(() => server.statistics().running === 1)
  client.close()
  await eventually(() => log.length === 3)
  expect(log).toEqual(['start /sleep 200', expect.stringMatching(/^error \/sleep .*/), 'finish /sleep gone 0'])
})

test('nobody listens as a rule', () => {
  for (const [name, listener] of listeners) {
    unsubscribe(name, listener)
    expect(channel(name).hasSubscribers).toBe(false)
  }
})
