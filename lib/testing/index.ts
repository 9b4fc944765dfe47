/*
 * Room: testing, a side wing beside floor 4. `gyre/testing`.
 * For: tests of handlers and servers: a virtual clock, streams in memory, a recorder, requests without
 *   sockets, and clients that behave badly.
 * Never: is imported by another room.
 * Floor: 4. May import: base, kernel, protocol, sync, io, server.
 * Suite: test/testing, test/contracts (a byte stream). Page: docs/testing.md.
 */
export type { Answer, InterimAnswer } from './answer.ts'
export { ATTACKS, AttackReport, attack } from './attack.ts'
export type { AttackKind } from './attack.ts'
export type { StallPhase } from './attacks/pace.ts'
export { inOrders } from './in-orders.ts'
export type { OrdersOptions } from './in-orders.ts'
export { inject } from './inject.ts'
export type { InjectOptions, InjectedRequest } from './inject.ts'
export { memoryPair } from './memory.ts'
export type { MemoryPairOptions, MemoryStream } from './memory.ts'
export { record } from './recorder.ts'
export type { Recorder } from './recorder.ts'
export { createRepeater } from './repeater.ts'
export type { Repeater } from './repeater.ts'
export {
  byteAtATime,
  earlyGarbage,
  endlessChunkExtension,
  endlessHead,
  endlessTrailers,
  halfClose,
  oneByteChunks,
  pipelining,
  resetAt,
  slowReader,
  stallAt,
  tlsHelloOnPlainPort,
} from './single.ts'
export type { AttackFunction, Trial } from './single.ts'
export { STREAM_LAWS } from './stream-laws.ts'
export type { StreamLaw, StreamPair, StreamPeer } from './stream-laws.ts'
export type { Verdict } from './verdict.ts'
export type { AttackOptions, Target, TargetAddress } from './victim.ts'
export { VirtualHost, resultOf, runVirtual } from './virtual-host.ts'
export type { VirtualOptions, VirtualRun } from './virtual-host.ts'
