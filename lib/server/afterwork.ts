/*
 * Afterwork: what a handler leaves running behind its answer. The client has its answer and knows nothing of it; the
 * server does, so that closing waits for it as it waits for requests.
 */
import { Scope, waitPromise } from '../kernel/index.ts'
import type { Kernel, Operation, Task, TaskKeeper } from '../kernel/index.ts'

/** Tells of a failure of afterwork. */
export type AfterworkFailed = (error: unknown) => void

export class Afterwork {
  private readonly kernel: Kernel
  private readonly scope: Scope
  private readonly tasks = new Set<Task>()
  private readonly emptied: () => void

  /**
   * @param grace - how long its cleanup may take after a cancel, in milliseconds
   * @param emptied - told when the last of it has ended
   */
  constructor(kernel: Kernel, grace: number, emptied: () => void) {
    this.kernel = kernel
    this.emptied = emptied
    this.scope = new Scope(kernel, null, false)
    this.scope.grace = grace
    this.scope.tasks = this.tasks
  }

  /** How much of it runs. */
  get size(): number {
    return this.tasks.size
  }

  /** Has it run. @param failed - told where it fails, as nobody else is there to see it */
  start(work: Operation<unknown> | PromiseLike<unknown>, failed: AfterworkFailed): void {
    const operation = Symbol.iterator in work ? work : waitPromise(work)
    const keeper: TaskKeeper = {
      ended: (task, hasFailed, result) => {
        this.scope.leave(task)
        if (hasFailed) failed(result)
        if (this.tasks.size === 0) this.emptied()
      },
    }
    // The request's share of the loop ends with the request.
    this.kernel.start(operation, 'afterwork', this.scope, keeper).meter = null
  }

  /** The server can wait no longer. */
  cancel(): void {
    this.scope.cancel('the server shuts down')
  }
}
