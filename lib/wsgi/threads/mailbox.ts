/*
 * The memory that the loop and the threads of one pool share, and who may write which word of it.
 *
 * The board is of the whole pool. The loop lays requests into slots and their numbers into a ring; whichever thread is
 * free claims the next by one compare-and-exchange, so no request waits behind a slow one while a thread is free.
 * The desk is of one thread: what it works on, what it is told, its output ring and its input area.
 *
 * No wake-up is lost, because each side says that it is about to wait before it looks for the last time.
 */
import { SIZES } from '../../base/index.ts'

const WORD = Int32Array.BYTES_PER_ELEMENT

/** Words of the board. */
export const BOARD = {
  /** How many were claimed: threads. */
  claimed: 0,
  /** How many were laid out: the loop. */
  published: 1,
  /** 1 while a message to the loop is on its way: set by threads, cleared by the loop. */
  rung: 2,
  /** Where the ring of slot numbers begins; the states of the slots follow it. */
  ring: 3,
} as const

/** States of a slot. Above `taken` it is the number of the thread that reads it. */
export const SLOT = { dropped: -1, free: 0, ready: 1, taken: 2 } as const

/** Words of a desk. */
export const DESK = {
  /** Number of the request that is worked on; 0 for none: the thread. */
  job: 0,
  /** See IDLENESS: the thread says busy and idle, the loop says woken. */
  idleness: 1,
  /** Number of a request whose client has gone: the loop. */
  aborted: 2,
  /** Grows with all news for the thread: the loop. This is what a thread waits on. */
  news: 3,
  /** Bytes of output, ever: written by the thread, read by the loop. */
  written: 4,
  read: 5,
  /** 1 while the thread waits for its client: the thread. */
  waiting: 6,
  /** See INPUT, and the length of the piece: the loop gives, the thread takes. */
  input: 7,
  inputLength: 8,
  /** 1 when the thread is to end after its request: the loop. */
  retire: 9,
  words: 10,
} as const

export const IDLENESS = { busy: 0, idle: 1, woken: 2 } as const
export const INPUT = { none: 0, piece: 1, end: 2 } as const

/** Places of a desk's clock, in milliseconds: when its request began, and how long its client was waited for. */
export const CLOCK = { started: 0, waited: 1, places: 2 } as const

/** What the threads of a pool are given. */
export interface BoardMemory {
  readonly words: SharedArrayBuffer
  readonly slots: SharedArrayBuffer
}

/** What one thread is given. */
export interface DeskMemory {
  readonly words: SharedArrayBuffer
  readonly clock: SharedArrayBuffer
  readonly output: SharedArrayBuffer
  readonly input: SharedArrayBuffer
}

/** @param slots - how many requests find room */
export function makeBoard(slots: number): BoardMemory {
  const ring = ringSize(slots)
  return {
    words: new SharedArrayBuffer((BOARD.ring + ring + slots) * WORD),
    slots: new SharedArrayBuffer(slots * SIZES.wsgiSlot),
  }
}

export function makeDesk(): DeskMemory {
  return {
    words: new SharedArrayBuffer(DESK.words * WORD),
    clock: new SharedArrayBuffer(CLOCK.places * Float64Array.BYTES_PER_ELEMENT),
    output: new SharedArrayBuffer(SIZES.wsgiOutput),
    input: new SharedArrayBuffer(SIZES.wsgiInput),
  }
}

function ringSize(slots: number): number {
  let size = 1
  while (size < slots) size *= 2
  return size
}

/** Numbers of threads begin at 1; with this one the loop claims what it will lay out again. */
const LOOP = 0

/** The board as both sides use it. */
export class Board {
  readonly words: Int32Array
  readonly slotCount: number
  private readonly mask: number
  private readonly states: number
  private readonly slots: SharedArrayBuffer

  constructor({ words, slots }: BoardMemory) {
    this.words = new Int32Array(words)
    this.slots = slots
    this.slotCount = slots.byteLength / SIZES.wsgiSlot
    const ring = ringSize(this.slotCount)
    this.mask = ring - 1
    this.states = BOARD.ring + ring
  }

  /** How many requests wait to be claimed. */
  get waiting(): number {
    return (Atomics.load(this.words, BOARD.published) - Atomics.load(this.words, BOARD.claimed)) | 0
  }

  /** The bytes of a slot. */
  bytesOf(slot: number): Buffer {
    return Buffer.from(this.slots, slot * SIZES.wsgiSlot, SIZES.wsgiSlot)
  }

  /** For the loop. @returns a slot that nobody uses; undefined where there is none */
  freeSlot(): number | undefined {
    for (let slot = 0; slot < this.slotCount; slot++)
      if (Atomics.load(this.words, this.states + slot) === SLOT.free) return slot
    return undefined
  }

  /** For the loop: lays out what was written into a slot. */
  publish(slot: number): void {
    const { words } = this
    const at = Atomics.load(words, BOARD.published)
    Atomics.store(words, this.states + slot, SLOT.ready)
    Atomics.store(words, BOARD.ring + (at & this.mask), slot)
    Atomics.store(words, BOARD.published, (at + 1) | 0)
  }

  /** For the loop: takes a request back. @returns whether no thread had claimed it */
  drop(slot: number): boolean {
    return Atomics.compareExchange(this.words, this.states + slot, SLOT.ready, SLOT.dropped) === SLOT.ready
  }

  /** For a thread: takes the next request. @returns its slot, to be given back; -1 where none waits */
  claim(thread: number): number {
    const { words } = this
    for (;;) {
      const at = Atomics.load(words, BOARD.claimed)
      if (at === Atomics.load(words, BOARD.published)) return -1
      const slot = Atomics.load(words, BOARD.ring + (at & this.mask))
      if (Atomics.compareExchange(words, BOARD.claimed, at, (at + 1) | 0) !== at) continue
      const state = this.states + slot
      if (Atomics.compareExchange(words, state, SLOT.ready, SLOT.taken + thread) === SLOT.ready) return slot
      Atomics.store(words, state, SLOT.free)
    }
  }

  /**
   * For the loop: lets go of the requests that were taken back, which otherwise keep their places until a thread
   * passes over them. The others keep their order.
   */
  sweep(): void {
    const live: number[] = []
    for (let slot; (slot = this.claim(LOOP)) >= 0;) live.push(slot)
    for (const slot of live) this.publish(slot)
  }

  /** Gives a slot back: a thread that has read it, or the loop for a thread that has died over it. */
  giveBack(slot: number): void {
    Atomics.store(this.words, this.states + slot, SLOT.free)
  }

  /** For the loop: whether a thread has claimed a slot and not given it back. */
  isTaken(slot: number, thread: number): boolean {
    return Atomics.load(this.words, this.states + slot) === SLOT.taken + thread
  }

  /** For the loop: gives back what a dead thread had not. */
  giveBackOf(thread: number): void {
    for (let slot = 0; slot < this.slotCount; slot++)
      Atomics.compareExchange(this.words, this.states + slot, SLOT.taken + thread, SLOT.free)
  }
}

/** Milliseconds of the system's monotonic clock, which is the same in all threads; their own clocks are not. */
export function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * SIZES.second + nanoseconds / NANOSECONDS
}

const NANOSECONDS = SIZES.second * SIZES.second
