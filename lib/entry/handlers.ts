/*
 * `gyre/handlers`: what puts a server together. The handlers room, and the dialects that have rooms of their own.
 */
export * from '../handlers/index.ts'
export { fromNode, toNodeListener } from '../node-http/index.ts'
