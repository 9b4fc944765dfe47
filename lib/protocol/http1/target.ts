/*
 * Request targets and Host (RFC 9112 section 3.2, RFC 9110 section 7.2).
 */
import { GyreError } from '../../base/index.ts'

/** A target's two parts, percent-encoded as they were sent. */
export interface TargetParts {
  readonly path: string
  /** What follows the first `?`; empty where there is none. */
  readonly query: string
}

/**
 * Cuts a target into path and query. Of an absolute form, scheme and authority are left out.
 *
 * @example
 * ```ts
 * splitTarget('/a/b?c=d') // { path: '/a/b', query: 'c=d' }
 * ```
 */
export function splitTarget(target: string): TargetParts {
  const local = target.charCodeAt(0) === SLASH || target === '*' ? target : localPart(target)
  const mark = local.indexOf('?')
  return mark < 0 ? { path: local, query: '' } : { path: local.slice(0, mark), query: local.slice(mark + 1) }
}

const SLASH = 0x2f
const QUESTION = 0x3f
const BACKSLASH = 0x5c

function localPart(target: string): string {
  const authority = target.indexOf('://')
  if (authority < 0) return ''
  const at = target.slice(authority + 3).search(/[/?]/)
  if (at < 0) return '/'
  const local = target.slice(authority + 3 + at)
  return local.startsWith('?') ? `/${local}` : local
}

const ABSOLUTE = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/

/**
 * Checks a target against its method (RFC 9112 section 3.2.1 to 3.2.4), and against Host.
 *
 * @param host - the value of the Host field; undefined where there is none
 * @throws GyreError `GYRE_BAD_TARGET`, `GYRE_BAD_HOST`
 */
export function checkTarget(method: string, target: string, host: string | undefined): void {
  if (method === 'CONNECT') {
    if (!/^[^/?#@\s]+:\d{1,5}$/.test(target)) throw badTarget('CONNECT needs an authority with a port as its target')
    return
  }
  if (target.charCodeAt(0) === SLASH) return checkOrigin(target)
  if (target === '*') {
    if (method !== 'OPTIONS') throw badTarget('only OPTIONS may have the target *')
    return
  }
  const authority = ABSOLUTE.exec(target)?.[1]
  if (authority === undefined || authority === '') throw badTarget('the target is neither a path nor an absolute URI')
  // Userinfo in a target serves nobody but those who forge links (RFC 9110 section 4.2.4).
  if (authority.includes('@')) throw badTarget('the target holds user information')
  checkHost(authority)
  // Two names for one request are how caches are poisoned; RFC 9112 section 3.2.2 would have us
  // believe the target and forget Host.
  if (host !== undefined && host.toLowerCase() !== authority.toLowerCase())
    throw badHost('Host differs from the authority of the target')
  checkOrigin(target)
}

/**
 * What a URI may hold (RFC 3986 section 2), and what browsers send unencoded besides: `| ^ { }` and the
 * backtick. A fragment is never sent; a backslash in a path is a slash to some readers.
 */
function checkOrigin(target: string): void {
  let inQuery = false
  for (let at = 1; at < target.length; at++) {
    const code = target.charCodeAt(at)
    if (code === QUESTION) inQuery = true
    else if (code === 0x23 || code === 0x22 || code === 0x3c || code === 0x3e || (code === BACKSLASH && !inQuery))
      throw badTarget('the target holds a character that must be percent-encoded')
  }
}

/** `uri-host [ ":" port ]`: a name, an IPv4 address, or an IPv6 address in brackets. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%!$&'()*+,;=]*)(?::\d{0,5})?$/

/**
 * Checks the value of Host. It may be empty: a client whose target has no authority sends it so.
 *
 * @throws GyreError `GYRE_BAD_HOST`
 */
export function checkHost(host: string): void {
  if (!HOST.test(host)) throw badHost('Host is not a name or an address with an optional port')
}

function badTarget(detail: string): GyreError {
  return new GyreError('GYRE_BAD_TARGET', detail)
}

function badHost(detail: string): GyreError {
  return new GyreError('GYRE_BAD_HOST', detail)
}
