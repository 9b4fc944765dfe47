/*
 * Stalls: where a step came to its end that took too long. Whoever is about to wait is asked how long the step has
 * taken; so the stack of all its generators is there to be caught, and no thread has to watch.
 */
import { setStallInspector } from './inspection.ts'
import type { Inspector } from './inspection.ts'
import { siteBelow } from './sites.ts'
import type { Site } from './sites.ts'
import { runningTask } from './task.ts'

/** Sees to it that `kernel.lateSite` is set where a step that has taken too long ends in a wait. */
export function watchStallSites(): void {
  setStallInspector(new StallInspector())
}

/** Notes where the running task is about to wait, if its step has taken too long. @param catchSite - finds out where */
export function noteLate(catchSite: () => Site): void {
  const kernel = runningTask()?.kernel
  if (kernel?.stepIsLate === true) kernel.lateSite = catchSite()
}

class StallInspector implements Inspector {
  parking(next: unknown): void {
    noteLate(() => siteBelow(next))
  }

  spawned(): void {
    // Only waits are of interest.
  }

  ended(): void {
    // As above.
  }

  made(): void {
    // As above.
  }

  ran(): void {
    // As above.
  }
}
