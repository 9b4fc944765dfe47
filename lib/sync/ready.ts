/*
 * Things that can be waited for together (`waitAny`, `joinAll`, `asCompleted`): each says whether it is
 * ready, and tells when it becomes so. Being told takes nothing away: a queue that is ready still
 * has its item, and somebody else may be quicker to take it.
 */

/** What can be waited for together with others: a Task, an Event, an AsyncResult, a Queue, a Channel. */
export interface Waitable {
  /** True when there is nothing to wait for. */
  readonly ready: boolean
  /**
   * Has `listener` called each time that this becomes ready.
   *
   * @returns how to take that back
   */
  whenReady(listener: () => void): () => void
}

/** Who wants to be told. */
export class Listeners {
  // Made when it is first needed: most objects are never waited for together with others.
  private listeners: Set<() => void> | null = null

  add(listener: () => void): () => void {
    const own = (): void => listener()
    this.listeners ??= new Set()
    this.listeners.add(own)
    return () => void this.listeners?.delete(own)
  }

  tell(): void {
    if (this.listeners !== null) for (const listener of [...this.listeners]) listener()
  }

  get size(): number {
    return this.listeners === null ? 0 : this.listeners.size
  }
}
