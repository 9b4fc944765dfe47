/*
 * Who is told of a cancel besides the tasks that it interrupts: signals of the promise world. Nobody, as a rule: then
 * a cancel costs one comparison more, and a scope holds nothing for it.
 */
import type { Scope } from './scope.ts'
import type { Task } from './task.ts'

/** Weak, so that whoever watches a scope need not say when it has ended. */
let watches: WeakMap<Scope, Set<() => void>> | null = null

/**
 * Calls back when a cancel reaches a scope: its own, or that of a scope around it. Not when the scope merely ends.
 *
 * @param scope - such as a task
 * @param listener - is called once, in the middle of the cancel; must not throw
 * @returns takes it back
 * @internal
 */
export function watchCancel(scope: Scope, listener: () => void): () => void {
  if (scope.cancelled !== null || isReached(scope)) {
    listener()
    return () => undefined
  }
  watches ??= new WeakMap()
  let listeners = watches.get(scope)
  if (listeners === undefined) watches.set(scope, (listeners = new Set()))
  const own = (): void => listener()
  listeners.add(own)
  return () => void listeners.delete(own)
}

/** For scopes alone: a scope was cancelled, or its grace is over. */
export function tellWatch(scope: Scope): void {
  const listeners = watches?.get(scope)
  if (listeners === undefined) return
  watches?.delete(scope)
  for (const listener of listeners) listener()
}

/** For scopes alone: a task is about to be interrupted. @param last - the outermost of its scopes that is reached */
export function tellWatchesWithin(task: Task, last: Scope): void {
  if (watches === null) return
  for (let scope: Scope | null = task.scope; scope !== null; scope = scope === last ? null : scope.outer)
    if (scope.active && watches.has(scope) && isReached(scope)) tellWatch(scope)
}

/** @returns whether whoever waits in the scope is to leave it, and was not told so before */
function isReached(reached: Scope): boolean {
  const { runner } = reached
  for (let scope: Scope | null = reached; scope !== null; scope = scope.shielded ? null : scope.outer) {
    if (scope.graceOver) return true
    // Cleanup that runs in the grace of a cancel is not to be broken off by it.
    if (scope.cancelled !== null) return runner === null || !scope.isBeingLeftBy(runner)
  }
  return false
}
