/*
 * A connection that has left HTTP becomes a socket of Node's: WebSocket libraries and proxies want a real Duplex,
 * down to its hidden members. The object stays the one that `req.socket` and 'connection' have shown: Node's
 * constructor is run on it, over the handle of the connection.
 */
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Server } from 'node:http'
import { takenFrom } from '../io/index.ts'
import type { ByteStream } from '../io/index.ts'
import { Spot, park } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import type { Takeover } from '../server/index.ts'
import { throwLater } from './hidden.ts'
import type { HiddenRequest } from './hidden.ts'
import type { NodeSocket } from './socket.ts'

const NOTHING = Buffer.alloc(0)
const OK = 200
const SWITCHING_PROTOCOLS = 101

/** Hands a connection to the listeners of 'upgrade' or 'connect', and waits until they have closed it. */
export function* leaveHttp(server: Server, req: HiddenRequest, face: NodeSocket, takeover: Takeover): Coroutine<void> {
  const isTunnel = req.method === 'CONNECT'
  const { idle } = face.line
  const { duration } = idle
  idle.set(0)
  const read = takeover.leave(isTunnel ? OK : SWITCHING_PROTOCOLS)
  const { socket, rest } = becomeReal(face, takeover.connection.stream)
  Object.assign(req, { socket, client: socket })
  // As in Node, the time that was set holds on, and only the socket tells of it.
  if (duration > 0 && socket instanceof Socket) socket.setTimeout(duration)
  const gone = new Spot('the end of a connection that has left HTTP')
  try {
    try {
      server.emit(isTunnel ? 'connect' : 'upgrade', req, socket, Buffer.concat([read ?? NOTHING, rest]))
    } catch (error) {
      throwLater(error)
      // Nobody has it now, so nobody else would close it.
      socket.destroy()
    }
    // Behind the call: who gets the socket finds no listeners on it.
    socket.once('close', () => gone.wake())
    if (!socket.closed) yield* park(gone)
  } finally {
    socket.destroy()
  }
}

interface Handled extends Duplex {
  _handle?: object | null
  server?: Server
}

/** What is left of a connection. */
interface RealSocket {
  readonly socket: Duplex
  /** What was read of it and not used. */
  readonly rest: Buffer
}

/** @throws GyreError where the stream is no socket, or is closed */
function becomeReal(face: NodeSocket, stream: ByteStream): RealSocket {
  const { server } = face
  const real = takenFrom(stream)
  const rest = (real.read() as Buffer | null) ?? NOTHING
  // Of TLS there is more than a handle; and a socket that was accepted by somebody else is waited for by him.
  const isOurs = stream.kind === 'epoll' || (real as Handled).server === server
  if (real.constructor !== Socket || !isOurs) return { socket: real, rest }
  const handle = (real as Handled)._handle ?? null
  if (handle === null) return { socket: real, rest }
  ;(real as Handled)._handle = null
  Object.setPrototypeOf(face, Socket.prototype)
  const options = { handle, allowHalfOpen: true, readable: true, writable: true, manualStart: true }
  ;(Socket as unknown as { call(self: unknown, options: object): void }).call(face, options)
  face.server = server
  return { socket: face as unknown as Duplex, rest }
}
