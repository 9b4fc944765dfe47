/*
 * A Listener over Node's own server.
 */
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { addressError } from '../address-error.ts'
import type { Endpoint, ListenAddress, Listener } from '../listener.ts'
import { Readiness } from '../readiness.ts'
import { DuplexStream } from './stream.ts'

/**
 * Opens a listener of Node's.
 *
 * @throws GyreError `GYRE_ADDRESS_IN_USE`, `GYRE_ADDRESS_DENIED` or `GYRE_ADDRESS_UNKNOWN`, by a rejection
 */
export async function openNodeListener(where: ListenAddress): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(addressError(where, error.code ?? '', error.message))
    })
    server.listen(
      'path' in where
        ? { path: where.path, backlog: where.backlog }
        : { host: where.address, port: where.port, backlog: where.backlog, ipv6Only: where.address !== '::' },
      resolve,
    )
  })
  return new NodeListener(server)
}

class NodeListener implements Listener {
  readonly endpoint: Endpoint
  readonly acceptable: Readiness = new Readiness('a connection', false)
  private readonly server: Server
  private queue: Socket[] = []

  constructor(server: Server) {
    this.server = server
    const address = server.address()
    if (address === null || typeof address === 'string')
      this.endpoint = { address: address ?? '', port: 0, family: 'unix' }
    else {
      const family = address.family === 'IPv6' ? 'IPv6' : 'IPv4'
      this.endpoint = { address: address.address, port: address.port, family }
    }
    server.on('connection', (socket) => {
      this.queue.push(socket)
      this.acceptable.signal()
    })
    // Node goes on by itself when it is out of descriptors; there is nothing left to do about it here.
    server.on('error', () => undefined)
  }

  tryAccept(): DuplexStream | null {
    const socket = this.queue.shift()
    if (socket !== undefined) return new DuplexStream(socket)
    this.acceptable.ready = false
    return null
  }

  close(): void {
    this.server.close()
    for (const socket of this.queue) socket.destroy()
    this.queue = []
    this.acceptable.signal()
  }
}
