/*
 * What connections know of their server.
 */
import type { Limits } from '../base/index.ts'
import type { Endpoint } from '../io/index.ts'
import type { Kernel, Task } from '../kernel/index.ts'
import type { Handler } from './handler.ts'
import type { NoBody } from './incoming.ts'
import type { Request } from './request.ts'

/** What a server counts. */
export interface ServerCounts {
  /** Connections taken in. */
  accepted: number
  /** Connections turned away because there were too many. */
  rejected: number
  /** Requests whose head was read. */
  requests: number
  /** Requests whose handler runs now. */
  running: number
  /** Heads that were refused. */
  refused: number
  /** Clients that went before their answer was out. */
  gone: number
}

/** A server, as its connections see it. */
export interface ServerContext {
  readonly kernel: Kernel
  readonly limits: Limits
  readonly handler: Handler
  readonly cancelOnDisconnect: boolean
  readonly counts: ServerCounts
  /** Stands for the body of every request that has none. */
  readonly noBody: NoBody
  /** The line of the Date field. */
  dateLine(): string
  /** The task of a connection has ended. */
  connectionEnded(task: Task, failed: boolean, failure: unknown): void
  /** Has a failure logged. */
  report(error: unknown, status: number, origin: { readonly remote: Endpoint }, request?: Request): void
}
