/*
 * Starts a server of gyre/node-http for one test, and sees that nothing of it is left afterwards.
 */
import { request } from 'node:http'
import type { IncomingHttpHeaders, RequestListener, RequestOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach } from 'vitest'
import { createServer } from 'gyre/node-http'
import type { Server, ServerOptions } from 'gyre/node-http'
import { RawClient } from '../support/client.ts'

const open: Server[] = []
const clients: RawClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const server of open.splice(0)) {
    if (!server.listening) continue
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
  }
})

export interface Served {
  server: Server
  port: number
  connect: (options?: { allowHalfOpen?: boolean }) => Promise<RawClient>
}

export async function serve(listener?: RequestListener, options: ServerOptions = {}): Promise<Served> {
  const server = createServer(options, listener)
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    server,
    port,
    async connect(how) {
      const client = await RawClient.connect(port, how)
      clients.push(client)
      return client
    },
  }
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  trailers: NodeJS.Dict<string>
  text: string
}

/** Asks by a client of Node's, on a connection of its own unless an agent is given. */
export function ask(port: number, options: RequestOptions & { body?: string | Uint8Array } = {}): Promise<Answer> {
  const { body, ...rest } = options
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1', agent: false, ...rest }, (answer) => {
      const pieces: Buffer[] = []
      answer.on('data', (piece: Buffer) => pieces.push(piece))
      answer.on('error', reject)
      answer.on('end', () => {
        const { statusCode = 0, headers, trailers } = answer
        resolve({ status: statusCode, headers, trailers, text: Buffer.concat(pieces).toString() })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
