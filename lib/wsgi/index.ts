/*
 * Room: wsgi, floor 4.
 * For: hosting applications of PEP 3333, in its TypeScript form.
 * Never: knows sockets or HTTP framing; knows another dialect.
 * Floor: 4. May import: base, kernel, protocol, sync, io, server.
 * Suite: test/wsgi. Page: docs/design.md.
 */
export { wsgi } from './container.ts'
export type { Environ, StartResponse, WsgiApp, WsgiErrors, WsgiResult, WriteChunk } from './types.ts'
export { WsgiInput } from './input.ts'
