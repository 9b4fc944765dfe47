/*
 * The kernel of this thread, made when it is first needed, and what everybody starts with: `run`,
 * `spawn`, and a listener of either kind.
 */
import { GyreError } from '../base/index.ts'
import { Kernel, operationOf, sleep } from '../kernel/index.ts'
import type { Coroutine, Runnable, SpawnOptions, Task } from '../kernel/index.ts'
import { FdListener } from './epoll/listener.ts'
import { EpollPoller } from './epoll/poller.ts'
import { openSocket } from './epoll/socket.ts'
import { loadSyscalls } from './epoll/syscalls.ts'
import type { ListenAddress, Listener } from './listener.ts'
import { NodeHost } from './node/host.ts'
import { Handshakes } from './node/handshakes.ts'
import { openNodeListener, whatNodeLacks } from './node/listener.ts'
import { obstacleToEpoll } from './select.ts'
import type { IoKind } from './select.ts'
import { SocketFile } from './socket-file.ts'
import type { TlsOptions } from './tls.ts'

let home: Kernel | undefined
let homePoller: EpollPoller | undefined

/**
 * The kernel that `run`, `spawn` and every server of this thread use. It is made when it is first asked for.
 *
 * @returns the kernel, the same each time
 * @example
 * ```ts
 * const nap = homeKernel().spawn(sleep(1), { name: 'nap' })
 * console.log(nap.kernel === homeKernel(), nap.name) // true nap
 * yield* nap
 * ```
 */
export function homeKernel(): Kernel {
  if (home === undefined) {
    home = new Kernel(new NodeHost())
    // Where there is epoll, any descriptor can be waited for.
    if (process.env['GYRE_IO'] !== 'node' && obstacleToEpoll() === undefined) home.poller = pollerOf(home)
  }
  return home
}

/** @returns the poller of this thread; the kernel has it from here on */
export function pollerOf(kernel: Kernel): EpollPoller {
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
 * const answer = await run(function* () {
 *   yield* sleep(1)
 *   return 42
 * })
 * console.log(answer) // 42
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
 * @param options - its name, and the scope that it ends with
 * @returns the task; `yield*` or await it for its result, `cancel()` it to end it
 * @example
 * ```ts
 * const task = spawn(function* () {
 *   yield* sleep(1)
 *   return 42
 * }, { name: 'answer' })
 * console.log(yield* task) // 42
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
  return spawn(later(delay, work), options)
}

function* later<T>(delay: number, work: Runnable<T>): Coroutine<T> {
  yield* sleep(delay)
  return yield* operationOf(work)
}

/** How connections are encrypted, and how long a handshake may take, in milliseconds. */
export interface TlsWish {
  readonly options: TlsOptions
  readonly handshakeTime: number
}

/**
 * Opens a listener. Encrypted connections are Node's in both kinds of io: OpenSSL is Node's, and it wants
 * its sockets.
 *
 * @param tls - null for plain connections
 * @throws GyreError `GYRE_ADDRESS_IN_USE`, `GYRE_ADDRESS_DENIED`, `GYRE_ADDRESS_UNKNOWN`, `GYRE_NO_SOCKET`,
 *   `GYRE_IO_UNAVAILABLE` or `GYRE_TLS_CERTIFICATE`, by a rejection
 */
export async function openListener(
  kind: IoKind,
  kernel: Kernel,
  where: ListenAddress,
  tls: TlsWish | null = null,
): Promise<Listener> {
  const handshakes = tls === null ? null : await Handshakes.open(kernel, tls.options, tls.handshakeTime)
  const file = 'path' in where ? SocketFile.for(where) : null
  const listener = await openUnpublished(kind, kernel, where, handshakes, file)
  try {
    await file?.publish(kernel)
    return listener
  } catch (error) {
    listener.close()
    throw error
  }
}

async function openUnpublished(
  kind: IoKind,
  kernel: Kernel,
  where: ListenAddress,
  handshakes: Handshakes | null,
  file: SocketFile | null,
): Promise<Listener> {
  const lack = kind === 'node' ? whatNodeLacks(where) : null
  if (kind === 'node' && lack === null) return await openNodeListener(where, handshakes, file)
  const calls = loadSyscalls()
  if (calls instanceof Error)
    throw new GyreError('GYRE_IO_UNAVAILABLE', `${lack ?? 'epoll'}, and koffi could not be loaded: ${calls.message}`)
  const socket = openSocket(calls, where, file)
  try {
    if (kind === 'epoll' && handshakes === null) return new FdListener(pollerOf(kernel), socket, where.backlog)
    return await openNodeListener({ descriptor: socket.descriptor, backlog: where.backlog }, handshakes)
  } catch (error) {
    // One that was inherited stays open, for a second try.
    socket.file?.remove()
    if (!('descriptor' in where)) calls.close(socket.descriptor)
    throw error
  }
}
