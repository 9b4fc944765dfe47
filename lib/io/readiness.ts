/*
 * Readiness: a place to wait that remembers.
 *
 * The operating system tells of a change once (edge-triggered): the socket has become readable. What
 * it told stays true until a read or a write finds out otherwise, so the flag lives here, and a
 * task that comes to wait while it is up goes on at once. No wake-up is lost between the two.
 */
import { Spot } from '../kernel/index.ts'
import type { Task } from '../kernel/index.ts'

/**
 * A place to wait that remembers: `park(stream.readable)`.
 *
 * @example
 * ```ts
 * const [client, serverEnd] = memoryPair()
 * spawnLater(1, writeAll(client, Buffer.from('hello')))
 * yield* park(serverEnd.readable)
 * console.log(serverEnd.readable.ready) // true
 * ```
 */
export class Readiness extends Spot {
  /** True until somebody finds that it is not so. */
  ready: boolean

  /** For streams alone. @internal */
  constructor(reason: string, ready: boolean) {
    super(reason)
    this.ready = ready
  }

  override enter(task: Task): void {
    if (this.ready) task.wake()
    else super.enter(task)
  }

  /** It is ready from here on. */
  signal(): void {
    this.ready = true
    if (this.task !== null) this.wake()
  }
}
