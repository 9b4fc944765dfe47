/*
 * Mounts: which handler answers, by the first segments of the path.
 *
 * A prefix matches whole segments: `/old` takes `/old` and `/old/a`, not `/older`. The longest wins. The
 * path is compared as it was sent; what a handler decodes is its own business, and nothing that was
 * decoded is ever matched again.
 */
import { GyreError } from '../base/index.ts'
import type { Handler } from '../server/index.ts'

/**
 * Makes one handler of several, each under a path.
 *
 * @param table - paths and handlers. A path begins with `/` and does not end with it; `/` alone takes
 *   what no other takes
 * @returns a handler; it raises `GYRE_NOT_FOUND` (404) for what nothing is mounted at
 * @throws GyreError `GYRE_BAD_OPTION` for a path of another form
 * @example
 * ```ts
 * const users: Handler = (request, response) => response.text(`users at ${request.mountPath}`)
 * const site = mount({
 *   '/': (_request, response) => response.text('home'),
 *   '/api': mount({ '/users': users }),
 * })
 * console.log((await inject(site)).text()) // home
 * console.log((await inject(site, { path: '/api/users/ada' })).text()) // users at /api/users
 * ```
 */
export function mount(table: Readonly<Record<string, Handler>>): Handler {
  const rows = Object.entries(table).map(([path, handler]) => ({ prefix: prefixOf(path), handler }))
  rows.sort((one, other) => other.prefix.length - one.prefix.length)
  return (request, response) => {
    const { path } = request
    const from = request.mountPath.length
    for (const { prefix, handler } of rows) {
      if (!path.startsWith(prefix, from)) continue
      const end = from + prefix.length
      if (end < path.length && path.charCodeAt(end) !== SLASH) continue
      request.mountPath = path.slice(0, end)
      return handler(request, response)
    }
    throw new GyreError('GYRE_NOT_FOUND')
  }
}

const SLASH = 0x2f

function prefixOf(path: string): string {
  if (path === '/') return ''
  if (!path.startsWith('/') || path.endsWith('/'))
    throw new GyreError(
      'GYRE_BAD_OPTION',
      `a mount path begins with / and does not end with it: ${JSON.stringify(path)}`,
    )
  return path
}
