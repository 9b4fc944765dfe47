/*
 * Signals of the operating system, as something to wait for.
 */
import { MessageChannel, isMainThread } from 'node:worker_threads'
import { GyreError } from '../base/index.ts'
import type { Coroutine, Operation } from '../kernel/index.ts'
import { Queue, Source } from '../sync/index.ts'

/** What a source of signals counts. */
export interface SignalSourceStatistics {
  /** Whether the signals do what they do by default no more. */
  readonly listening: boolean
  /** Signals that came and were not taken. */
  readonly pending: number
}

/**
 * Signals, to be waited for once by `yield*`, or one after another by `each`. Made by `waitSignal`.
 *
 * @example
 * ```ts
 * const reloads = waitSignal('SIGHUP')
 * spawnLater(1, function* () { process.kill(process.pid, 'SIGHUP') })
 * console.log((yield* reloads.next()).value) // SIGHUP
 * yield* reloads.close()
 * ```
 */
export class SignalSource extends Source<NodeJS.Signals> implements Operation<NodeJS.Signals> {
  private readonly names: readonly NodeJS.Signals[]
  /** Those that came and were not taken; each once, however often it came, as the operating system has it. */
  private readonly pending = new Queue<NodeJS.Signals>()
  private readonly waiting = new Set<NodeJS.Signals>()
  /** Holds the process: Node does not stay for a listener to a signal. */
  private hold: MessageChannel | null = null

  /** For `waitSignal` alone. @internal */
  constructor(names: readonly NodeJS.Signals[]) {
    super()
    this.names = names
  }

  /** Waits for the first signal; listens from now until then. @returns its name */
  *[Symbol.iterator](): Coroutine<NodeJS.Signals> {
    try {
      return (yield* this.next()).value as NodeJS.Signals
    } finally {
      this.unlisten()
    }
  }

  /** Waits for the next signal; listens from the first call until `close()`. */
  override *next(): Coroutine<IteratorResult<NodeJS.Signals, undefined>> {
    this.listen()
    const value = yield* this.pending.get()
    this.waiting.delete(value)
    return { done: false, value }
  }

  /** Listens no more: the signals do again what they do by default. */
  override *close(): Coroutine<void> {
    this.unlisten()
  }

  /** @returns whether it listens, and how many signals came and were not taken */
  statistics(): SignalSourceStatistics {
    return { listening: this.hold !== null, pending: this.pending.size }
  }

  private readonly onSignal = (name: NodeJS.Signals): void => {
    if (this.waiting.has(name)) return
    this.waiting.add(name)
    this.pending.tryPut(name)
  }

  private listen(): void {
    if (this.hold !== null) return
    if (!isMainThread)
      throw new GyreError('GYRE_IO_UNAVAILABLE', 'signals reach the main thread alone: wait for them there')
    this.hold = new MessageChannel()
    this.hold.port1.ref()
    for (const name of this.names) process.on(name, this.onSignal)
  }

  private unlisten(): void {
    for (const name of this.names) process.off(name, this.onSignal)
    this.hold?.port1.close()
    this.hold = null
  }
}

/**
 * Waits for a signal of the operating system. While somebody waits, the signal does nothing else: SIGTERM
 * does not end the process.
 *
 * @param names - one or more, such as 'SIGTERM'
 * @returns what waits for the first of them by `yield*`, and gives one after another to `each`, which misses none in between
 * @throws GyreError `GYRE_BAD_OPTION` without a name, or for one that cannot be waited for
 * @example
 * ```ts
 * spawnLater(1, function* () { process.kill(process.pid, 'SIGUSR2') })
 * console.log(yield* waitSignal('SIGUSR2', 'SIGHUP')) // SIGUSR2
 * ```
 * @example
 * ```ts
 * const reloading = spawn(each(waitSignal('SIGHUP'), function* (name) { console.log(name) })) // SIGHUP
 * yield* sleep(1)
 * process.kill(process.pid, 'SIGHUP')
 * yield* sleep(20)
 * yield* kill(reloading)
 * ```
 */
export function waitSignal(...names: [NodeJS.Signals, ...NodeJS.Signals[]]): SignalSource {
  for (const name of names)
    if (!/^SIG[A-Z0-9]+$/.test(name) || name === 'SIGKILL' || name === 'SIGSTOP')
      throw new GyreError('GYRE_BAD_OPTION', `${name} is no signal that can be waited for`)
  if ((names as readonly string[]).length === 0)
    throw new GyreError('GYRE_BAD_OPTION', 'waitSignal() needs the name of a signal')
  return new SignalSource(names)
}
