/*
 * What lint checks of an environ. The lines that begin with `//#` are the rules, as in lint.ts.
 */
import { must } from './lint-must.ts'
import type { Environ } from './types.ts'

const METHODS = new Set(
  'GET HEAD POST PUT DELETE OPTIONS PATCH TRACE CONNECT QUERY PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK'.split(
    ' ',
  ),
)

const REQUIRED = ['REQUEST_METHOD', 'SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL']
const FLAGS = ['wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once']

/** @throws GyreError `GYRE_WSGI_LINT` */
export function checkEnviron(environ: unknown): asserts environ is Environ {
  //# ## The environ
  //# W2: it is a plain object that can be changed.
  must(typeof environ === 'object' && environ !== null, 'environ is no object')
  must(Object.getPrototypeOf(environ) === Object.prototype && !Object.isFrozen(environ), 'environ is no plain object')
  const values = environ as Record<string, unknown>
  //# W3: REQUEST_METHOD, SERVER_NAME, SERVER_PORT and SERVER_PROTOCOL are there and not empty.
  for (const key of REQUIRED) must(typeof values[key] === 'string' && values[key] !== '', `${key} is missing or empty`)
  must(/^\d+$/.test(String(values['SERVER_PORT'])), 'SERVER_PORT is not a number')
  //# W5: the values of all names without a dot are strings, none of their characters above U+00FF.
  for (const [key, value] of Object.entries(values)) {
    if (key.includes('.')) continue
    must(typeof value === 'string', `${key} is ${typeof value}, not a string`)
    must(!/[^\u0000-\u00ff]/.test(value), `${key} holds a character above U+00FF`)
  }
  //# W6: Content-Type and Content-Length never come as HTTP_CONTENT_TYPE and HTTP_CONTENT_LENGTH.
  for (const key of ['HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH']) must(!(key in values), `${key} is there`)
  checkPaths(values)
  checkWsgi(values)
}

function checkPaths(values: Record<string, unknown>): void {
  const { SCRIPT_NAME: script = '', PATH_INFO: path = '', CONTENT_LENGTH: length, REQUEST_METHOD: method } = values
  //# W4: SCRIPT_NAME is empty or begins with a slash, and is never a slash alone.
  must(script === '' || /^\/./.test(String(script)), `SCRIPT_NAME is ${JSON.stringify(script)}`)
  //# W4: PATH_INFO is empty or begins with a slash; one of the two is not empty.
  must(path === '' || String(path).startsWith('/'), `PATH_INFO is ${JSON.stringify(path)}`)
  must(script !== '' || path !== '', 'SCRIPT_NAME and PATH_INFO are both empty')
  //# CONTENT_LENGTH is absent, empty or a number.
  must(
    length === undefined || (typeof length === 'string' && /^\d*$/.test(length)),
    `CONTENT_LENGTH is ${JSON.stringify(length)}`,
  )
  //# REQUEST_METHOD is a known one, or at least looks like one.
  must(
    METHODS.has(String(method)) || /^[A-Z][A-Z-]*$/.test(String(method)),
    `REQUEST_METHOD is ${JSON.stringify(method)}`,
  )
}

function checkWsgi(values: Record<string, unknown>): void {
  //# W7: wsgi.version is (1, 0), and wsgi.url_scheme http or https.
  const version = values['wsgi.version']
  must(Array.isArray(version) && version[0] === 1 && version[1] === 0, 'wsgi.version is not [1, 0]')
  must(values['wsgi.url_scheme'] === 'http' || values['wsgi.url_scheme'] === 'https', 'wsgi.url_scheme is neither')
  //# W7: wsgi.multithread, wsgi.multiprocess and wsgi.run_once are true or false.
  for (const key of FLAGS) must(typeof values[key] === 'boolean', `${key} is neither true nor false`)
  //# W8: extensions have lower-case names with a dot.
  for (const key of Object.keys(values))
    must(
      /^[A-Z][A-Z0-9_]*$/.test(key) || /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$/.test(key),
      `the key ${key} is of no known form`,
    )
  //# W9: wsgi.input has read, readline, readlines, and can be iterated.
  hasAll(values, 'wsgi.input', ['read', 'readline', 'readlines', Symbol.iterator])
  //# W10: wsgi.errors has write, writelines and flush.
  hasAll(values, 'wsgi.errors', ['write', 'writelines', 'flush'])
}

function hasAll(values: Record<string, unknown>, key: string, methods: readonly (string | symbol)[]): void {
  const value = values[key]
  must(typeof value === 'object' && value !== null, `${key} is missing`)
  for (const method of methods)
    must(typeof (value as Record<string | symbol, unknown>)[method] === 'function', `${key} has no ${String(method)}`)
}
