/*
 * The entrance: where connections come in. It takes them from the listeners, counts who is inside and who is on the
 * way, and says who finds no place.
 */
import { GyreError, SIZES } from '../base/index.ts'
import type { Limits } from '../base/index.ts'
import type { ByteStream, Doorkeeper, Endpoint, Listener, Place } from '../io/index.ts'
import { giveWay, park, sleep } from '../kernel/index.ts'
import type { Coroutine, Kernel } from '../kernel/index.ts'
import { AddressCounts } from './address-counts.ts'
import { addressOf } from './listening.ts'
import type { ServerAddress } from './listening.ts'

/** What an entrance needs of its server. */
export interface EntranceHost {
  readonly kernel: Kernel
  readonly limit: Limits
  /** How many connections there are. */
  inside(): number
  /** Serves a connection, or turns it away. */
  welcome(stream: ByteStream): void
  /** Told of one that came to nothing on the way in. @param plain - to be answered and closed, where there is one */
  refused(error: GyreError, remote: Endpoint, address: ServerAddress, plain: ByteStream | null): void
  report(error: unknown, status: number, origin: { readonly remote: Endpoint }): void
  /** Nobody is on the way any more. */
  nobodyArriving(): void
}

export class Entrance implements Doorkeeper {
  /** Connections that are on their way in: in a TLS handshake, or done with it and not taken yet. */
  arriving = 0
  private readonly host: EntranceHost
  private readonly clients: AddressCounts
  private readonly open = new Map<Listener, ServerAddress>()
  /** Those that have stopped, and may bring connections whose handshakes were under way. */
  private readonly stopped = new Set<Listener>()

  constructor(host: EntranceHost) {
    this.host = host
    this.clients = new AddressCounts(host.limit.connectionsPerAddress)
  }

  get listeners(): Iterable<Listener> {
    return this.open.keys()
  }

  get addresses(): ServerAddress[] {
    return [...this.open.values()]
  }

  /** Takes connections from a listener from here on. */
  takeFrom(listener: Listener): ServerAddress {
    const { host } = this
    const address = addressOf(listener)
    this.open.set(listener, address)
    listener.door = this
    listener.onRefused = (error, remote, plain) => {
      host.refused(error, remote, address, plain)
    }
    host.kernel.spawn(this.acceptFrom(listener), { name: `accept ${address.url}` })
    return address
  }

  /**
   * Counts a connection.
   *
   * @returns what to hand to `leave`: null where its address is not counted; the reason where it has no place
   */
  enter(remote: Endpoint): string | null | GyreError {
    const { host, arriving } = this
    if (host.inside() + arriving >= host.limit.connections) return new GyreError('GYRE_CONNECTIONS_FULL')
    const name = this.clients.enter(remote)
    return name === undefined ? new GyreError('GYRE_ADDRESS_FULL') : name
  }

  leave(name: string | null): void {
    this.clients.leave(name)
  }

  admit(remote: Endpoint): Place | GyreError {
    const client = this.enter(remote)
    if (client instanceof GyreError) return client
    this.arriving++
    return {
      client,
      leave: () => {
        this.clients.leave(client)
        if (--this.arriving === 0) this.host.nobodyArriving()
      },
    }
  }

  /** Stops listening. Who is connected already, as far as the client knows, is still taken in. */
  *stop(): Coroutine<void> {
    for (const listener of this.open.keys()) {
      yield* listener.gather()
      try {
        this.takeSome(listener, listener.backlog)
      } catch (error) {
        this.host.report(error, 0, { remote: listener.endpoint })
      }
      this.open.delete(listener)
      this.stopped.add(listener)
      listener.stop(this.host.limit.lastCallTime)
    }
  }

  /** Ends those that are still on their way. */
  close(): void {
    for (const listener of this.stopped) listener.close()
  }

  /** Takes connections in, in batches, so that a flood of new ones does not starve those that are open. */
  private *acceptFrom(listener: Listener): Coroutine<void> {
    const { host } = this
    let told = -Infinity
    while (isOpen(listener)) {
      try {
        if (this.takeSome(listener, SIZES.acceptBatch)) yield* giveWay()
        else yield* park(listener.acceptable)
      } catch (error) {
        if (!isOpen(listener) || host.kernel.time - told >= SIZES.second) {
          told = host.kernel.time
          host.report(error, 0, { remote: listener.endpoint })
        }
        // Out of descriptors or memory: the connection stays in the backlog, and others end meanwhile.
        if (isOpen(listener)) yield* sleep(SIZES.acceptPause)
      }
    }
    this.open.delete(listener)
  }

  /** @returns whether there may be more */
  private takeSome(listener: Listener, most: number): boolean {
    for (let left = most; left > 0; left--) {
      const stream = listener.tryAccept()
      if (stream === null) return false
      this.host.welcome(stream)
    }
    return true
  }
}

function isOpen(listener: Listener): boolean {
  return !listener.closed
}
