/*
 * PEP 3333 in TypeScript. Strings are "native strings": one character a byte, none above U+00FF.
 */
import type { Trap } from '../kernel/index.ts'
import type { FileLike } from './disk-file.ts'
import type { FileWrapper } from './file-wrapper.ts'
import type { TaskInput, WsgiInput } from './input.ts'

/** Where an application writes what the operator should read. */
export interface WsgiErrors {
  /** Writes text. */
  write(text: string): void
  /** Writes texts one after another; line ends are theirs to bring. */
  writelines(lines: Iterable<string>): void
  /** Sees that all was written. */
  flush(): void
}

/** How an application is run. */
export type WsgiWay = 'inline' | 'generator' | 'threads'

/** What all three ways have in common of the request, as a plain object of the application's own. */
export interface BaseEnviron {
  /** The method, such as `GET`. */
  REQUEST_METHOD: string
  /** The path of the mount, decoded; empty at the root. */
  SCRIPT_NAME: string
  /** The rest of the path, decoded. */
  PATH_INFO: string
  /** What follows the `?` of the target; empty where there is none. */
  QUERY_STRING: string
  /** The name that the client asked for, or else our address. */
  SERVER_NAME: string
  /** Our port, in digits. */
  SERVER_PORT: string
  /** Such as `HTTP/1.1`. */
  SERVER_PROTOCOL: string
  /** Which server this is. */
  SERVER_SOFTWARE: string
  /** The version of CGI that the variables follow (RFC 3875). */
  GATEWAY_INTERFACE: string
  /** The client's address. */
  REMOTE_ADDR: string
  /** The client's port, in digits. */
  REMOTE_PORT: string
  /** The field Content-Type of the request, where there is one. */
  CONTENT_TYPE?: string
  /** The length of the body, in bytes, where it is known. */
  CONTENT_LENGTH?: string
  /** The version of WSGI. */
  'wsgi.version': readonly [1, 0]
  /** How the client reached us. */
  'wsgi.url_scheme': 'http' | 'https'
  /** Where to write what the operator should read. */
  'wsgi.errors': WsgiErrors
  /** Whether another thread of this process may run the application at the same time. */
  'wsgi.multithread': boolean
  /** Whether another process may run it at the same time. */
  'wsgi.multiprocess': boolean
  /** Whether the application is expected to be called once only in its process. */
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
  /** The body. */
  'wsgi.input': WsgiInput
}

/** The request, for applications of the generator way: their input is read with `yield*`. */
export interface TaskEnviron extends BaseEnviron {
  /** The body: `yield*` its calls. */
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
export type WsgiResult = Iterable<Uint8Array> & {
  /** Called once at the end, whatever happened. */
  close?: () => void
}

/** An application. */
export type WsgiApp = (environ: Environ, startResponse: StartResponse) => WsgiResult

/** What an application of the generator way returns: chunks, and between them anything that may wait. */
export type TaskResult = Iterable<Uint8Array | Trap> & {
  /** Called once at the end, whatever happened. */
  close?: () => void
}

/** An application of the generator way: `yield` a chunk, `yield*` a wait. */
export type WsgiTaskApp = (environ: TaskEnviron, startResponse: StartResponse) => TaskResult

/** Wraps an application in another one. */
export type Middleware = (app: WsgiApp) => WsgiApp
