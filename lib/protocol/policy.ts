/*
 * What a request may be, whichever front door it comes through: its method, target, Host, length and names.
 *
 * HTTP/1.1 reads these from a head, FastCGI, SCGI and uwsgi get them as variables from a web server that read
 * them by rules of its own. One policy for all means that a handler behind any of them can rely on the same.
 * Strings in, a refusal or nothing out; rules by number are those of docs/http1.md.
 */
import { GyreError, SIZES } from '../base/index.ts'

/** The methods that are served: the registry at IANA as far as llhttp knows it (RFC 9110 section 16.1.1). */
const METHODS: ReadonlySet<string> = new Set(
  (
    'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY ' +
    'COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE ' +
    'M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE MKCALENDAR LINK UNLINK SOURCE'
  ).split(' '),
)

/**
 * Checks a method. Methods are case-sensitive (RFC 9110 section 9.1).
 *
 * @param method - as it was sent
 * @throws GyreError `GYRE_MALFORMED_HEAD`
 * @example
 * ```ts
 * checkMethod('GET')
 * try {
 *   checkMethod('get')
 * } catch (error) {
 *   console.log((error as GyreError).code) // GYRE_MALFORMED_HEAD
 * }
 * ```
 */
export function checkMethod(method: string): void {
  if (!METHODS.has(method)) throw new GyreError('GYRE_MALFORMED_HEAD', 'the method is none that is known')
}

const SLASH = 0x2f
const QUESTION = 0x3f
const BACKSLASH = 0x5c

