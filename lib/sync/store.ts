/*
 * The orders in which a queue gives its items back: first in first out, last in first out, and by
 * priority.
 */

/** Holds the items of a queue. */
export interface Store<T> {
  readonly size: number
  push(item: T): void
  /** Takes the item whose turn it is. Only to be called while `size` is above 0. */
  take(): T
  /** Takes all, in order. */
  drain(): T[]
}

/** Below this many, what was taken is not worth moving the rest for. */
const COMPACT_FROM = 64

/** First in, first out. */
export class FifoStore<T> implements Store<T> {
  private items: (T | undefined)[] = []
  private head = 0

  get size(): number {
    return this.items.length - this.head
  }

  push(item: T): void {
    this.items.push(item)
  }

  take(): T {
    const item = this.items[this.head] as T
    this.items[this.head++] = undefined
    // Moving at most as many as were taken since: O(1) for each item in the long run.
    if (this.head >= COMPACT_FROM && this.head * 2 >= this.items.length) {
      this.items = this.items.slice(this.head)
      this.head = 0
    }
    return item
  }

  drain(): T[] {
    const rest = this.items.slice(this.head) as T[]
    this.items = []
    this.head = 0
    return rest
  }
}

/** Last in, first out. */
export class LifoStore<T> implements Store<T> {
  private items: T[] = []

  get size(): number {
    return this.items.length
  }

  push(item: T): void {
    this.items.push(item)
  }

  take(): T {
    return this.items.pop() as T
  }

  drain(): T[] {
    const all = this.items.reverse()
    this.items = []
    return all
  }
}

interface Ranked<T> {
  readonly item: T
  /** Says who came first among equals. */
  readonly turn: number
}

/** The smallest first, by a comparison; equals in the order in which they came. A binary heap. */
export class PriorityStore<T> implements Store<T> {
  private readonly heap: Ranked<T>[] = []
  private turns = 0
  private readonly compare: (one: T, other: T) => number

  constructor(compare: (one: T, other: T) => number) {
    this.compare = compare
  }

  get size(): number {
    return this.heap.length
  }

  push(item: T): void {
    const { heap } = this
    const entry = { item, turn: this.turns++ }
    let hole = heap.length
    heap.push(entry)
    while (hole > 0) {
      const above = (hole - 1) >> 1
      const parent = heap[above] as Ranked<T>
      if (!this.goesFirst(entry, parent)) break
      heap[hole] = parent
      hole = above
    }
    heap[hole] = entry
  }

  take(): T {
    const { heap } = this
    const [top] = heap as [Ranked<T>]
    const entry = heap.pop() as Ranked<T>
    if (heap.length > 0) this.sink(entry)
    return top.item
  }

  drain(): T[] {
    const all: T[] = []
    while (this.size > 0) all.push(this.take())
    return all
  }

  private sink(entry: Ranked<T>): void {
    const { heap } = this
    let hole = 0
    for (;;) {
      let below = hole * 2 + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && this.goesFirst(heap[below + 1] as Ranked<T>, heap[below] as Ranked<T>)) below++
      const child = heap[below] as Ranked<T>
      if (!this.goesFirst(child, entry)) break
      heap[hole] = child
      hole = below
    }
    heap[hole] = entry
  }

  private goesFirst(one: Ranked<T>, other: Ranked<T>): boolean {
    const order = this.compare(one.item, other.item)
    return order < 0 || (order === 0 && one.turn < other.turn)
  }
}
