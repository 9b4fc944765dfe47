/*
 * A stream of ours handed over to Node, for what only Node's own sockets can do: encryption, a REPL.
 */
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { GyreError } from '../base/index.ts'
import { BufferedStream } from './buffered.ts'
import { FdStream } from './epoll/stream.ts'
import { DuplexStream } from './node/stream.ts'
import type { ByteStream } from './stream.ts'

/**
 * Takes the socket from a stream, which counts as closed from then on.
 *
 * @throws GyreError `GYRE_STREAM_LEFTOVER` where bytes were read ahead; `GYRE_IO_UNAVAILABLE` for a stream that is no
 *   socket
 */
export function releaseToNode(stream: ByteStream): Duplex {
  if (stream instanceof BufferedStream) {
    if (stream.unread > 0)
      throw new GyreError('GYRE_STREAM_LEFTOVER', `${stream.unread} bytes came before encryption was begun`)
    return releaseToNode(stream.stream)
  }
  if (stream instanceof DuplexStream) return stream.release()
  if (!(stream instanceof FdStream))
    throw new GyreError(
      'GYRE_IO_UNAVAILABLE',
      `a stream of the kind ${stream.kind} cannot be encrypted: it is no socket`,
    )
  return new Socket({ fd: stream.release(), readable: true, writable: true, allowHalfOpen: true })
}
