/*
 * Where tasks wait for each other: a Spot holds one task, a ParkingLot any number in the order in
 * which they came. Neither knows what is waited for; that is the business of who wakes them.
 */
import { GyreError } from '../base/index.ts'
import type { Task } from './task.ts'
import type { Trap } from './traps.ts'

/** A place to wait for one task. */
export class Spot implements Trap {
  readonly reason: string
  /** The task that waits here. */
  task: Task | null = null

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

/** A queue of waiting tasks: first come, first woken. */
export class ParkingLot implements Trap {
  readonly reason: string
  // A Set keeps the order of coming and forgets in O(1), which is all that a wait queue needs.
  private readonly tasks = new Set<Task>()

  constructor(reason: string) {
    this.reason = reason
  }

  /** How many tasks wait. */
  get size(): number {
    return this.tasks.size
  }

  enter(task: Task): void {
    this.tasks.add(task)
  }

  undo(task: Task): void {
    this.tasks.delete(task)
  }

  /** Wakes the task that has waited longest. @returns whether one waited */
  wakeOne(value?: unknown): boolean {
    for (const task of this.tasks) {
      this.tasks.delete(task)
      task.wake(value)
      return true
    }
    return false
  }

  /** Wakes all that wait. */
  wakeAll(value?: unknown): void {
    for (const task of this.tasks) task.wake(value)
    this.tasks.clear()
  }

  /** Makes the waits of all that wait throw. */
  throwAll(error: unknown): void {
    for (const task of this.tasks) task.wakeThrow(error)
    this.tasks.clear()
  }
}
