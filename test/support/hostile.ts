/*
 * A hostile client and, beside it, a good one that must not notice: for tests that name a line of the checklist.
 */
import { expect } from 'vitest'
import type { Handler, ServerOptions } from '../../lib/index.ts'
import { Server } from '../../lib/server/index.ts'
import { Client, talkOver } from '../../lib/testing/client.ts'
import { VirtualHost, memoryPair } from '../../lib/testing/index.ts'
import { nursery, sleep } from '../../lib/kernel/index.ts'
import { answers } from './client.ts'
import type { RawClient } from './client.ts'
import { eventually, serve } from './serve.ts'
import type { Served } from './serve.ts'

/** What must never be served: it stands in or behind what is refused. */
export const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n'

/** A request with what every request needs. @param lines - fields besides, without line ends */
export function request(lines: readonly string[] = [], body = '', path = '/', method = 'POST'): string {
  return `${[`${method} ${path} HTTP/1.1`, 'Host: a', ...lines].join('\r\n')}\r\n\r\n${body}`
}

/** A site that is attacked while a good client uses it. */
export interface Besieged extends Served {
  /** The paths that were served, those of the good client left out. */
  readonly paths: string[]
  /** The good client asks once more, and is answered. */
  unharmed(): Promise<void>
}

const GOOD = 'GET /good HTTP/1.1\r\nHost: good\r\n\r\n'

/** @param handler - answers all but the good client; without it the body is read and its size told */
export async function besiege(handler: Handler = readAll, options: ServerOptions = {}): Promise<Besieged> {
  const paths: string[] = []
  const served = await serve((request, response) => {
    if (request.path === '/good') return response.text('good')
    paths.push(request.path)
    return handler(request, response)
  }, options)
  const good: RawClient = await served.connect()
  let asked = 0
  const unharmed = async (): Promise<void> => {
    asked++
    good.send(GOOD)
    await good.until((text) => text.split('good').length > asked)
    expect(answers(good.text).map(({ status, body }) => `${status} ${body}`)).toEqual(
      Array.from({ length: asked }, () => '200 good'),
    )
  }
  await unharmed()
  return { ...served, paths, unharmed }
}

/** Reads all of the body and tells its size; of what is asked for by `/ignore`, nothing. */
export const readAll: Handler = function* (request, response) {
  response.text(request.path === '/ignore' ? 'ignored' : String((yield* request.bytes()).length))
}

/** What a server answers to bytes that come on a connection of their own, whole or byte by byte, until it ends it. */
export async function statuses(site: Served, bytes: string, byteWise = false): Promise<number[]> {
  const client = await site.connect({ allowHalfOpen: true })
  if (byteWise) await client.dribble(bytes)
  else client.send(bytes)
  const text = await client.end()
  client.close()
  return answers(text).map(({ status }) => status)
}

/** When all hostile clients have gone, only the good one is left. */
export async function onlyGoodIsLeft({ server }: Served): Promise<void> {
  await eventually(() => server.statistics().connections === 1, 'the end of every other connection')
  expect(server.statistics()).toMatchObject({ running: 0, outputHeld: 0 })
}

/**
 * What a server answers to bytes that are cut in two, for every place to cut them at, over streams in memory.
 *
 * @returns the different lists of statuses, which should be one
 */
export async function statusesOfCuts(bytes: string, handler: Handler = readAll): Promise<string[]> {
  const host = new VirtualHost()
  const paths = new Set<string>()
  const server = new Server(host.kernel, { log: false }, (request, response) => {
    paths.add(request.path)
    return handler(request, response)
  })
  const all = new Set<string>()
  const talk = (at: number) => {
    const [stream, serverEnd] = memoryPair()
    const client = new Client(stream)
    return () =>
      talkOver(client, function* () {
        server.serve(serverEnd)
        yield* client.send(bytes.slice(0, at))
        yield* sleep(1)
        yield* client.send(bytes.slice(at))
        yield* client.end()
        all.add(client.answers.map(({ status }) => status).join(' '))
      })
  }
  await host.run(() =>
    nursery(function* (lanes) {
      for (let at = 0; at < bytes.length; at++) lanes.spawn(talk(at))
    }),
  )
  expect([...paths]).not.toContain('/hidden')
  return [...all]
}
