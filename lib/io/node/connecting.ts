/*
 * A connection by Node's own sockets.
 */
import { connect } from 'node:net'
import { Spot, park } from '../../kernel/index.ts'
import type { Coroutine } from '../../kernel/index.ts'
import { connectError } from '../connect-error.ts'
import type { ConnectAddress } from '../connect-error.ts'
import { DuplexStream } from './stream.ts'

/** @throws GyreError `GYRE_CONNECT_REFUSED` and its like */
export function* connectNode(where: ConnectAddress): Coroutine<DuplexStream> {
  const place = 'path' in where ? { path: where.path } : { host: where.address, port: where.port, noDelay: true }
  const socket = connect({ ...place, allowHalfOpen: true })
  const spot = new Spot('a connection to be made')
  const onError = (error: NodeJS.ErrnoException): void => {
    spot.wakeThrow(connectError(where, error.code ?? '', error.message))
  }
  socket.on('error', onError)
  socket.once('connect', () => {
    // A stream there and then, because a socket that nobody listens to ends the process with its first error.
    const stream = new DuplexStream(socket)
    socket.off('error', onError)
    // Where the wait was cancelled meanwhile, the task destroys the socket.
    spot.wake(stream)
  })
  try {
    return yield* park<DuplexStream>(spot)
  } catch (error) {
    socket.destroy()
    throw error
  }
}
