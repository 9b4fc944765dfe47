/*
 * Room: wsgi, floor 4.
 * For: hosting applications of PEP 3333, in its TypeScript form: on the loop, as generators that wait, in threads;
 *   checking them, putting them together, and the toolset of wsgiref.
 * Never: knows sockets or HTTP framing; knows another dialect.
 * Floor: 4. May import: base, kernel, protocol, sync, io, server.
 * Suite: test/wsgi. Page: docs/wsgi.md.
 */
export type { WsgiLimitName, WsgiLimits } from '../base/index.ts'
export { compose, hostApps, mountApps } from './compose.ts'
export type { App } from './compose.ts'
export { wsgi } from './container.ts'
export { DiskFile } from './disk-file.ts'
export type { FileLike } from './disk-file.ts'
export { FileWrapper } from './file-wrapper.ts'
export { wsgiGenerator } from './generator.ts'
export { Headers } from './headers.ts'
export { isHopByHop } from './hop-by-hop.ts'
export { TaskInput, WsgiInput } from './input.ts'
export type { Pull } from './input.ts'
export { lint, lintMiddleware } from './lint.ts'
export { fromHandler } from './native.ts'
export type { WsgiOptions } from './options.ts'
export { demoApp, makeServer } from './simple-server.ts'
export { wsgiThreads } from './threads.ts'
export type { ThreadedWsgi } from './threads.ts'
export type { ThreadStatistics } from './threads/pool.ts'
export type {
  BaseEnviron,
  Environ,
  Middleware,
  StartResponse,
  TaskEnviron,
  TaskResult,
  WriteChunk,
  WsgiApp,
  WsgiErrors,
  WsgiHeaders,
  WsgiResult,
  WsgiTaskApp,
  WsgiWay,
} from './types.ts'
export { applicationUri, guessScheme, requestUri, setupTestingDefaults, shiftPathInfo } from './util.ts'
export type { UrlEnviron } from './util.ts'
