/*
 * Room: kernel, one of the two stairs of floor 1.
 * For: running cooperative tasks: the ready ring, deadlines, traps, cancel scopes, nurseries.
 * Never: imports `node:`, reads a clock, sets a timer or touches a descriptor. Time and wake-ups
 *   come through Host, readiness through Poller.
 * Floor: 1. May import: base.
 * Suite: test/kernel, test/contracts/kernel. Page: docs/design.md.
 */
export { watchCancel } from './cancel-watch.ts'
export { inFreshContext } from './context.ts'
export type { Context, Contexts } from './context.ts'
export { findDeadlock, formatDeadlock } from './deadlock.ts'
export type { Deadlock, WaitFor } from './deadlock.ts'
export { Deadline, Deadlines, Timer } from './deadlines.ts'
export type { Expiring } from './deadlines.ts'
export type { Host, Poller } from './host.ts'
export { adoptTask, doingOf, operationMade, spawnStackOf, startInspection, stopInspection } from './inspect.ts'
export type { ForgottenListener } from './inspect.ts'
export { Kernel } from './kernel.ts'
export type { Chance, KernelStatistics, SpawnOptions, StallListener } from './kernel.ts'
export { Meter } from './meter.ts'
export { Nursery, nursery } from './nursery.ts'
export type { NurseryStatistics } from './nursery.ts'
export { headStart } from './head-start.ts'
export { Awaitable, operationOf } from './operation.ts'
export type { Coroutine, Operation, Runnable } from './operation.ts'
export { ParkingLot, Spot } from './parking.ts'
export { waitPromise } from './promises.ts'
export { Cancelled, InnerScope, Scope, shield, withScope, withTimeout } from './scope.ts'
export type { ScopeTasks } from './scope-tasks.ts'
export { TASK_STATES, Task, currentTask } from './task.ts'
export type { Cork, EndListener, TaskKeeper, TaskState } from './task.ts'
export { formatTaskTree, taskTree } from './task-tree.ts'
export type { TaskInfo } from './task-tree.ts'
export { giveWay, park, sleep, waitReadable, waitWritable } from './traps.ts'
export type { Trap } from './traps.ts'
