/*
 * Runs a random program on the mock host, with its cancels and wake-ups, and gives every breach of the law
 * of cancellation as a sentence:
 *
 * - each `finally` runs once, in full unless its grace is over or a scope inside it is cancelled
 * - nothing takes a step after its nursery or its task has ended
 * - what was cancelled has ended when the grace is over, but for what shields hold up
 * - a cancel comes neither through a shield nor to where its scope does not reach
 * - withScope and withTimeout keep nothing for themselves but their own cancel
 * - each failure ends in one place: a catch, the root, or the host
 * - in the end no task, no deadline and no waiter is left
 */
import {
  Cancelled,
  ParkingLot,
  Spot,
  currentTask,
  giveWay,
  nursery,
  park,
  shield,
  sleep,
  withScope,
  withTimeout,
} from '../../lib/kernel/index.ts'
import type { Coroutine, Kernel, Operation, Scope, Task } from '../../lib/kernel/index.ts'
import { MockHost } from '../support/mock-host.ts'

import { timeInShields } from './law-program.ts'
import type { Case, Program } from './law-program.ts'

/** Of all cancels, in milliseconds. */
const GRACE = 40
/** When all that has not ended by itself is cancelled. */
const LATE = 2000
/** How long a stubborn piece goes on, in waits: longer than any cleanup, so that the kernel must drop it. */
const STUBBORN = 2000

/** What can be cancelled, and when it first was. */
interface Target {
  readonly scope: Scope
  cancelledAt: number
}

/** A nursery around some code, and those around it. */
interface Place {
  readonly outer: Place | null
  readonly owner: Task
  ended: boolean
}

/** A cleanup that a cancel has led to, and where it stands. */
interface Cleanup {
  readonly because: Scope
  readonly scope: Scope
}

class Run {
  readonly host: MockHost
  readonly kernel: Kernel
  readonly breaches = new Set<string>()
  private readonly targets: Target[] = []
  private readonly detached: Task[] = []
  private readonly lot = new ParkingLot('the lot')
  private readonly spots: Spot[] = []
  /** How often each `finally` that was entered has run, and in which task. */
  private readonly cleanups: { task: Task; runs: number; pending: unknown }[] = []
  /** Every error that was thrown, and where it has ended up. */
  private readonly errors = new Map<unknown, string[]>()
  private readonly dropped = new Set<Task>()
  /** The cleanups that are under way in each task. */
  private readonly cleaning = new Map<Task, Cleanup[]>()
  private readonly shieldBudget: number

  constructor(given: Case) {
    this.host = new MockHost({ seed: given.seed })
    this.kernel = this.host.kernel
    this.shieldBudget = timeInShields(given.program, false)
    this.kernel.cancelGrace = GRACE
    this.host.unobserved = (error: unknown, task?: Task) => {
      if ((error as { code?: string } | null)?.code === 'GYRE_CANCEL_IGNORED') this.dropped.add(task as Task)
      else this.arrived(error, 'unobserved')
    }
    const root = this.kernel.spawn(this.task(given.program, null), { name: 'root' })
    this.target(root)
    root.whenEnded((failed, error) => {
      if (failed) this.arrived(error, 'root')
    })
    for (const { at, which } of given.cancels) this.at(at, () => this.cancel(this.targets[which % this.targets.length]))
    for (let at = 20; at < 200; at += 45) this.at(at, () => this.wakeSome())
    this.at(LATE, () => this.targets.forEach((target) => this.cancel(target)))
  }

  finish(): string[] {
    this.host.settle()
    // What was started late may have nobody to end it.
    for (let round = 0; round < 10 && this.kernel.statistics().tasks > 0; round++) {
      for (const target of this.targets) this.cancel(target)
      this.host.settle()
    }
    const { tasks, ready, deadlines } = this.kernel.statistics()
    this.hold(
      tasks === 0 && ready === 0 && deadlines === 0,
      `left: ${tasks} tasks, ${ready} ready, ${deadlines} deadlines`,
    )
    this.hold(this.lot.size === 0, 'the parking lot holds a waiter')
    for (const spot of this.spots) this.hold(spot.task === null, 'a spot holds a waiter')
    for (const { task, runs, pending } of this.cleanups) {
      this.hold(runs === 1 || (runs === 0 && this.dropped.has(task)), `a finally ran ${runs} times`)
      // A task that was dropped in its cleanup takes along what it was about to throw.
      if (this.dropped.has(task)) this.arrived(pending, 'dropped')
    }
    for (const [, ends] of this.errors)
      this.hold(ends.length === 1, `a failure ended in ${ends.join(' and ') || 'nothing'}`)
    return [...this.breaches]
  }