/** Other schemes than these two are asked of proxies. */
const ABSOLUTE = /^https?:\/\/([^/?#]*)/i

/**
 * Checks a target against its method (H4, RFC 9112 section 3.2.1 to 3.2.4), and against Host.
 *
 * @param method - one that `checkMethod` lets pass
 * @param target - as it was sent
 * @param host - the value of the Host field; undefined where there is none
 * @throws GyreError `GYRE_BAD_TARGET`, `GYRE_BAD_HOST`
 * @example
 * ```ts
 * checkTarget('OPTIONS', '*', 'example.org')
 * try {
 *   checkTarget('GET', '/a b', 'example.org')
 * } catch (error) {
 *   console.log((error as GyreError).code) // GYRE_BAD_TARGET
 * }
 * ```
 */
export function checkTarget(method: string, target: string, host: string | undefined): void {
  if (method === 'CONNECT') {
    const port = AUTHORITY.exec(target)?.[3]
    if (!isAuthority(target) || port === undefined || port === '')
      throw badTarget('CONNECT needs an authority with a port as its target')
    return
  }
  if (target.charCodeAt(0) === SLASH) return checkOrigin(target)
  if (target === '*') {
    if (method !== 'OPTIONS') throw badTarget('only OPTIONS may have the target *')
    return
  }
  const authority = ABSOLUTE.exec(target)?.[1]
  if (authority === undefined || authority === '') throw badTarget('the target is neither a path nor a URI of http')
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
  for (let at = 0; at < target.length; at++) {
    const code = target.charCodeAt(at)
    if (code === QUESTION) inQuery = true
    else if (code === 0x23 || code === 0x22 || code === 0x3c || code === 0x3e || (code === BACKSLASH && !inQuery))
      throw badTarget('the target holds a character that must be percent-encoded')
    else if (code <= 0x20 || code >= 0x7f) throw badTarget('the target holds a space, a control or more than ASCII')
  }
}

/** `uri-host [ ":" port ]`: an address in brackets, or a name or an IPv4 address (RFC 3986 section 3.2.2). */
const AUTHORITY = /^(?:\[([0-9A-Fa-f:.]+)\]|((?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+))(?::(\d{0,5}))?$/

function isAuthority(text: string): boolean {
  const parts = AUTHORITY.exec(text)
  if (parts === null) return false
  const [, address, , port] = parts
  return (address === undefined || isAddress6(address)) && (port === undefined || Number(port) <= SIZES.highestPort)
}

/** RFC 4291 section 2.2: eight groups, a run of zeros left out once at most, the last two in the manner of IPv4. */
function isAddress6(text: string): boolean {
  const halves = text.split('::')
  if (halves.length > 2) return false
  let groups = 0
  for (const [index, half] of halves.entries()) {
    if (half === '') continue
    const parts = half.split(':')
    for (const [at, part] of parts.entries()) {
      const isLast = index === halves.length - 1 && at === parts.length - 1
      if (isLast && IPV4.test(part)) groups += 2
      else if (GROUP.test(part)) groups++
      else return false
    }
  }
  return halves.length === 2 ? groups < 8 : groups === 8
}

const GROUP = /^[0-9A-Fa-f]{1,4}$/
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

/** What most requests have, and sooner tested: the whole grammar costs four times as much. */
const COMMON_HOST = /^[A-Za-z0-9\-.]+(?::(?:\d{1,4}|[1-5]\d{4}))?$/

/**
 * Checks the value of Host (H2, RFC 9112 section 3.2). It may be empty: a client whose target has no authority sends it so.
 *
 * @param host - as it was sent
 * @throws GyreError `GYRE_BAD_HOST`
 * @example
 * ```ts
 * checkHost('[::1]:8080')
 * try {
 *   checkHost('example.org/admin')
 * } catch (error) {
 *   console.log((error as GyreError).code) // GYRE_BAD_HOST
 * }
 * ```
 */
export function checkHost(host: string): void {
  if (!COMMON_HOST.test(host) && host !== '' && !isAuthority(host))
    throw badHost('Host is not a name or an address with an optional port')
}

/**
 * Reads a Content-Length: digits and nothing else, and a number that can be counted to (H1, RFC 9110 section 8.6).
 *
 * @param text - as it was sent
 * @returns the length in bytes
 * @throws GyreError `GYRE_BAD_FRAMING`
 * @example
 * ```ts
 * console.log(readLength('14')) // 14
 * try {
 *   readLength('+14')
 * } catch (error) {
 *   console.log((error as GyreError).code) // GYRE_BAD_FRAMING
 * }
 * ```
 */
export function readLength(text: string): number {
  if (!/^\d+$/.test(text)) throw new GyreError('GYRE_BAD_FRAMING', 'Content-Length is not a number')
  const length = Number(text)
  if (!Number.isSafeInteger(length)) throw new GyreError('GYRE_BAD_FRAMING', 'Content-Length is beyond counting')
  return length
}

/**
 * The CGI variable of a header field (RFC 3875 section 4.1.18), for every dialect that has variables.
 *
 * @param name - as it was sent
 * @returns undefined where the field must not become a variable: `X_A` and `X-A` would become one, so that a
 *   client could speak for a proxy (H8, CVE-2024-45614); `HTTP_PROXY` is where programs look for a proxy of their
 *   own (httpoxy, CVE-2016-5385); the length is counted anew when the transfer coding is taken off, and the
 *   coding itself is gone then
 * @example
 * ```ts
 * console.log(variableOf('X-Request-Id'), variableOf('X_Request_Id')) // HTTP_X_REQUEST_ID undefined
 * ```
 */
export function variableOf(name: string): string | undefined {
  if (name.includes('_')) return undefined
  const variable = name.toUpperCase().replaceAll('-', '_')
  switch (variable) {
    case 'CONTENT_TYPE':
      return variable
    case 'CONTENT_LENGTH':
    case 'TRANSFER_ENCODING':
    case 'PROXY':
      return undefined
    default:
      return `HTTP_${variable}`
  }
}

/**
 * What is decided from the header section and must not come, or come again, behind the body (H5, RFC 9110 section
 * 6.5.1): framing, routing, authentication, request modifiers, how the answer is to be treated, and what the
 * content is.
 */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set(
  (
    'transfer-encoding content-length trailer te connection keep-alive proxy-connection upgrade http2-settings ' +
    'host forwarded via x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-real-ip proxy ' +
    'authorization proxy-authorization www-authenticate proxy-authenticate cookie set-cookie origin referer ' +
    'cache-control expect max-forwards pragma range ' +
    'if-match if-none-match if-modified-since if-unmodified-since if-range ' +
    'age date expires location retry-after vary warning ' +
    'content-encoding content-type content-range'
  ).split(' '),
)

/**
 * Whether a field may stand in a trailer section (H5, RFC 9110 section 6.5.1).
 *
 * @param name - in any case
 * @returns false for what is decided before the body is read
 * @example
 * ```ts
 * console.log(mayTrail('Server-Timing'), mayTrail('Content-Length')) // true false
 * ```
 */
export function mayTrail(name: string): boolean {
  return !NOT_IN_TRAILERS.has(name.toLowerCase())
}

function badTarget(detail: string): GyreError {
  return new GyreError('GYRE_BAD_TARGET', detail)
}

function badHost(detail: string): GyreError {
  return new GyreError('GYRE_BAD_HOST', detail)
}
