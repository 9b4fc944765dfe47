/*
 * PEP 3333 in TypeScript. Strings are "native strings": one character a byte, none above U+00FF.
 */
import type { WsgiInput } from './input.ts'

/** Where an application writes what the operator should read. */
export interface WsgiErrors {
  write(text: string): void
  writelines(lines: Iterable<string>): void
  flush(): void
}

/** The request, as a plain object of the application's own. */
export interface Environ {
  REQUEST_METHOD: string
  /** The path of the mount, decoded; empty at the root. */
  SCRIPT_NAME: string
  /** The rest of the path, decoded. */
  PATH_INFO: string
  QUERY_STRING: string
  SERVER_NAME: string
  SERVER_PORT: string
  SERVER_PROTOCOL: string
  SERVER_SOFTWARE: string
  GATEWAY_INTERFACE: string
  REMOTE_ADDR: string
  REMOTE_PORT: string
  CONTENT_TYPE?: string
  CONTENT_LENGTH?: string
  'wsgi.version': readonly [1, 0]
  'wsgi.url_scheme': 'http' | 'https'
  'wsgi.input': WsgiInput
  'wsgi.errors': WsgiErrors
  /** Whether another thread of this process may run the application at the same time. */
  'wsgi.multithread': boolean
  /** Whether another process may run it at the same time. */
  'wsgi.multiprocess': boolean
  'wsgi.run_once': boolean
  /** The request target as it was sent. */
  'gyre.raw_target': string
  /** Request header fields, as `HTTP_` and the name, and whatever middleware adds. */
  [key: string]: unknown
}

/** Sends a chunk at once; for applications that cannot return an iterable. */
export type WriteChunk = (chunk: Uint8Array) => void

/**
 * Begins the response. Nothing is sent yet: the head goes out with the first chunk that is not empty.
 *
 * @param status - code and reason, such as `200 OK`
 * @param headers - pairs of name and value
 * @param error - where the application replaces a response that it had begun, because of this error
 */
export type StartResponse = (
  status: string,
  headers: readonly (readonly [name: string, value: string])[],
  error?: unknown,
) => WriteChunk

/** What an application returns: chunks, and maybe a `close` that is called at the end, whatever happened. */
export type WsgiResult = Iterable<Uint8Array> & { close?: () => void }

/** An application. */
export type WsgiApp = (environ: Environ, startResponse: StartResponse) => WsgiResult
