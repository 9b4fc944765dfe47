/*
 * Room: handlers, floor 4.
 * For: putting handlers together: mounts by path; applications of the Fetch standard.
 * Never: knows WSGI, or another front door than the exchange.
 * Floor: 4. May import: base, kernel, protocol, sync, io, server.
 * Suite: test/handlers. Page: docs/design.md.
 */
export { FetchResponse, fromFetch, toFetch } from './fetch/index.ts'
export type { FetchApp, FetchContext, FetchFunction } from './fetch/index.ts'
export { mount } from './mount.ts'
