/*
 * wsgiref.util in our terms: what applications and middleware work out of an environ.
 */
import { WsgiInput } from './input.ts'
import { loopErrors } from './errors-stream.ts'
import { wrapFile } from './file-wrapper.ts'
import type { BaseEnviron, Environ } from './types.ts'

/** What the URL algorithm of PEP 3333 needs of an environ. */
export type UrlEnviron = Pick<BaseEnviron, 'wsgi.url_scheme' | 'SERVER_NAME' | 'SERVER_PORT'> & {
  /** The field Host of the request. */
  HTTP_HOST?: string
  /** The path of the mount, decoded. */
  SCRIPT_NAME?: string
  /** The rest of the path, decoded. */
  PATH_INFO?: string
  /** What follows the `?` of the target. */
  QUERY_STRING?: string
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }

/** Unreserved characters, and those that a path segment may hold (RFC 3986 section 3.3); the rest is escaped. */
const TO_ESCAPE = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/g

function quote(text: string): string {
  return text.replace(TO_ESCAPE, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

/**
 * The URL that an application is mounted at (PEP 3333, W33).
 *
 * @param environ - of a request
 * @returns the URL, without PATH_INFO and query
 * @example
 * ```ts
 * const environ = setupTestingDefaults({ HTTP_HOST: 'example.org', SCRIPT_NAME: '/blog', PATH_INFO: '/2026' })
 * console.log(applicationUri(environ)) // http://example.org/blog
 * ```
 */
export function applicationUri(environ: UrlEnviron): string {
  const scheme = environ['wsgi.url_scheme']
  let authority = environ.HTTP_HOST ?? ''
  if (authority === '') {
    authority = environ.SERVER_NAME
    if (environ.SERVER_PORT !== DEFAULT_PORTS[scheme]) authority += `:${environ.SERVER_PORT}`
  }
  return `${scheme}://${authority}${quote(environ.SCRIPT_NAME ?? '') || '/'}`
}

/**
 * The URL of a request (PEP 3333, W33).
 *
 * @param environ - of the request
 * @param includeQuery - whether with its query
 * @returns the URL
 * @example
 * ```ts
 * const environ = setupTestingDefaults({ HTTP_HOST: 'example.org', PATH_INFO: '/a b', QUERY_STRING: 'c=d' })
 * console.log(requestUri(environ), requestUri(environ, false)) // http://example.org/a%20b?c=d http://example.org/a%20b
 * ```
 */
export function requestUri(environ: UrlEnviron, includeQuery: boolean = true): string {
  const base = applicationUri(environ)
  const path = quote(environ.PATH_INFO ?? '')
  // At the root the application's own URL has a slash already, which is the first one of the path.
  const uri = (environ.SCRIPT_NAME ?? '') === '' ? base + path.replace(/^\//, '') : base + path
  return includeQuery && environ.QUERY_STRING ? `${uri}?${environ.QUERY_STRING}` : uri
}

/**
 * Moves the first segment of PATH_INFO to the end of SCRIPT_NAME. For applications that dispatch.
 *
 * @param environ - is changed
 * @returns the segment; '' for the slash of a directory; null where there is nothing left
 * @example
 * ```ts
 * const environ = { SCRIPT_NAME: '/a', PATH_INFO: '/b/c' }
 * console.log(shiftPathInfo(environ), environ.SCRIPT_NAME, environ.PATH_INFO) // b /a/b /c
 * ```
 */
export function shiftPathInfo(environ: { SCRIPT_NAME: string; PATH_INFO: string }): string | null {
  const { SCRIPT_NAME: script, PATH_INFO: path } = environ
  if (path === '') return null
  // As wsgiref does, empty segments and dots count for nothing: nobody is to get round a mount by //b or /./b.
  const segments = path.split('/').slice(1)
  const kept = segments.filter((segment, at) => (segment !== '' || at === segments.length - 1) && segment !== '.')
  const [name = '', ...rest] = kept
  environ.PATH_INFO = rest.length === 0 ? '' : `/${rest.join('/')}`
  environ.SCRIPT_NAME = `${script.replace(/\/$/, '')}/${name}`
  // SCRIPT_NAME is never just a slash (W4).
  if (environ.SCRIPT_NAME === '/') environ.SCRIPT_NAME = ''
  return name
}

/**
 * The scheme that a gateway's variables tell of: HTTPS is `1`, `yes` or `on` (PEP 3333).
 *
 * @param environ - variables of a request
 * @returns what `wsgi.url_scheme` should be
 * @example
 * ```ts
 * console.log(guessScheme({ HTTPS: 'on' }), guessScheme({})) // https http
 * ```
 */
export function guessScheme(environ: Readonly<Record<string, unknown>>): 'http' | 'https' {
  const https = environ['HTTPS']
  return typeof https === 'string' && ['1', 'yes', 'on'].includes(https.toLowerCase()) ? 'https' : 'http'
}

/**
 * Adds what an environ lacks, with values fit for a test.
 *
 * @param environ - is changed
 * @returns the same object, complete
 * @example
 * ```ts
 * const environ = setupTestingDefaults({ PATH_INFO: '/page' })
 * console.log(environ.REQUEST_METHOD, environ.PATH_INFO, environ['wsgi.url_scheme']) // GET /page http
 * ```
 */
export function setupTestingDefaults(environ: Partial<Environ>): Environ {
  const scheme = environ['wsgi.url_scheme'] ?? guessScheme(environ)
  const defaults: Environ = {
    REQUEST_METHOD: 'GET',
    SCRIPT_NAME: '',
    PATH_INFO: '/',
    QUERY_STRING: '',
    SERVER_NAME: '127.0.0.1',
    SERVER_PORT: DEFAULT_PORTS[scheme] as string,
    SERVER_PROTOCOL: 'HTTP/1.0',
    SERVER_SOFTWARE: 'gyre',
    GATEWAY_INTERFACE: 'CGI/1.1',
    REMOTE_ADDR: '127.0.0.1',
    REMOTE_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    'wsgi.version': [1, 0],
    'wsgi.url_scheme': scheme,
    'wsgi.input': new WsgiInput(),
    'wsgi.errors': loopErrors,
    'wsgi.multithread': false,
    'wsgi.multiprocess': false,
    'wsgi.run_once': false,
    'wsgi.input_terminated': true,
    'wsgi.file_wrapper': wrapFile,
    'gyre.raw_target': environ.PATH_INFO ?? '/',
    'gyre.way': 'inline',
  }
  for (const [key, value] of Object.entries(defaults)) environ[key] ??= value
  return environ as Environ
}
