/*
 * What connections know of their server.
 */
import type { Limits } from '../base/index.ts'
import type { Endpoint } from '../io/index.ts'
import type { Kernel, Task } from '../kernel/index.ts'
import type { Afterwork } from './afterwork.ts'
import type { OutputBudget } from './budget.ts'
import type { Handler } from './handler.ts'
import type { NoBody } from './incoming.ts'
import type { Request } from './request.ts'
import type { Manners } from './takeover.ts'
import type { Settlement, Tally } from './tally.ts'

/** A server, as its connections see it. */
export interface ServerContext {
  readonly kernel: Kernel
  /** The limits in force. */
  readonly limit: Limits
  readonly handler: Handler
  /** Answers CONNECT; null where that is refused. */
  readonly connect: Handler | null
  readonly cancelOnDisconnect: boolean
  /** The manners of a dialect that serves all connections; null for our own. */
  readonly manners: Manners | null
  /** Whether each request's share of the loop is counted. */
  readonly accounting: boolean
  readonly tally: Tally
  readonly budget: OutputBudget
  readonly afterwork: Afterwork
  /** Stands for the body of every request that has none. */
  readonly noBody: NoBody
  /** The line of the Date field. */
  dateLine(): string
  /** The task of a connection has ended. @param address - what its client was counted under; null where it was not */
  connectionEnded(task: Task, address: string | null): void
  /** A request has ended: it is counted, and written down. */
  settle(settlement: Settlement): void
  /** Has a failure logged. */
  report(error: unknown, status: number, origin: { readonly remote: Endpoint }, request?: Request): void
}
