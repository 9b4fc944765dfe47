/*
 * Room: protocol, floor 1.
 * For: the grammar and the states of protocols, without any input or output: bytes in, messages out.
 * Never: touches a socket, waits, logs, reads a clock.
 * Floor: 1. May import: base.
 * Suite: test/protocol, test/vectors. Page: docs/http1.md.
 */
export { LAST_CHUNK, chunkHead, lastChunk } from './http1/chunk-writer.ts'
export { ChunkedDecoder } from './http1/chunked.ts'
export { dateLine, httpDate, isoTime, logTime } from './http1/date.ts'
export { RequestFields, ResponseFields, sameName } from './http1/fields.ts'
export type { FieldValue } from './http1/fields.ts'
export { frameBody, readConnection } from './http1/framing.ts'
export type { BodyFraming, ConnectionWish, Framing, FramingFields } from './http1/framing.ts'
export { RequestHead, faultAt, headEnd, parseHead, skipLines } from './http1/head.ts'
export type { HeadLimits } from './http1/head.ts'
export { connectHead, interimHead, upgradeHead } from './http1/interim.ts'
export type { AreaHolder, InputArea } from './http1/input-area.ts'
export { input } from './http1/llhttp.ts'
export { PartialHead } from './http1/partial.ts'
export { CONNECTION_STATES, STATES } from './http1/states.ts'
export type { ConnectionEvent, ConnectionState, ConnectionStateName } from './http1/states.ts'
export { reasonOf } from './http1/status.ts'
export { splitTarget } from './http1/target.ts'
export type { TargetParts } from './http1/target.ts'
export type { TrailerLimits } from './http1/trailers.ts'
export { isBodiless, plainOpening, responseHead } from './http1/writer.ts'
export type { PlannedHead, ResponseFraming, ResponsePlan } from './http1/writer.ts'
export { checkHost, checkMethod, checkTarget, mayTrail, readLength, variableOf } from './policy.ts'
