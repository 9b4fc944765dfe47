/*
 * Sockets of Node's that were closed and have not delivered everything yet.
 *
 * Node holds what the operating system has no room for, and a peer that reads nothing would make it hold that for
 * ever: behind every limit, as the connection has ended, and with the process kept from its end. So a closed socket
 * stays as long as its peer takes something now and then, and not without end.
 */
import type { Socket } from 'node:net'
import { SIZES } from '../../base/index.ts'
import { NodeHost } from './host.ts'

/** Tells how far the peer has come. */
interface Delivery {
  /** Bytes that it has acknowledged; 0 where nobody knows. */
  readonly acknowledged: number
}

interface Closing {
  readonly delivery: Delivery
  readonly until: number
  /** What was acknowledged when it was last looked at, and when it will be again. */
  acknowledged: number
  next: number
}

const host = new NodeHost()
const sockets = new Map<Socket, Closing>()
host.start(sweep)

/** Destroys a socket that was closed and whose peer does not take the rest. */
export function boundClosing(socket: Socket, delivery: Delivery): void {
  if (socket.destroyed) return
  const now = host.now()
  const { acknowledged } = delivery
  sockets.set(socket, { delivery, acknowledged, until: now + SIZES.closeTotal, next: now + SIZES.closeStall })
  socket.once('close', () => {
    sockets.delete(socket)
    if (sockets.size === 0) host.wakeAt(Infinity)
  })
  host.wakeAt(now + SIZES.closeStall)
}

function sweep(): void {
  const now = host.now()
  let next = Infinity
  for (const [socket, closing] of sockets) {
    if (now >= closing.next) {
      const { acknowledged } = closing.delivery
      const stands = acknowledged > 0 && acknowledged === closing.acknowledged
      if (stands || now >= closing.until) {
        socket.destroy()
        continue
      }
      closing.acknowledged = acknowledged
      closing.next = Math.min(closing.until, now + SIZES.closeStall)
    }
    next = Math.min(next, closing.next)
  }
  host.wakeAt(next)
}
