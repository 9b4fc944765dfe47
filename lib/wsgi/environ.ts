/*
 * The environ of a request: a plain object, made fresh, which the application may change as it likes (W2).
 */
import { variableOf } from '../protocol/index.ts'
import { wrapFile } from './file-wrapper.ts'
import type { BaseEnviron, WsgiErrors, WsgiWay } from './types.ts'

const VERSION = Object.freeze([1, 0] as const)
const DEFAULT_PORT = { http: '80', https: '443' } as const

/** What an environ is made of: a Request, or what a thread was told of one. */
export interface EnvironFacts {
  readonly method: string
  readonly target: string
  readonly path: string
  readonly query: string
  readonly mountPath: string
  readonly httpVersion: '1.0' | '1.1'
  readonly secure: boolean
  readonly remote: { readonly address: string; readonly port: number }
  readonly local: { readonly address: string; readonly port: number }
  readonly headers: {
    readonly count: number
    nameAt(index: number): string
    valueAt(index: number): string
  }
}

/** What is true of a mount, whatever the request. */
export interface MountFacts {
  readonly way: WsgiWay
  readonly multithread: boolean
  readonly multiprocess: boolean
  readonly errors: WsgiErrors
}

/**
 * Makes the environ of a request.
 *
 * @param input - the body, its transfer coding taken off (W27)
 * @param length - of the body, in bytes; undefined where the request has none
 */
export function environOf<Input>(
  request: EnvironFacts,
  mount: MountFacts,
  input: Input,
  length: number | undefined,
): BaseEnviron & { 'wsgi.input': Input } {
  const { remote, local, path, mountPath } = request
  const scheme = request.secure ? 'https' : 'http'
  const environ: BaseEnviron & { 'wsgi.input': Input } = {
    REQUEST_METHOD: request.method,
    SCRIPT_NAME: decodePath(mountPath),
    // The target * of OPTIONS is no path; an application that looks at paths answers it as its root (W4).
    PATH_INFO: path === '*' ? '/' : decodePath(path.slice(mountPath.length)),
    QUERY_STRING: request.query,
    SERVER_NAME: '',
    SERVER_PORT: local.port > 0 ? String(local.port) : DEFAULT_PORT[scheme],
    SERVER_PROTOCOL: request.httpVersion === '1.1' ? 'HTTP/1.1' : 'HTTP/1.0',
    SERVER_SOFTWARE: 'gyre',
    GATEWAY_INTERFACE: 'CGI/1.1',
    REMOTE_ADDR: remote.address,
    REMOTE_PORT: String(remote.port),
    'wsgi.version': VERSION,
    'wsgi.url_scheme': scheme,
    'wsgi.input': input,
    'wsgi.errors': mount.errors,
    'wsgi.multithread': mount.multithread,
    'wsgi.multiprocess': mount.multiprocess,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
    'wsgi.file_wrapper': wrapFile,
    'gyre.raw_target': request.target,
    'gyre.way': mount.way,
  }
  if (length !== undefined) environ.CONTENT_LENGTH = String(length)
  addFields(environ, request)
  // Never empty (W3), whatever the client sent: our own address stands in for a Host that is missing.
  environ.SERVER_NAME = nameOf(environ['HTTP_HOST']) || nameOfAddress(local)
  return environ
}

/** Variables by header names, as sent. Bounded, because names come from clients. */
const variables = new Map<string, string>()
const VARIABLES = 512
/** A longer name is nobody's (CVE-2022-41717). */
const LONGEST_NAME = 64
/** No variable: `addFields` passes the field over. */
const NONE = ''
const LENGTH = 'CONTENT_LENGTH'

function newVariable(name: string): string {
  const variable = name.toUpperCase() === 'CONTENT-LENGTH' ? LENGTH : (variableOf(name) ?? NONE)
  if (name.length > LONGEST_NAME) return variable
  // Whoever sends names that nobody uses must not shut those out that everybody does.
  if (variables.size >= VARIABLES) variables.clear()
  // A copy: the name as it comes is a view over its whole head, which would stay in memory with it.
  variables.set(Buffer.from(name, 'latin1').toString('latin1'), variable)
  return variable
}

/** W6, C9: fields of one name become one value of the same meaning. */
function addFields(environ: BaseEnviron, { headers }: EnvironFacts): void {
  for (let index = 0; index < headers.count; index++) {
    const name = headers.nameAt(index)
    const variable = variables.get(name) ?? newVariable(name)
    if (variable === NONE) continue
    if (variable === LENGTH) {
      // A body of no bytes is no body, and yet the client has said how long it is.
      environ.CONTENT_LENGTH ??= '0'
      continue
    }
    const value = headers.valueAt(index)
    const former = environ[variable] as string | undefined
    environ[variable] = former === undefined ? value : `${former}${variable === 'HTTP_COOKIE' ? '; ' : ', '}${value}`
  }
}

/** Percent-decoding into bytes, one character each. What is no escape stays as it is. */
export function decodePath(path: string): string {
  if (!path.includes('%')) return path
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Our own address as it stands in a URL; a unix socket has none. */
function nameOfAddress({ address, port }: EnvironFacts['local']): string {
  if (port === 0 || address === '') return 'localhost'
  return address.includes(':') ? `[${address}]` : address
}

/** Most requests are for the host that the last one was for. */
let lastHost = ''
let lastName = ''

/** Host without its port. */
function nameOf(host: string | undefined): string {
  if (host === undefined) return ''
  if (host !== lastHost) {
    const colon = host.lastIndexOf(':')
    lastName = colon < 0 || host.endsWith(']') ? host : host.slice(0, colon)
    lastHost = host
  }
  return lastName
}
