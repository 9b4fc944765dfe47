/*
 * Putting applications together: middleware around them, several under one roof by path and by host. All of it is
 * plain WSGI, so it is served by every way.
 */
import { GyreError } from '../base/index.ts'
import type { BaseEnviron, StartResponse, WsgiHeaders } from './types.ts'

/** An application of any way: its environ and its result are the way's own. */
export type App<E extends BaseEnviron, R> = (environ: E, startResponse: StartResponse) => R

/**
 * Makes one middleware of several.
 *
 * @param middleware - the outermost first
 * @returns a middleware that is all of them
 * @example
 * ```ts
 * const site: WsgiApp = (_environ, startResponse) => {
 *   startResponse('200 OK', [['Content-Type', 'text/plain']])
 *   return [Buffer.from('hello')]
 * }
 * const noStore: Middleware = (app) => (environ, startResponse) =>
 *   app(environ, (status, headers) => startResponse(status, [...headers, ['Cache-Control', 'no-store']]))
 * const answer = await inject(wsgi(compose(lint, noStore)(site)))
 * console.log(answer.headers.get('cache-control')) // no-store
 * ```
 */
export function compose<E extends BaseEnviron, R>(
  ...middleware: ((app: App<E, R>) => App<E, R>)[]
): (app: App<E, R>) => App<E, R> {
  return (app) => middleware.reduceRight((inner, outer) => outer(inner), app)
}

const TEXT: WsgiHeaders = [['Content-Type', 'text/plain; charset=utf-8']]

/**
 * Makes one application of several, each under a path. SCRIPT_NAME grows by the path, PATH_INFO keeps the rest.
 *
 * @param table - paths and applications. A path begins with `/` and does not end with it; `/` alone takes what no
 *   other takes; else the answer is 404. A prefix matches whole segments, the longest wins
 * @returns an application
 * @throws GyreError `GYRE_BAD_OPTION` for a path of another form
 * @example
 * ```ts
 * const where: WsgiApp = (environ, startResponse) => {
 *   startResponse('200 OK', [['Content-Type', 'text/plain']])
 *   return [Buffer.from(`${environ.SCRIPT_NAME} and ${environ.PATH_INFO}`)]
 * }
 * const app = mountApps({ '/': demoApp, '/blog': where })
 * console.log((await inject(wsgi(app), { path: '/blog/2026' })).text()) // /blog and /2026
 * ```
 */
export function mountApps<E extends BaseEnviron, R>(table: Readonly<Record<string, App<E, R>>>): App<E, R | Buffer[]> {
  const rows = Object.entries(table).map(([path, app]) => ({ prefix: prefixOf(path), app }))
  rows.sort((one, other) => other.prefix.length - one.prefix.length)
  return (environ, startResponse) => {
    const path = environ.PATH_INFO
    for (const { prefix, app } of rows) {
      if (!path.startsWith(prefix) || (path.length > prefix.length && path[prefix.length] !== '/')) continue
      environ.SCRIPT_NAME += prefix
      environ.PATH_INFO = path.slice(prefix.length)
      return app(environ, startResponse)
    }
    startResponse('404 Not Found', TEXT)
    return [Buffer.from('404 Not Found\n')]
  }
}

/**
 * Makes one application of several, by the host that the client asks for.
 *
 * @param table - host names in lower case, without port; `*.example.org` takes what is below it, `*` takes what no
 *   other takes; else the answer is 421
 * @returns an application
 * @example
 * ```ts
 * const shop: WsgiApp = (_environ, startResponse) => {
 *   startResponse('200 OK', [['Content-Type', 'text/plain']])
 *   return [Buffer.from('the shop')]
 * }
 * const app = hostApps({ 'shop.example.org': shop, '*.example.org': demoApp })
 * console.log((await inject(wsgi(app), { headers: { Host: 'shop.example.org' } })).text()) // the shop
 * ```
 */
export function hostApps<E extends BaseEnviron, R>(table: Readonly<Record<string, App<E, R>>>): App<E, R | Buffer[]> {
  const apps = new Map(Object.entries(table))
  return (environ, startResponse) => {
    const host = environ.SERVER_NAME.toLowerCase()
    let app = apps.get(host)
    for (let dot = host.indexOf('.'); app === undefined && dot >= 0; dot = host.indexOf('.', dot + 1))
      app = apps.get(`*${host.slice(dot)}`)
    app ??= apps.get('*')
    if (app !== undefined) return app(environ, startResponse)
    startResponse('421 Misdirected Request', TEXT)
    return [Buffer.from('421 Misdirected Request\n')]
  }
}

function prefixOf(path: string): string {
  if (path === '/') return ''
  if (!path.startsWith('/') || path.endsWith('/'))
    throw new GyreError(
      'GYRE_BAD_OPTION',
      `a mount path begins with / and does not end with it: ${JSON.stringify(path)}`,
    )
  return path
}
