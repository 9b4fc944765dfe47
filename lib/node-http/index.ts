/*
 * Room: node-http, floor 4.
 * For: the server side of node:http on Gyre: a drop-in for its Server, and its applications as handlers.
 * Never: overrides Node's request and response classes; knows another dialect.
 * Floor: 4. May import: base, kernel, protocol, sync, io, server.
 * Suite: test/node-http. Page: docs/embedding.md.
 */
export { IncomingMessage, METHODS, STATUS_CODES, ServerResponse } from 'node:http'
export type { ServerOptions } from './facade.ts'
export { fromNode } from './from-node.ts'
export { Server, createServer } from './server.ts'
export { toNodeListener } from './to-node-listener.ts'
