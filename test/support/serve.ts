/*
 * Starts a server for one test, and sees that nothing of it is left afterwards.
 */
import { afterEach } from 'vitest'
import { createServer } from '../../lib/index.ts'
import type { Handler, LogEvent, Logger, Server, ServerOptions } from '../../lib/index.ts'
import { RawClient, answers } from './client.ts'
import type { Answer } from './client.ts'

export interface Served {
  server: Server
  port: number
  url: string
  events: LogEvent[]
  connect: (options?: { allowHalfOpen?: boolean }) => Promise<RawClient>
  /** Sends bytes on a connection of their own and gives the answers, once the server has ended it. */
  exchange: (bytes: string | Uint8Array) => Promise<Answer[]>
}

const open: Server[] = []
const clients: RawClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const server of open.splice(0)) await server.close()
})

export async function serve(handler: Handler, options: ServerOptions = {}): Promise<Served> {
  const events: LogEvent[] = []
  // Tests set times that no operator should: the warning of that has tests of its own.
  const log: Logger = (event) => {
    if (event.code !== 'GYRE_UNSAFE_LIMITS') events.push(event)
  }
  const server = createServer({ log, ...options }, handler)
  open.push(server)
  const { port, url } = await server.listen({ port: 0, host: '127.0.0.1' })
  const connect: Served['connect'] = async (how) => {
    const client = await RawClient.connect(port, how)
    clients.push(client)
    return client
  }
  return {
    server,
    port,
    url,
    events,
    connect,
    async exchange(bytes) {
      const client = await connect({ allowHalfOpen: true })
      return answers(await client.send(bytes).end())
    },
  }
}

/** Waits until a condition holds; fails the test where it does not within five seconds. */
export async function eventually(condition: () => boolean, what = 'the condition'): Promise<void> {
  const until = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > until) throw new Error(`${what} did not come true within five seconds`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
