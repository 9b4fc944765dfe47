/*
 * The time of `socket.setTimeout`: how long nothing may move on a connection before 'timeout' is emitted. What
 * moves only notes when; the deadline is put off when it comes.
 */
import { Deadline } from '../kernel/index.ts'
import type { Expiring, Kernel } from '../kernel/index.ts'

export class IdleTime implements Expiring {
  /** In milliseconds; 0 for no end. */
  duration = 0
  private readonly kernel: Kernel
  private readonly over: () => void
  private deadline: Deadline | null = null
  private moved = 0
  private told = false

  constructor(kernel: Kernel, over: () => void) {
    this.kernel = kernel
    this.over = over
  }

  set(duration: number): void {
    this.duration = duration
    if (duration > 0) this.begin()
    else if (this.deadline !== null) this.kernel.deadlines.cancel(this.deadline)
  }

  /** Something has moved. */
  touch(): void {
    if (this.duration === 0) return
    if (this.told) this.begin()
    else this.moved = this.kernel.host.now()
  }

  expired(now: number): void {
    const due = this.moved + this.duration
    if (now < due) return this.kernel.deadlines.set(this.deadline as Deadline, due)
    // Once, until something moves again.
    this.told = true
    this.over()
  }

  private begin(): void {
    const { deadlines, host } = this.kernel
    this.told = false
    this.moved = host.now()
    deadlines.set((this.deadline ??= new Deadline(this)), this.moved + this.duration)
    // Nobody else may look at the deadlines soon: this is called from outside of ticks, too.
    host.wakeAt(deadlines.next())
  }
}