  private hold(truth: boolean, otherwise: string): void {
    if (!truth) this.breaches.add(otherwise)
  }

  private at(time: number, work: () => void): void {
    this.kernel.spawn(
      function* () {
        yield* sleep(time)
        work()
      },
      { name: 'driver' },
    )
  }

  private cancel(target: Target | undefined): void {
    if (target === undefined || !target.scope.active) return
    if (target.scope.cancelled === null) target.cancelledAt = Math.min(target.cancelledAt, this.host.now())
    target.scope.cancel('by the driver')
  }

  private wakeSome(): void {
    this.lot.wakeOne()
    for (const spot of this.spots) if (spot.wake()) return
  }

  private target(scope: Scope): Target {
    const target = { scope, cancelledAt: Infinity }
    this.targets.push(target)
    return target
  }

  /** What was cancelled has ended: in time? */
  private endedInTime({ cancelledAt }: Target, what: string): void {
    const late = this.host.now() - cancelledAt - GRACE - this.shieldBudget
    this.hold(!(late > 0), `${what} ended later than its grace allows`)
  }

  private error(): Error {
    const error = new Error('on purpose')
    this.errors.set(error, [])
    return error
  }

  /** An error has come to where it goes no further. */
  private arrived(error: unknown, where: string): void {
    if (error instanceof AggregateError) for (const one of error.errors) this.arrived(one, where)
    else this.errors.get(error)?.push(where)
  }

  /** Takes note of every step: is the place that it is taken in still there? */
  private step(place: Place | null): void {
    // Children of a task that was dropped are ended, but nobody waits for them any more.
    for (let at = place; at !== null && !this.dropped.has(at.owner); at = at.outer)
      this.hold(!at.ended, 'something ran after its nursery had ended')
    this.hold(!currentTask().ended, 'something ran after its task had ended')
  }

  /** Waits; sees that no cancel comes through a shield. */
  private *wait(work: Operation<unknown>, place: Place | null): Coroutine<void> {
    this.step(place)
    try {
      yield* work
    } catch (error) {
      let scope: Scope | null = currentTask().scope
      while (scope !== null && scope !== (error as Cancelled).scope) scope = scope.shielded ? null : scope.outer
      this.hold(scope !== null, 'a cancel came to where it does not reach')
      if (scope !== null) this.mayBreakOff(scope)
      throw error
    } finally {
      this.step(place)
    }
  }

  /** A cleanup is broken off by the end of a grace, or by a scope inside it, and by nothing else. */
  private mayBreakOff(by: Scope): void {
    for (const { because, scope: place } of this.cleaning.get(currentTask()) ?? []) {
      if (by.graceOver || because.graceOver) continue
      let scope: Scope | null = place
      while (scope !== null && scope !== by) scope = scope.outer
      this.hold(scope === null, 'a cleanup was broken off by a cancel before its grace was over')
    }
  }

  private *task(program: Program, place: Place | null): Coroutine<void> {
    const self = this.target(currentTask())
    try {
      yield* this.run(program, place)
    } finally {
      this.endedInTime(self, 'a task')
    }
  }

  private *run(program: Program, place: Place | null): Coroutine<void> {
    this.step(place)
    switch (program.kind) {
      case 'sleep':
        return yield* this.wait(sleep(program.time), place)
      case 'giveWay':
        return yield* this.wait(giveWay(), place)
      case 'lot':
        return yield* this.wait(park(this.lot), place)
      case 'spot': {
        const spot = new Spot('a spot')
        this.spots.push(spot)
        return yield* this.wait(park(spot), place)
      }
      case 'fail':
        throw this.error()
      case 'failNull':
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- people do
        throw null
      case 'stubborn':
        for (let left = STUBBORN; left > 0; left--) {
          try {
            yield* this.wait(sleep(program.time + 1), place)
          } catch {
            // Goes on regardless.
          }
        }
        return
      case 'sequence':
        for (const part of program.parts) yield* this.run(part, place)
        return
      case 'finally':
        return yield* this.cleaningUp(program.body, program.cleanup, place)
      case 'swallow':
        try {
          yield* this.run(program.body, place)
        } catch (error) {
          this.arrived(error, 'catch')
        }
        return yield* this.run(program.after, place)
      case 'nursery':
        return yield* this.nursery(program.body, program.children, place)
      case 'scope':
        return yield* this.scope(program.body, program.cancel, place)
      case 'timeout':
        return yield* this.timeout(program.time, program.body, place)
      case 'shield':
        return yield* shield(this.run(program.body, place))
      case 'spawn': {
        // A task of nobody's has no place; one of a scope may clean up after the scope has ended.
        const scope = program.into === 'scope' ? currentTask().scope : null
        this.detached.push(this.kernel.spawn(this.task(program.body, null), { scope }))
        return
      }
      case 'join':
        return yield* this.join(this.detached[program.which % this.detached.length], place)
    }
  }

