/*
 * The ready ring: the tasks that can run, in the order in which they became ready.
 *
 * A circular buffer whose size is a power of two, so that an index wraps with one AND. It grows by
 * doubling and never shrinks: the busiest moment is likely to come again.
 */
import type { Task } from './task.ts'

const FIRST_SIZE = 256

export class ReadyRing {
  private slots: (Task | undefined)[] = new Array<Task | undefined>(FIRST_SIZE).fill(undefined)
  private mask: number = FIRST_SIZE - 1
  private head = 0
  /** How many tasks are ready. */
  length = 0

  push(task: Task): void {
    if (this.length > this.mask) this.grow()
    this.slots[(this.head + this.length) & this.mask] = task
    this.length++
  }

  /** Takes the task that has been ready longest. Only to be called while `length` is above 0. */
  shift(): Task {
    const task = this.slots[this.head] as Task
    this.slots[this.head] = undefined
    this.head = (this.head + 1) & this.mask
    this.length--
    return task
  }

  /** Puts those that are ready now into an order by chance. @param below - a whole number from 0 to below the given one */
  shuffle(below: (end: number) => number): void {
    const { slots, mask, head } = this
    for (let left = this.length; left > 1; left--) {
      const last = (head + left - 1) & mask
      const other = (head + below(left)) & mask
      const task = slots[last]
      slots[last] = slots[other]
      slots[other] = task
    }
  }

  private grow(): void {
    const straight = [...this.slots.slice(this.head), ...this.slots.slice(0, this.head)]
    this.slots = straight.concat(new Array<undefined>(straight.length).fill(undefined))
    this.mask = this.slots.length - 1
    this.head = 0
  }
}
