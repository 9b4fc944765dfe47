/*
 * Traps: how a task asks to wait. Nothing else is ever yielded, and nowhere else but here.
 *
 * A trap is an object with an entrance and an undo. To wait is to hand one to the kernel, which
 * stops the task and calls `enter`; whoever is responsible for the wake-up later calls
 * `task.wake(value)` or `task.wakeThrow(error)`, exactly once. If the wait ends earlier, because it
 * was cancelled, the kernel calls `undo`, and after that no wake-up may come. Cancelling, deadlines and
 * disconnects all go this one way, so nothing that waits can be forgotten.
 */
import { GyreError } from '../base/index.ts'
import { Timer } from './deadlines.ts'
import { inspector, whenInspected } from './inspection.ts'
import type { Coroutine, Operation } from './operation.ts'
import { currentTask } from './task.ts'
import type { Task } from './task.ts'

/** A way to wait. */
export interface Trap {
  /** What is waited for, in words, for reports. */
  readonly reason: string
  /** The tasks without which the wait cannot end; missing where it is not known who may end it. */
  readonly holders?: Iterable<Task> | undefined
  /** True where one of the holders is enough, and not all are needed. */
  readonly anyHolder?: boolean
  /** The task stops here: see that `task.wake` is called when the wait is over. */
  enter(task: Task): void
  /** The wait was given up: see that `task.wake` is not called. */
  undo(task: Task): void
}

/**
 * Yields one trap, and is done when the task goes on. It does what `return yield trap` does in a
 * generator: but making one of those, and going into it and out again, costs more than all the rest of
 * a switch between tasks. It is also the result of its own steps, which are read before the next is taken: so a
 * wait is one object and not three.
 */
class Wait<T> implements Operation<T>, Iterator<Trap, T> {
  value: Trap | T
  /** Undefined before the first step. */
  done: boolean | undefined = undefined

  constructor(trap: Trap) {
    this.value = trap
  }

  [Symbol.iterator](): this {
    return this
  }

  next(brought?: unknown): IteratorResult<Trap, T> {
    if (this.done === undefined) this.done = false
    else {
      this.done = true
      this.value = brought as T
    }
    return this as IteratorResult<Trap, T>
  }

  /** True where the next step is the one that waits. */
  get waits(): boolean {
    return this.done === undefined
  }

  throw(error: unknown): never {
    throw error
  }

  return(value: T): IteratorResult<Trap, T> {
    return { done: true, value }
  }
}

/**
 * Waits on a trap. Every wait of every task comes through here.
 *
 * @param trap - is entered once the task has stopped
 * @returns what the wake-up brings
 * @throws what the wake-up throws, or `Cancelled`
 * @example
 * ```ts
 * let bell = (): void => undefined
 * const trap: Trap = {
 *   reason: 'the bell',
 *   enter: (task) => { bell = () => task.wake('ding') },
 *   undo: () => { bell = () => undefined },
 * }
 * setTimeout(() => bell(), 1)
 * console.log(yield* park<string>(trap)) // ding
 * ```
 */
export function park<T>(trap: Trap): Operation<T> {
  return new Wait<T>(trap)
}

/** Operation, its one step, trap and timer in one object: there may be a million of them. */
class Sleep extends Timer implements Operation<void>, Iterator<Trap, void>, Trap {
  private readonly duration: number
  private task: Task | null = null

  constructor(duration: number) {
    super()
    this.duration = duration
  }

