/*
 * An operation that runs on a kernel of its own choice: where it is not the caller's, the two are joined
 * by a promise. So the same call serves a task of the server's kernel, one of another, and `await`.
 */
import { Awaitable, currentTask, waitPromise } from '../kernel/index.ts'
import type { Coroutine, Kernel } from '../kernel/index.ts'
import { VirtualHost } from './virtual-host.ts'

/** `yield*` it or await it. Each time it does its work anew. */
export class Elsewhere<T> extends Awaitable<T> {
  protected readonly kernel: Kernel
  protected readonly scope = null
  private readonly work: () => Coroutine<T>

  /** @param kernel - where the work runs */
  constructor(kernel: Kernel, work: () => Coroutine<T>) {
    super()
    this.kernel = kernel
    this.work = work
  }

  *[Symbol.iterator](): Coroutine<T> {
    if (currentTask().kernel === this.kernel) return yield* this.work()
    return yield* waitPromise(this)
  }

  override then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const { host } = this.kernel
    // A virtual clock moves only while somebody waits.
    if (host instanceof VirtualHost) return host.run(this.work).then(fulfilled, rejected)
    return super.then(fulfilled, rejected)
  }
}
