/*
 * Where tasks wait for each other: a Spot holds one task, a ParkingLot any number in the order in
 * which they came. Neither knows what is waited for; that is the business of who wakes them.
 */
import { GyreError } from '../base/index.ts'
import type { Task } from './task.ts'
import type { Trap } from './traps.ts'

/**
 * A place to wait for one task.
 *
 * @example
 * ```ts
 * const spot = new Spot('the post')
 * spawnLater(1, function* () { spot.wake('a letter') })
 * console.log(yield* park(spot)) // a letter
 * ```
 */
export class Spot implements Trap {
  readonly reason: string
  /** The task that waits here. */
  task: Task | null = null

  /** @param reason - what is waited for, in words */
  constructor(reason: string) {
    this.reason = reason
  }

  enter(task: Task): void {
    if (this.task !== null) throw new GyreError('GYRE_TASK_MISUSE', `two tasks cannot both wait for "${this.reason}"`)
    this.task = task
  }

  undo(): void {
    this.task = null
  }

  /** Wakes the task that waits here, if one does. @returns whether one did */
  wake(value?: unknown): boolean {
    const { task } = this
    if (task === null) return false
    this.task = null
    task.wake(value)
    return true
  }

  /** Makes the wait of the task that waits here throw, if one does. @returns whether one did */
  wakeThrow(error: unknown): boolean {
    const { task } = this
    if (task === null) return false
    this.task = null
    task.wakeThrow(error)
    return true
  }
}

/** The place of one task in a ParkingLot. */
interface Place {
  readonly task: Task
  before: Place | null
  after: Place | null
}

/**
 * A queue of waiting tasks: first come, first woken.
 *
 * A linked list, because to take the first of a Map again and again passes over all that were taken before.
 *
 * @example
 * ```ts
 * const lot = new ParkingLot('the bell')
 * const ada = spawn(park<string>(lot))
 * const bob = spawn(park<string>(lot))
 * yield* giveWay()
 * lot.wakeOne('ding')
 * console.log(yield* ada, lot.size) // ding 1
 * lot.wakeAll('dong')
 * console.log(yield* bob) // dong
 * ```
 */
export class ParkingLot implements Trap {
  readonly reason: string
  private readonly places = new Map<Task, Place>()
  private first: Place | null = null
  private last: Place | null = null

  /** @param reason - what is waited for, in words, for reports */
  constructor(reason: string) {
    this.reason = reason
  }

  /** How many tasks wait. */
  get size(): number {
    return this.places.size
  }

  enter(task: Task): void {
    const place = { task, before: this.last, after: null }
    if (this.last === null) this.first = place
    else this.last.after = place
    this.last = place
    this.places.set(task, place)
  }

  undo(task: Task): void {
    const place = this.places.get(task)
    if (place === undefined) return
    const { before, after } = place
    if (before === null) this.first = after
    else before.after = after
    if (after === null) this.last = before
    else after.before = before
    this.places.delete(task)
  }

  /** Takes the task that has waited longest out of the queue. */
  private take(): Task | undefined {
    const task = this.first?.task
    if (task !== undefined) this.undo(task)
    return task
  }

  /** Wakes the task that has waited longest. @returns whether one waited */
  wakeOne(value?: unknown): boolean {
    const task = this.take()
    task?.wake(value)
    return task !== undefined
  }

  /** Wakes all that wait. */
  wakeAll(value?: unknown): void {
    for (let task = this.take(); task !== undefined; task = this.take()) task.wake(value)
  }

  /** Makes the waits of all that wait throw. */
  throwAll(error: unknown): void {
    for (let task = this.take(); task !== undefined; task = this.take()) task.wakeThrow(error)
  }

  /** @returns how many tasks wait */
  statistics(): {
    /** Tasks that wait. */
    readonly waiting: number
  } {
    return { waiting: this.size }
  }
}
