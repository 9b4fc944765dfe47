/*
 * The switch of inspection, and what is told where it is on. A file by itself, because whoever has to
 * ask stands at the bottom of the room: while it is off, asking is one comparison with null, and of waits nobody asks.
 */
import type { Task } from './task.ts'

/** Told of what tasks do. Must not throw. */
export interface Inspector {
  /** A task was made. */
  spawned(task: Task): void
  /** The running task is about to wait: called in the innermost generator, so that the stack lists all of them. */
  parking(next: unknown): void
  /** A task has ended. */
  ended(task: Task): void
  /** An operation was made, which is to be run. @param maker - what of the stack is of no interest */
  made(operation: object, maker: unknown): void
  /** It is run. */
  ran(operation: object): void
}

/** Who is told; null as long as nobody inspects. */
export let inspector: Inspector | null = null

let whole: Inspector | null = null
let ofStalls: Inspector | null = null

/** For inspect.ts alone. */
export function setInspector(newer: Inspector | null): void {
  whole = newer
  choose()
}

/** For stalls.ts alone: whoever inspects sees to stalls as well. */
export function setStallInspector(newer: Inspector): void {
  ofStalls = newer
  choose()
}

/** The one step of an operation that waits. */
interface Waiting {
  readonly waits: boolean
  next(brought?: unknown): unknown
}

const plain: { prototype: Waiting; next: Waiting['next'] }[] = []

/**
 * Has the steps of such operations told of while somebody inspects. To ask for it in each of them would be felt: so
 * the step is another function as long as it lasts.
 */
export function whenInspected(prototype: Waiting): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called as the method that it is
  plain.push({ prototype, next: prototype.next })
}

function choose(): void {
  const told = (inspector = whole ?? ofStalls)
  for (const { prototype, next } of plain) prototype.next = told === null ? next : toldOf(told, next)
}

function toldOf(told: Inspector, next: Waiting['next']): Waiting['next'] {
  return function step(this: Waiting, brought) {
    if (this.waits) {
      told.ran(this)
      told.parking(step)
    }
    return next.call(this, brought)
  }
}
