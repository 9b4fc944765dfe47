/*
 * Where Node goes on accepting, it emits 'connection' with the socket that it has accepted. That is to be told of
 * once, and as the socket that requests show: who keeps books of connections, to close them one day, compares the two.
 */
import type { Duplex } from 'node:stream'
import type { NodeServer } from './hidden.ts'

interface Emitting {
  readonly emit: (this: unknown, event: string, ...given: unknown[]) => boolean
}

/** True for a socket that the server itself has accepted. */
export function isAccepted(socket: unknown, server: NodeServer): socket is Duplex {
  return (socket as { _server?: unknown } | undefined)?._server === server
}

/**
 * Has what a server accepts handed over, instead of told.
 *
 * @param take - tells of it itself
 */
export function interceptAccepted(server: NodeServer, take: (socket: Duplex) => void): void {
  const own = Object.hasOwn(server, 'emit') ? (server as unknown as Emitting) : null
  const before = own?.emit
  const value = (event: string, ...given: unknown[]): boolean => {
    const [socket] = given
    if (event === 'connection' && isAccepted(socket, server)) {
      take(socket)
      return true
    }
    // Looked up each time: who traces requests replaces it at the prototype, and may do so late.
    const { emit } = Object.getPrototypeOf(server) as Emitting
    return Reflect.apply(before ?? emit, server, [event, ...given])
  }
  Object.defineProperty(server, 'emit', { value, configurable: true, writable: true })
}
