/*
 * A server that does wrong what it is told to do wrong, on node:net alone. What finds nothing wrong with it
 * has not looked.
 */
import { createServer } from 'node:net'
import type { Socket } from 'node:net'

/** What it does wrong beside being naive. */
export interface Weakness {
  /** Takes the first packet for the whole request. */
  readonly packets?: boolean
  /** Serves one request of those that came together, and forgets the others. */
  readonly forgetful?: boolean
  /** Breaks for everybody when one client resets. */
  readonly brittle?: boolean
  /** Drops connections that use the chunked coding. */
  readonly noChunks?: boolean
}

/**
 * Starts a naive server: it answers whatever ends in an empty line with 200, knows no bodies, limits or
 * times, and does not mind whether anybody reads.
 */
export async function startWeakServer(weakness: Weakness = {}): Promise<{ port: number; stop: () => void }> {
  const sockets = new Set<Socket>()
  let broken = false
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => (broken ||= weakness.brittle === true))
    let held = ''
    socket.on('data', (bytes) => {
      held += bytes.toString('latin1')
      if (weakness.noChunks === true && /\bchunked\b/.test(held)) {
        socket.destroy()
        return
      }
      if (weakness.packets === true && !held.includes('\r\n\r\n')) {
        socket.end(answer(400, true))
        return
      }
      let end: number
      while ((end = held.indexOf('\r\n\r\n')) >= 0) {
        const head = held.slice(0, end)
        held = weakness.forgetful === true ? '' : held.slice(end + 4)
        const close = /\r\nconnection: *close/i.test(head)
        const text = answer(broken ? 500 : 200, close, head.startsWith('HEAD'))
        if (close) socket.end(text)
        else socket.write(text)
      }
      // Searching all of it again and again would make it end by being slow.
      if (held.length > 100_000) held = held.slice(-10)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function answer(status: number, close: boolean, head = false): string {
  return `HTTP/1.1 ${status} X\r\nContent-Length: 2\r\nConnection: ${close ? 'close' : 'keep-alive'}\r\n\r\n${head ? '' : 'ok'}`
}
