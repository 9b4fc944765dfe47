/*
 * The environ of a request: a plain object, made fresh, which the application may change as it likes (W2).
 */
import type { Request } from '../server/index.ts'
import { WsgiInput } from './input.ts'
import type { Environ, WsgiErrors } from './types.ts'

const VERSION = Object.freeze([1, 0] as const)
const DEFAULT_PORT = { http: '80', https: '443' } as const

/** W10: takes any text, and never throws at the application. */
const ERRORS: WsgiErrors = {
  write(text) {
    process.stderr.write(text)
  },
  writelines(lines) {
    for (const line of lines) process.stderr.write(line)
  },
  flush() {
    // Standard error is not held back.
  },
}

/**
 * Makes the environ of a request.
 *
 * @param body - the whole body, its transfer coding taken off (W27)
 */
export function environOf(request: Request, body: Buffer): Environ {
  const { remote, local, path, mountPath, headers } = request
  const scheme = request.secure ? 'https' : 'http'
  const host = headers.get('host') ?? ''
  const environ: Environ = {
    REQUEST_METHOD: request.method,
    SCRIPT_NAME: decodePath(mountPath),
    PATH_INFO: decodePath(path.slice(mountPath.length)),
    QUERY_STRING: request.query,
    // Never empty (W3), whatever the client sent: our own address stands in for a Host that is missing.
    SERVER_NAME: nameOf(host) || local.address || 'localhost',
    SERVER_PORT: local.port > 0 ? String(local.port) : DEFAULT_PORT[scheme],
    SERVER_PROTOCOL: request.httpVersion === '1.1' ? 'HTTP/1.1' : 'HTTP/1.0',
    SERVER_SOFTWARE: 'gyre',
    GATEWAY_INTERFACE: 'CGI/1.1',
    REMOTE_ADDR: remote.address,
    REMOTE_PORT: String(remote.port),
    'wsgi.version': VERSION,
    'wsgi.url_scheme': scheme,
    'wsgi.input': new WsgiInput(body),
    'wsgi.errors': ERRORS,
    // One application call at a time, in one process: the loop waits for none other meanwhile.
    'wsgi.multithread': false,
    'wsgi.multiprocess': false,
    'wsgi.run_once': false,
    'gyre.raw_target': request.target,
  }
  if (request.hasBody) environ.CONTENT_LENGTH = String(body.length)
  addFields(environ, request)
  return environ
}

/** Variables by header names, as sent. Bounded, because names come from clients. */
const variables = new Map<string, string>()
const VARIABLES = 512
/** A longer name is nobody's, and would stay in memory with the head that it came in (CVE-2022-41717). */
const LONGEST_NAME = 64
/** No variable: `addFields` passes the field over. */
const NONE = ''

function addFields(environ: Environ, { headers }: Request): void {
  for (let index = 0; index < headers.count; index++) {
    const name = headers.nameAt(index)
    let variable = variables.get(name)
    if (variable === undefined) {
      variable = variableOf(name)
      if (variables.size < VARIABLES && name.length <= LONGEST_NAME) variables.set(name, variable)
    }
    if (variable === NONE) continue
    const value = headers.valueAt(index)
    const former = environ[variable] as string | undefined
    environ[variable] = former === undefined ? value : `${former}${variable === 'HTTP_COOKIE' ? '; ' : ', '}${value}`
  }
}

function variableOf(name: string): string {
  // X_A and X-A would become one variable, and a client could speak for a proxy (H8).
  if (name.includes('_')) return NONE
  const variable = name.toUpperCase().replaceAll('-', '_')
  switch (variable) {
    case 'CONTENT_TYPE':
      return variable
    // Counted anew after the transfer coding was taken off.
    case 'CONTENT_LENGTH':
    // HTTP_PROXY is where programs look for their own proxy (httpoxy, CVE-2016-5385).
    case 'PROXY':
      return NONE
    default:
      return `HTTP_${variable}`
  }
}

/** Percent-decoding into bytes, one character each. What is no escape stays as it is. */
function decodePath(path: string): string {
  if (!path.includes('%')) return path
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Host without its port. */
function nameOf(host: string): string {
  const colon = host.lastIndexOf(':')
  return colon < 0 || host.endsWith(']') ? host : host.slice(0, colon)
}
