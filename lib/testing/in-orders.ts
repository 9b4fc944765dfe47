/*
 * Holds a check against many orders of tasks. What works in one order of events only works by chance, and the
 * order in which tasks become ready is one of many that the real world may bring.
 */
import { TESTING } from './sizes.ts'
import { VirtualHost } from './virtual-host.ts'

/** Which orders. */
export interface OrdersOptions {
  /** The first seed; each further run has the next one. 1 without it, so that a test is the same every day. */
  readonly seed?: number
  /** How many runs. 50 without it. */
  readonly runs?: number
}

/**
 * Runs a check in virtual time again and again, each time with another order of the tasks that are ready
 * together. The first failure ends it: the seed of its order goes to standard error, and the failure is thrown on.
 *
 * @param check - is handed a virtual host of its own for each run; may return a promise
 * @param options - the first seed, and how many runs
 * @returns a promise that is fulfilled when every run was
 * @example
 * ```ts
 * await inOrders(async (time) => {
 *   const lock = new Lock()
 *   let balance = 10
 *   function* take() {
 *     const before = balance
 *     yield* sleep(1)
 *     balance = before - 1
 *   }
 *   await time.run(all([holding(lock, take), holding(lock, take)]))
 *   expect(balance).toBe(8)
 * }, { runs: 10 })
 * ```
 */
export function inOrders(check: (time: VirtualHost) => unknown, options: OrdersOptions = {}): Promise<void> {
  const first = options.seed ?? 1
  return checked(check, first, first + (options.runs ?? TESTING.orders))
}

function checked(check: (time: VirtualHost) => unknown, seed: number, end: number): Promise<void> {
  if (seed >= end) return Promise.resolve()
  return Promise.resolve(new VirtualHost({ seed }))
    .then(check)
    .catch((error: unknown) => {
      process.stderr.write(
        `gyre: failed in the order of seed ${seed}; inOrders(…, { seed: ${seed}, runs: 1 }) shows it again\n`,
      )
      throw error
    })
    .then(() => checked(check, seed + 1, end))
}
