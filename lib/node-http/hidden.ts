/*
 * What Node's classes keep under names that are not public, and a server has to reach: the layer between
 * `http.ServerResponse` and a socket. The symbols are found by their descriptions, which have been the same from
 * Node 20 to 26; where one is missing, what hangs on it is left undone, and nothing else breaks.
 */
import { OutgoingMessage, Server } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A request, with what servers write into it. */
export interface HiddenRequest extends IncomingMessage {
  upgrade: boolean | null
  client: unknown
  originalUrl?: string
  baseUrl?: string
  joinDuplicateHeaders: boolean
  _consuming: boolean
  _dumped: boolean
  _readableState: Record<string, unknown>
  _addHeaderLines(flat: string[], count: number): void
  _dump(): void
}

/** A response, with what servers read of it. */
export interface HiddenResponse extends ServerResponse {
  destroyed: boolean
  outputData: unknown[]
  chunkedEncoding: boolean
  maxRequestsOnConnectionReached: boolean
  _header: string | null
  _hasBody: boolean
  /** What the head has announced; null where it has no length. */
  _contentLength: number | null
  _headerSent: boolean
  _closed: boolean
  _last: boolean
  _keepAliveTimeout: number
  _maxRequestsPerSocket: number
  _expect_continue: boolean
}

/** Node's own server. Kept here, because `register` replaces what the import gives. */
export const NodeServer: typeof Server = Server
/** Its type. */
export type NodeServer = Server

function symbolOf(object: object, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(object).find((symbol) => symbol.description === description)
}

const needDrain = symbolOf(new OutgoingMessage(), 'kNeedDrain')
const uniqueHeaders = symbolOf(new NodeServer(), 'kUniqueHeaders')

type Symbols = Record<symbol, unknown>

/** Tells a response that there is room again, if it has said that there was none. */
export function emitDrain(response: HiddenResponse): void {
  const symbols = response as unknown as Symbols
  if (response.writableEnded || needDrain === undefined || symbols[needDrain] !== true) return
  symbols[needDrain] = false
  response.emit('drain')
}

/** Hands the server's option `uniqueHeaders` on to a response. */
export function shareUniqueHeaders(server: object, response: object): void {
  if (uniqueHeaders === undefined) return
  const unique = (server as Symbols)[uniqueHeaders]
  if (unique !== null && unique !== undefined) (response as Symbols)[uniqueHeaders] = unique
}

/** The error of a request whose client has gone. */
export function aborted(): Error {
  return Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
}

/**
 * Runs code of the application where it must not break what calls it. What it throws is nobody's request: it goes
 * where Node sends it, to `uncaughtException`.
 */
export function guard<A extends unknown[]>(call: (...given: A) => unknown, ...given: A): void {
  try {
    call(...given)
  } catch (error) {
    throwLater(error)
  }
}

/** Throws where nothing of ours is on the stack. */
export function throwLater(error: unknown): void {
  process.nextTick(rethrow, error)
}

function rethrow(error: unknown): never {
  throw error
}
