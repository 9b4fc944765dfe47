/*
 * The roster: all connections of a server, what they are at, and the ways to end them.
 *
 * It is an array in which each connection knows its seat, and no Set: one that many pass through moves to a new table
 * again and again, and each table that garbage collection has taken for long-lived keeps all who were in it.
 */
import { Scope } from '../kernel/index.ts'
import type { Kernel, Task, ScopeTasks } from '../kernel/index.ts'
import type { Connection } from './connection.ts'
import type { RunningRequest } from './drain.ts'

export class Roster implements ScopeTasks {
  private readonly kernel: Kernel
  private readonly scope: Scope
  /** The tasks of all connections; each is kept by its Connection, which has its seat. */
  private readonly tasks: Task[] = []

  /** @param grace - how long a connection's cleanup may take after a cancel, in milliseconds */
  constructor(kernel: Kernel, grace: number) {
    this.kernel = kernel
    this.scope = new Scope(kernel, null, false)
    this.scope.grace = grace
    this.scope.tasks = this
  }

  /** How many there are. */
  get size(): number {
    return this.tasks.length
  }

  [Symbol.iterator](): Iterator<Task> {
    return this.tasks.values()
  }

  /** Takes a connection in, and has it served. */
  enter(connection: Connection): void {
    this.kernel.start(connection, 'connection', this.scope, connection)
  }

  /** A connection has ended. @param task - its task */
  leave(task: Task): void {
    this.scope.leave(task)
  }

  /** For the scope. */
  add(task: Task): void {
    connectionOf(task).seat = this.tasks.push(task) - 1
  }

  /** For the scope. The last one moves to the seat that is free. */
  delete(task: Task): void {
    const { seat } = connectionOf(task)
    const last = this.tasks.pop()
    if (last === undefined || last === task) return
    this.tasks[seat] = last
    connectionOf(last).seat = seat
  }

  /** The requests that run, the oldest first. @param now - of the host's clock */
  running(now: number): RunningRequest[] {
    const found: RunningRequest[] = []
    for (const { exchange } of this.connections()) {
      if (exchange === null) continue
      const { head, origin, phase, started } = exchange
      const { method, target } = head
      found.push({ method, target, remote: origin.remote, phase, age: now - started })
    }
    return found.sort((one, other) => other.age - one.age)
  }

  /** Has every connection end after its answer. */
  windDown(): void {
    for (const connection of this.connections()) connection.windDown()
  }

  /** The same for those on which nothing was answered yet. */
  windDownFresh(): void {
    for (const connection of this.connections()) if (connection.fresh) connection.windDown()
  }

  /** Cancels what runs. */
  cancel(): void {
    this.scope.cancel('the server shuts down')
  }

  /** Resets the connections. */
  reset(): void {
    for (const { stream } of this.connections()) stream.reset()
  }

  private connections(): Connection[] {
    return this.tasks.map(connectionOf)
  }
}

function connectionOf({ keeper }: Task): Connection {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- as `enter` has started it
  return keeper as Connection
}
