/*
 * A connection that has left HTTP becomes a socket of Node's: WebSocket libraries and proxies want a real Duplex,
 * down to its hidden members. The object stays the one that `req.socket` and 'connection' have shown: Node's
 * constructor is run on it, over the handle of the connection.
 */
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { takenFrom } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import type { NodeSocket } from './socket.ts'

interface Handled {
  _handle: object | null
}

/** What is left of a connection. */
export interface RealSocket {
  readonly socket: Duplex
  /** What was read of it and not used. */
  readonly rest: Buffer
}

/** @throws GyreError where the stream is no socket, or is closed */
export function becomeReal(face: NodeSocket, stream: ByteStream): RealSocket {
  const { server } = face
  const real = takenFrom(stream)
  const rest = (real.read() as Buffer | null) ?? Buffer.alloc(0)
  // Of TLS there is more than a handle: that socket is handed over itself.
  if (real.constructor !== Socket) return { socket: real, rest }
  const handle = (real as unknown as Handled)._handle
  if (handle === null) return { socket: real, rest }
  ;(real as unknown as Handled)._handle = null
  Object.setPrototypeOf(face, Socket.prototype)
  const options = { handle, allowHalfOpen: true, readable: true, writable: true, manualStart: true }
  ;(Socket as unknown as { call(self: unknown, options: object): void }).call(face, options)
  face.server = server
  return { socket: face as unknown as Duplex, rest }
}
