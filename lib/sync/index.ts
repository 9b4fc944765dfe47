/*
 * Room: sync, on floor 2 beside io.
 * For: tasks that work together: events, locks, queues, channels, groups and pools, waiting for several
 *   things, values along the spawn tree, bridges to AbortSignal and async iterators.
 * Never: touches the kernel's insides: it stands on park, scopes and nurseries like any user's code.
 * Floor: 2. May import: base, kernel.
 * Suite: test/sync. Page: docs/tasks.md.
 */
export { Channel } from './channel.ts'
export type { ChannelStatistics } from './channel.ts'
export { Condition } from './condition.ts'
export type { ConditionStatistics } from './condition.ts'
export { endingOf, link, linkError, linkValue } from './endings.ts'
export type { TaskEnding } from './endings.ts'
export { AsyncResult, Event } from './event.ts'
export type { AsyncResultStatistics, EventStatistics } from './event.ts'
export { TaskGroup } from './group.ts'
export type { GroupOptions, GroupStatistics } from './group.ts'
export { Held, hold, holding } from './holding.ts'
export type { Holdable } from './holding.ts'
export { kill, killAll } from './kill.ts'
export type { KillOptions } from './kill.ts'
export { TaskLocal } from './local.ts'
export { Lock, RLock } from './lock.ts'
export type { LockStatistics } from './lock.ts'
export { PeriodicCallback, every } from './periodic.ts'
export type { EveryOptions, PeriodicStatistics } from './periodic.ts'
export { Pool } from './pool.ts'
export type { PoolStatistics } from './pool.ts'
export { LifoQueue, PriorityQueue, Queue } from './queue.ts'
export type { QueueStatistics, ShutdownOptions } from './queue.ts'
export type { Waitable } from './ready.ts'
export { BoundedSemaphore, CapacityLimiter, Semaphore } from './semaphore.ts'
export type { CapacityLimiterStatistics, SemaphoreStatistics } from './semaphore.ts'
export { abortable, signalOf, withSignal } from './signal.ts'
export { Source, each } from './source.ts'
export { moveOnAfter } from './timeout.ts'
export type { ScopedWork } from './timeout.ts'
export { all, race } from './together.ts'
export type { ResultOf, ResultsOf, Winner, Works } from './together.ts'
export { asCompleted, joinAll, waitFor } from './wait.ts'
export type { JoinOptions, WaitOptions } from './wait.ts'
