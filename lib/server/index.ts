/*
 * Room: server, floor 3.
 * For: HTTP connections over streams; the request and the response that handlers see; starting,
 *   counting and stopping.
 * Never: knows a dialect of handlers, or a flag of the command line.
 * Floor: 3. May import: base, kernel, protocol, sync, io.
 * Suite: test/server. Page: docs/design.md.
 */
export { combinedLine, jsonLine } from './access.ts'
export type { AccessOption } from './access.ts'
export type { BodySource } from './body.ts'
export { createServer } from './create-server.ts'
export type { CloseReport, RunningRequest } from './drain.ts'
export { errorText } from './error-text.ts'
export { HttpError, finish } from './handler.ts'
export type { Handler, HandlerResult } from './handler.ts'
export type { Incoming } from './incoming.ts'
export type { ListenOptions } from './listen-options.ts'
export type { ServerAddress } from './listening.ts'
export { formatEvent, lineLogger } from './log.ts'
export type { LogEvent, Logger } from './log.ts'
export type { ServerOptions } from './options.ts'
export { OUTCOMES } from './record.ts'
export type { Outlet } from './outlet.ts'
export type { AccessRecord, AccessWriter, LoopShare, Outcome, Phase } from './record.ts'
export { Request } from './request.ts'
export type { RequestDoor, RequestFacts, RequestOrigin } from './request.ts'
export { headOf } from './planned.ts'
export { Response } from './response.ts'
export type { InterimStatus, Payload, ResponseSink, ResponseStage } from './response.ts'
export type { ErrorMessage, FinishMessage, RequestMessage, StallMessage } from './tracing.ts'
export type { Refused } from './head-reader.ts'
export type { Companion, Companioned, Manners, Takeover } from './takeover.ts'
export { Server } from './server.ts'
export type { ServerStatistics } from './server.ts'
