/*
 * The URL of a request, as the Fetch standard wants it: absolute, and in its normal form. Applications take it apart by
 * `new URL`, or by cutting strings, and both must find the same path: so what is not in normal form goes through URL.
 */
import { GyreError } from '../../base/index.ts'
import type { Endpoint } from '../../io/index.ts'
import type { Request } from '../../server/index.ts'

/** Text that URL would leave as it is, dots aside. */
const PLAIN = /^\/[\w\-.~!$&()*+,;=:@/%?]*$/
/** A segment that URL takes out, or might; and a `'` in a query, which it encodes. */
const DOTS = /\/(?:\.|%2e)/i

let lastHost = ''
let lastSecure = false
let lastOrigin = ''

/**
 * @param mountPath - what the application is mounted at, and does not see
 * @throws GyreError `GYRE_BAD_HOST`, `GYRE_BAD_TARGET` for what HTTP allows and URL does not
 */
export function urlOf(request: Request, mountPath: string): string {
  const { target } = request
  const origin = originOf(request)
  if (target.startsWith('/')) {
    const path = mountPath === '' ? target : rooted(target.slice(mountPath.length))
    return PLAIN.test(path) && !DOTS.test(path) ? origin + path : normal(origin + path)
  }
  // RFC 9112 section 3.2: `*` is of the whole server, an absolute target has its own origin.
  return normal(target === '*' ? `${origin}/*` : origin + rooted(withoutOrigin(target).slice(mountPath.length)))
}

function originOf(request: Request): string {
  const { secure } = request
  const host = request.headers.get('host') ?? ''
  if (host === lastHost && secure === lastSecure && lastOrigin !== '') return lastOrigin
  try {
    const { origin } = new URL(`${secure ? 'https' : 'http'}://${host === '' ? hostOf(request.local) : host}`)
    if (host !== '') [lastHost, lastSecure, lastOrigin] = [host, secure, origin]
    return origin
  } catch (error) {
    throw new GyreError('GYRE_BAD_HOST', 'Host is no host of a URL', error)
  }
}

/** An HTTP/1.0 client need not say whom it means (RFC 9112 section 3.2). */
function hostOf({ address, port, family }: Endpoint): string {
  if (family === 'unix') return 'localhost'
  return `${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** What is left of the path behind a mount may be nothing. */
function rooted(path: string): string {
  return path.startsWith('/') ? path : `/${path}`
}

/** The target behind scheme and authority; the head was checked to have both. */
function withoutOrigin(target: string): string {
  return target.replace(/^[^:]*:\/\/[^/?]*/, '')
}

function normal(text: string): string {
  try {
    return new URL(text).href
  } catch (error) {
    throw new GyreError('GYRE_BAD_TARGET', 'the target is no URL', error)
  }
}
