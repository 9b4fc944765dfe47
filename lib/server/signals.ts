/*
 * Closing on signals: the first one drains, the second one stops at once.
 */
import { Spot, park } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'

/** The signals by which service managers and terminals end a process. */
export const CLOSE_SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']

/**
 * Waits for one of the signals. From then on the next one ends the process, as if nobody had listened.
 *
 * @returns which came
 */
export function* waitCloseSignal(signals: readonly NodeJS.Signals[]): Coroutine<NodeJS.Signals> {
  const arrived = new Spot('a signal')
  let first: NodeJS.Signals | null = null
  const onSignal = (signal: NodeJS.Signals): void => {
    if (first === null) {
      first = signal
      arrived.wake(signal)
      return
    }
    for (const each of signals) process.off(each, onSignal)
    // The default action, and with it the exit status that a shell expects.
    process.kill(process.pid, signal)
  }
  for (const signal of signals) process.on(signal, onSignal)
  return yield* park<NodeJS.Signals>(arrived)
}
