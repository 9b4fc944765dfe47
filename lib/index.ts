/*
 * Gyre: an HTTP server on its own readiness loop, with cooperative tasks.
 *
 * This file is the roof: the only one that sees every floor, and what `import … from 'gyre'` gives.
 */
export { ERRORS, GyreError, LIMITS } from './base/index.ts'
export type { Blame, EffectiveLimit, ErrorCode, ErrorRow, LimitName, LimitRow, Limits } from './base/index.ts'
export { END, WOULD_WAIT, readSome, run, spawn, writeAll } from './io/index.ts'
export type { ByteStream, Endpoint, IoChoice, IoKind, IoWish } from './io/index.ts'
export {
  Cancelled,
  Nursery,
  Scope,
  Task,
  giveWay,
  nursery,
  shield,
  sleep,
  waitPromise,
  waitReadable,
  waitWritable,
  withScope,
  withTimeout,
} from './kernel/index.ts'
export type { Coroutine, Operation, Runnable, SpawnOptions, TaskState } from './kernel/index.ts'
export { RequestFields, ResponseFields } from './protocol/index.ts'
export { HttpError, OUTCOMES, Request, Response, Server, combinedLine, createServer, jsonLine } from './server/index.ts'
export type {
  AccessOption,
  AccessRecord,
  AccessWriter,
  CloseReport,
  Handler,
  ListenOptions,
  LogEvent,
  Logger,
  InterimStatus,
  Outcome,
  Payload,
  Phase,
  RunningRequest,
  ServerAddress,
  ServerOptions,
  ServerStatistics,
} from './server/index.ts'
