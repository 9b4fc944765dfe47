/*
 * What holds the tasks of a scope: a Set, where nobody brings what suits his better.
 */
import type { Task } from './task.ts'

/** The tasks of a scope. */
export interface ScopeTasks extends Iterable<Task> {
  /** How many there are. */
  readonly size: number
  /** A task has come. */
  add(task: Task): unknown
  /** A task that is there has ended. */
  delete(task: Task): unknown
}
