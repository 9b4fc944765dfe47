/*
 * Taking connections in, in batches, so that a flood of new ones does not starve those that are open.
 */
import { SIZES } from '../base/index.ts'
import type { ByteStream, Listener } from '../io/index.ts'
import { giveWay, park, sleep } from '../kernel/index.ts'
import type { Coroutine, Kernel } from '../kernel/index.ts'

/** What takes connections in. */
export interface Acceptor {
  readonly kernel: Kernel
  /** Whether it still wants connections from a listener. */
  listensTo(listener: Listener): boolean
  serve(stream: ByteStream): void
  /** Told at most once a second. */
  acceptFailed(error: unknown, listener: Listener): void
}

/** Takes in what comes, until nobody wants it any more. */
export function* acceptFrom(listener: Listener, acceptor: Acceptor): Coroutine<void> {
  const { kernel } = acceptor
  let told = -Infinity
  while (acceptor.listensTo(listener)) {
    try {
      if (acceptSome(listener, acceptor, SIZES.acceptBatch)) yield* giveWay()
      else yield* park(listener.acceptable)
    } catch (error) {
      // Out of descriptors or memory: the connection stays in the backlog, and others end meanwhile.
      if (kernel.time - told >= SIZES.second) {
        told = kernel.time
        acceptor.acceptFailed(error, listener)
      }
      yield* sleep(SIZES.acceptPause)
    }
  }
}

/** Takes in those that have connected already, and may have sent a request: closing would reset them. */
export function acceptRest(listener: Listener, acceptor: Acceptor): void {
  try {
    acceptSome(listener, acceptor, SIZES.backlog)
  } catch (error) {
    acceptor.acceptFailed(error, listener)
  }
}

/** @returns whether there may be more */
function acceptSome(listener: Listener, acceptor: Acceptor, most: number): boolean {
  for (let left = most, stream; left > 0; left--) {
    if ((stream = listener.tryAccept()) === null) return false
    acceptor.serve(stream)
  }
  return true
}
