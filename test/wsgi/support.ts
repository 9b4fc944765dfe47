/*
 * The three ways as they are shipped: threads can only be started from what was built.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { Handler, LogEvent, Server, ServerOptions } from '../../lib/index.ts'
import type { ThreadedWsgi, WsgiOptions } from '../../lib/wsgi/index.ts'
import { RawClient } from '../support/client.ts'

const dist = new URL('../../dist/', import.meta.url).href
export const built = (await import(/* @vite-ignore */ `${dist}index.js`)) as typeof import('../../lib/index.ts')
export const builtWsgi = (await import(
  /* @vite-ignore */ `${dist}wsgi/index.js`
)) as typeof import('../../lib/wsgi/index.ts')

export const fixture = (name: string): URL => new URL(`fixtures/${name}`, import.meta.url)

const ends: (() => PromiseLike<unknown> | undefined)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** Something to undo after the test. */
export function afterwards(end: () => PromiseLike<unknown> | undefined): void {
  ends.push(end)
}

export interface Hosted {
  server: Server
  port: number
  url: string
  events: LogEvent[]
  connect: () => Promise<RawClient>
}

/** Serves a handler with the built package. */
export async function host(handler: Handler, options: ServerOptions = {}): Promise<Hosted> {
  const events: LogEvent[] = []
  const log = (event: LogEvent): void => {
    if (event.code !== 'GYRE_UNSAFE_LIMITS') events.push(event)
  }
  const server = built.createServer({ log, ...options }, handler)
  afterwards(() => server.close())
  const { port, url } = await server.listen({ port: 0, host: '127.0.0.1' })
  return {
    server,
    port,
    url,
    events,
    async connect() {
      const client = await RawClient.connect(port)
      afterwards(() => {
        client.close()
        return undefined
      })
      return client
    },
  }
}

/** Threads that end with the test. */
export function threads(module: URL, limits: NonNullable<WsgiOptions['limits']> = {}): ThreadedWsgi {
  const app = builtWsgi.wsgiThreads(module, { limits: { threads: 1, stopTime: 0, ...limits } })
  afterwards(() => app.close())
  return app
}

/** A file that applications write notes into. */
export function notes(): { path: string; read: () => string } {
  const folder = mkdtempSync(join(tmpdir(), 'gyre-test-'))
  afterwards(() => {
    rmSync(folder, { recursive: true, force: true })
    return undefined
  })
  const path = join(folder, 'notes')
  writeFileSync(path, '')
  return { path, read: () => readFileSync(path, 'utf8') }
}
