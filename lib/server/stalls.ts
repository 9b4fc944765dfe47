/*
 * Steps that take too long, told with the request that they were of: while one runs, nobody else is served.
 */
import { GyreError } from '../base/index.ts'
import { Connection } from './connection.ts'
import type { ServerContext } from './context.ts'
import { loopStall } from './tracing.ts'
import type { StallMessage } from './tracing.ts'

/** Has them told to a server. All servers of the thread share the loop, and the newest that watches is told. */
export function watchStalls(server: Pick<ServerContext, 'kernel' | 'limit' | 'tally'> & StallReport): void {
  if (server.limit.stallTime === Infinity) return
  server.kernel.watchStalls(server.limit.stallTime, (task, duration, site) => {
    const connection = task.keeper instanceof Connection ? task.keeper : null
    const request = connection?.exchange?.request ?? connection?.recent ?? null
    const what = `${request === null ? '' : `${request.method} ${request.path}, `}task ${task.name}`
    const until = site[0] === undefined ? '' : `, until it waited at ${site[0]}`
    const error = new GyreError('GYRE_LOOP_STALLED', `${what}: one step took ${duration.toFixed(1)} ms${until}`)
    server.tally.hit(error)
    server.report(error, 0, connection)
    if (loopStall.hasSubscribers) loopStall.publish({ task, duration, site, request } satisfies StallMessage)
  })
}

interface StallReport {
  report(error: GyreError, status: number, connection: Connection | null): void
}