  private *cleaningUp(body: Program, cleanup: Program, place: Place | null): Coroutine<void> {
    const record = { task: currentTask(), runs: 0, pending: undefined as unknown }
    this.cleanups.push(record)
    try {
      yield* this.run(body, place)
    } catch (error) {
      record.pending = error
      throw error
    } finally {
      record.runs++
      const { scope } = currentTask()
      const cleaning = scope.isReachedBy(record.pending) ? [{ because: record.pending.scope, scope }] : []
      this.cleaning.set(record.task, [...(this.cleaning.get(record.task) ?? []), ...cleaning])
      try {
        yield* this.run(cleanup, place)
        record.pending = undefined
      } catch (error) {
        // An error of the cleanup takes the place of the other one: so says the language.
        if (error !== record.pending) this.arrived(record.pending, 'replaced')
        record.pending = undefined
        throw error
      } finally {
        if (cleaning.length > 0) this.cleaning.get(record.task)?.pop()
      }
    }
  }

  private *nursery(body: Program, children: Program[], outer: Place | null): Coroutine<void> {
    const place: Place = { outer, owner: currentTask(), ended: false }
    let target: Target | undefined
    try {
      yield* nursery((self) => {
        target = this.target(self.scope)
        for (const child of children) self.spawn(this.task(child, place))
        return this.run(body, place)
      })
    } finally {
      place.ended = true
      if (target !== undefined) this.endedInTime(target, 'a nursery')
    }
  }

  private *scope(body: Program, cancel: boolean, place: Place | null): Coroutine<void> {
    let target: Target | undefined
    const thrown: unknown[] = []
    try {
      yield* withScope((scope) => {
        target = this.target(scope)
        if (cancel) this.cancel(target)
        return noting(this.run(body, place), thrown)
      })
      if (thrown.length > 0)
        this.hold((thrown[0] as Cancelled | null)?.scope === target?.scope, 'withScope swallowed what was not its own')
    } finally {
      if (target !== undefined) this.endedInTime(target, 'a scope')
    }
  }

  private *timeout(time: number, body: Program, place: Place | null): Coroutine<void> {
    const thrown: unknown[] = []
    const until: Target = { scope: currentTask(), cancelledAt: this.host.now() + time }
    let own: Scope | undefined
    const noteScope = (): Coroutine<void> => {
      own = currentTask().scope
      return noting(this.run(body, place), thrown)
    }
    try {
      yield* withTimeout(time, noteScope)
      this.hold(thrown.length === 0, 'withTimeout swallowed an error')
    } catch (error) {
      if (error !== thrown[0]) {
        this.errors.set(error, [])
        this.hold((thrown[0] as Cancelled | null)?.scope === own, 'withTimeout swallowed what was not its own')
      }
      throw error
    } finally {
      this.endedInTime(until, 'a time limit')
    }
  }

  private *join(task: Task | undefined, place: Place | null): Coroutine<void> {
    if (task === undefined || task === currentTask()) return
    try {
      yield* task
    } catch (error) {
      if (!task.ended || !this.leaves(error).some((one) => this.errors.has(one))) throw error
      // From here on it is a failure of the one who joined.
      for (const one of this.leaves(error)) {
        const ends = this.errors.get(one)
        if (ends?.length === 0) ends.push('joined')
      }
      throw this.error()
    } finally {
      this.step(place)
    }
  }

  private leaves(error: unknown): unknown[] {
    return error instanceof AggregateError ? error.errors.flatMap((one) => this.leaves(one)) : [error]
  }
}

function* noting(work: Coroutine<void>, thrown: unknown[]): Coroutine<void> {
  try {
    yield* work
  } catch (error) {
    thrown.push(error)
    throw error
  }
}

/** @returns every breach of the law, in words */
export function runProgram(given: Case): string[] {
  return new Run(given).finish()
}