  get reason(): string {
    return `sleep(${this.duration})`
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<Trap, void> {
    return this.task === null ? { done: false, value: this } : { done: true, value: undefined }
  }

  get waits(): boolean {
    return this.task === null
  }

  throw(error: unknown): never {
    throw error
  }

  return(): IteratorResult<Trap, void> {
    return { done: true, value: undefined }
  }

  enter(task: Task): void {
    this.task = task
    task.kernel.deadlines.set(this, task.kernel.host.now() + this.duration)
  }

  undo(task: Task): void {
    task.kernel.deadlines.cancel(this)
  }

  expired(): void {
    this.task?.wake()
  }
}

for (const { prototype } of [Wait, Sleep]) whenInspected(prototype)

/**
 * Waits for a time. Only the calling task waits.
 *
 * @param duration - milliseconds; 0 and less only give way
 * @throws GyreError `GYRE_TASK_MISUSE` for NaN
 * @example
 * ```ts
 * const begun = performance.now()
 * yield* sleep(10)
 * console.log(performance.now() - begun >= 9) // true
 * ```
 */
export function sleep(duration: number): Operation<void> {
  if (Number.isNaN(duration)) throw new GyreError('GYRE_TASK_MISUSE', 'sleep() needs a number of milliseconds, not NaN')
  const operation: Operation<void> = duration > 0 ? new Sleep(duration) : park(GIVE_WAY)
  if (inspector !== null) inspector.made(operation, sleep)
  return operation
}

const GIVE_WAY: Trap = {
  reason: 'giveWay()',
  enter(task) {
    task.wake()
  },
  undo() {
    // The wake-up has come already: there is nothing to take back.
  },
}

/**
 * Lets every other task that is ready run first.
 *
 * @example
 * ```ts
 * let sum = 0
 * for (let number = 1; number <= 10_000; number++) {
 *   sum += number
 *   if (number % 1_000 === 0) yield* giveWay()
 * }
 * console.log(sum) // 50005000
 * ```
 */
export function giveWay(): Operation<void> {
  const operation: Operation<void> = park(GIVE_WAY)
  if (inspector !== null) inspector.made(operation, giveWay)
  return operation
}

/**
 * Waits until a descriptor can be read without blocking, or is broken or at its end. For pipes,
 * sockets, eventfd, inotify and whatever else epoll takes.
 *
 * @param descriptor - an open file descriptor; it must stay open while it is waited for
 * @throws GyreError `GYRE_IO_UNAVAILABLE` where there is no epoll; `GYRE_IO_FAILED` where the
 *   descriptor cannot be waited for, such as a plain file
 * @example
 * ```ts
 * import { execFileSync } from 'node:child_process'
 * import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
 * const path = `/tmp/gyre-fifo-${process.pid}`
 * execFileSync('mkfifo', [path])
 * const fifo = openSync(path, 'r+')
 * spawnLater(1, function* () { writeSync(fifo, 'hello') })
 * yield* waitReadable(fifo)
 * const bytes = Buffer.alloc(5)
 * console.log(readSync(fifo, bytes), String(bytes)) // 5 hello
 * closeSync(fifo)
 * unlinkSync(path)
 * ```
 */
export function* waitReadable(descriptor: number): Coroutine<void> {
  yield* park(pollerOfCurrent().readable(descriptor))
}

/**
 * Waits until a descriptor can be written without blocking, or is broken.
 *
 * @param descriptor - an open file descriptor; it must stay open while it is waited for
 * @throws GyreError as `waitReadable`
 * @example
 * ```ts
 * import { execFileSync } from 'node:child_process'
 * import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs'
 * const path = `/tmp/gyre-fifo-${process.pid}`
 * execFileSync('mkfifo', [path])
 * const fifo = openSync(path, 'r+')
 * yield* waitWritable(fifo)
 * console.log(writeSync(fifo, 'hello')) // 5
 * closeSync(fifo)
 * unlinkSync(path)
 * ```
 */
export function* waitWritable(descriptor: number): Coroutine<void> {
  yield* park(pollerOfCurrent().writable(descriptor))
}

function pollerOfCurrent(): NonNullable<Task['kernel']['poller']> {
  const { poller } = currentTask().kernel
  if (poller === null)
    throw new GyreError(
      'GYRE_IO_UNAVAILABLE',
      'waiting for a descriptor needs the epoll io: Linux, the main thread, and koffi',
    )
  return poller
}
