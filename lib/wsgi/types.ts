/*
 * PEP 3333 in TypeScript. Strings are "native strings": one character a byte, none above U+00FF.
 */
import type { Trap } from '../kernel/index.ts'
import type { FileLike } from './disk-file.ts'
import type { FileWrapper } from './file-wrapper.ts'
import type { TaskInput, WsgiInput } from './input.ts'

/** Where an application writes what the operator should read. */
export interface WsgiErrors {
  write(text: string): void
  writelines(lines: Iterable<string>): void
  flush(): void
}

/** How an application is run. */
export type WsgiWay = 'inline' | 'generator' | 'threads'

/** What all three ways have in common of the request, as a plain object of the application's own. */
export interface BaseEnviron {
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
  'wsgi.errors': WsgiErrors
  /** Whether another thread of this process may run the application at the same time. */
  'wsgi.multithread': boolean
  /** Whether another process may run it at the same time. */
  'wsgi.multiprocess': boolean
  'wsgi.run_once': boolean
  /** True: the input ends where the body ends, also where no CONTENT_LENGTH was sent. */
  'wsgi.input_terminated': boolean
  /** Makes an iterable of a file (W31). */
  'wsgi.file_wrapper': (file: FileLike, blockSize?: number) => FileWrapper
  /** The request target as it was sent. */
  'gyre.raw_target': string
  /** How the application is run. */
  'gyre.way': WsgiWay
  /** Request header fields. */
  [field: `HTTP_${string}`]: string | undefined
  /** Whatever middleware adds. */
  [key: string]: unknown
}

/** The request, for applications that run inline or in threads. */
export interface Environ extends BaseEnviron {
  'wsgi.input': WsgiInput
}

/** The request, for applications of the generator way: their input is read with `yield*`. */
export interface TaskEnviron extends BaseEnviron {
  'wsgi.input': TaskInput
}

/** Sends a chunk at once; for applications that cannot return an iterable. */
export type WriteChunk = (chunk: Uint8Array) => void

/** Pairs of name and value. */
export type WsgiHeaders = readonly (readonly [name: string, value: string])[]

/**
 * Begins the response. Nothing is sent yet: the head goes out with the first chunk that is not empty.
 *
 * @param status - code and reason, such as `200 OK`
 * @param headers - pairs of name and value
 * @param error - where the application replaces a response that it had begun, because of this error
 */
export type StartResponse = (status: string, headers: WsgiHeaders, error?: unknown) => WriteChunk

/** What an application returns: chunks, and maybe a `close` that is called at the end, whatever happened. */
export type WsgiResult = Iterable<Uint8Array> & { close?: () => void }

/** An application. */
export type WsgiApp = (environ: Environ, startResponse: StartResponse) => WsgiResult

/** What an application of the generator way returns: chunks, and between them anything that may wait. */
export type TaskResult = Iterable<Uint8Array | Trap> & { close?: () => void }

/** An application of the generator way: `yield` a chunk, `yield*` a wait. */
export type WsgiTaskApp = (environ: TaskEnviron, startResponse: StartResponse) => TaskResult

/** Wraps an application in another one. */
export type Middleware = (app: WsgiApp) => WsgiApp
