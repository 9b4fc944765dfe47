/*
 * The kernel of this thread, made when it is first needed, and what everybody starts with: `run`,
 * `spawn`, and a listener of either kind.
 */
import { Kernel, operationOf, sleep } from '../kernel/index.ts'
import type { Runnable, SpawnOptions, Task } from '../kernel/index.ts'
import { FdListener } from './epoll/listener.ts'
import { EpollPoller } from './epoll/poller.ts'
import type { ListenAddress, Listener } from './listener.ts'
import { NodeHost } from './node/host.ts'
import { openNodeListener } from './node/listener.ts'
import { obstacleToEpoll } from './select.ts'
import type { IoKind } from './select.ts'

let home: Kernel | undefined
let homePoller: EpollPoller | undefined

/** @returns the kernel of this thread; all servers and tasks of a thread share it */
export function homeKernel(): Kernel {
  if (home === undefined) {
    home = new Kernel(new NodeHost())
    // Where there is epoll, any descriptor can be waited for.
    if (process.env['GYRE_IO'] !== 'node' && obstacleToEpoll() === undefined) home.poller = pollerOf(home)
  }
  return home
}

function pollerOf(kernel: Kernel): EpollPoller {
  homePoller ??= new EpollPoller(kernel.host)
  kernel.poller = homePoller
  return homePoller
}

/**
 * Runs work as a task, from outside of every task.
 *
 * @param work - an operation, or a function that makes one
 * @returns a promise of its result
 * @example
 * ```ts
 * await run(function* () {
 *   yield* sleep(10)
 *   return 'done'
 * })
 * ```
 */
export async function run<T>(work: Runnable<T>): Promise<T> {
  return await homeKernel().spawn(work)
}

/**
 * Starts work as a task of its own. Nothing waits for it unless you do; if it fails and nobody has
 * joined it, the failure is reported on standard error.
 *
 * @param work - an operation, or a function that makes one
 * @returns the task; `yield*` or await it for its result, `cancel()` it to end it
 * @example
 * ```ts
 * const task = spawn(function* () { yield* sleep(1000); return 42 }, { name: 'answer' })
 * const answer = yield* task
 * ```
 */
export function spawn<T>(work: Runnable<T>, options?: SpawnOptions): Task<T> {
  return homeKernel().spawn(work, options)
}

/**
 * Starts work as a task of its own, but not before a time is over.
 *
 * @param delay - milliseconds
 * @param work - an operation, or a function that makes one
 * @returns the task, which sleeps first: `cancel()` it to take the work back
 * @example
 * ```ts
 * const reminder = spawnLater(1, function* () { console.log('tea is ready') }) // tea is ready
 * yield* reminder
 * ```
 */
export function spawnLater<T>(delay: number, work: Runnable<T>, options?: SpawnOptions): Task<T> {
  return spawn(function* () {
    yield* sleep(delay)
    return yield* operationOf(work)
  }, options)
}

/**
 * Opens a listener.
 *
 * @throws GyreError `GYRE_ADDRESS_IN_USE`, `GYRE_ADDRESS_DENIED` or `GYRE_ADDRESS_UNKNOWN`; by a
 *   rejection where the kind of io can only tell later
 */
export function openListener(kind: IoKind, kernel: Kernel, address: ListenAddress): Listener | Promise<Listener> {
  return kind === 'epoll' ? new FdListener(pollerOf(kernel), address) : openNodeListener(address)
}
