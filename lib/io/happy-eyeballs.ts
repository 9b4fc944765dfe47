/*
 * Happy Eyeballs (RFC 8305): a name has several addresses, and some of them lead nowhere. They are tried in
 * turn, the two families by turns, each a quarter of a second after the one before or as soon as that has
 * failed; the first connection wins, and the other attempts are given up.
 *
 * The operating system gives all addresses at once, sorted by RFC 6724, so the delay of section 3 between
 * two answers of the DNS has no place here.
 */
import { GyreError, SIZES } from '../base/index.ts'
import { nursery } from '../kernel/index.ts'
import type { Coroutine, Operation } from '../kernel/index.ts'
import { Event, moveOnAfter } from '../sync/index.ts'
import { allFailed } from './connect-error.ts'

/** An address that a name has. */
export interface HostAddress {
  readonly address: string
  readonly family: number
}

/** Has the families take turns, beginning with that of the first address (RFC 8305 section 4). */
export function interleave<A extends HostAddress>(addresses: readonly A[]): A[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family)
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family)
  const mixed: A[] = []
  for (let index = 0; index < Math.max(first.length, second.length); index++)
    mixed.push(...first.slice(index, index + 1), ...second.slice(index, index + 1))
  return mixed
}

/**
 * Tries addresses until one can be connected to.
 *
 * @param host - for errors
 * @param attempt - connects to one address; throws a GyreError where that fails
 * @param discard - closes a connection that came too late
 * @throws GyreError where every address failed
 */
export function* firstConnected<A, C>(
  host: string,
  addresses: readonly A[],
  attempt: (address: A) => Operation<C>,
  discard: (connection: C) => void,
): Coroutine<C> {
  let won: { connection: C } | undefined
  const errors: GyreError[] = []
  try {
    yield* nursery(function* (children) {
      for (const address of addresses) {
        const failed = new Event()
        children.spawn(function* () {
          try {
            const connection = yield* attempt(address)
            if (won !== undefined) return discard(connection)
            won = { connection }
            children.cancel('another address was connected to')
          } catch (error) {
            if (!(error instanceof GyreError)) throw error
            errors.push(error)
            failed.set()
          }
        }, 'connect')
        yield* moveOnAfter(SIZES.attemptDelay, failed.wait())
      }
    })
  } catch (error) {
    if (won !== undefined) discard(won.connection)
    throw error
  }
  if (won === undefined) throw allFailed(host, errors)
  return won.connection
}
