/*
 * Serves a folder of files, such as the site that `npm run docs` makes: `node 06-docs-site.js .build/site`. Nothing
 * outside of the folder is served, whatever a path or a link says; what a browser has already is not sent again.
 */
import { realpathSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import { HttpError, createServer, readFile, waitPromise } from 'gyre'
import type { Coroutine, Request, Response } from 'gyre'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.md': 'text/plain; charset=utf-8',
  '.ts': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

const folder = realpathSync(process.argv[2] ?? '.build/site')

/** The file that a path means; it counts where that is after all links were followed. */
function* find(path: string): Coroutine<{ file: string; facts: Stats }> {
  const wanted = join(folder, decode(path.endsWith('/') ? `${path}index.html` : path))
  const file = yield* waitPromise(realpath(wanted).catch(() => ''))
  const facts = file.startsWith(folder + sep) ? yield* waitPromise(stat(file)) : undefined
  if (facts?.isFile() !== true) throw new HttpError(404, 'there is no such file')
  return { file, facts }
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new HttpError(400, 'the path is not encoded as UTF-8')
  }
}

function* serveFile(request: Request, response: Response) {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.headers.set('Allow', 'GET, HEAD')
    return response.text('files are only read\n', 405)
  }
  const { file, facts } = yield* find(request.path)
  const tag = `W/"${facts.size.toString(36)}-${Math.trunc(facts.mtimeMs).toString(36)}"`
  response.headers.set('ETag', tag)
  response.headers.set('Last-Modified', facts.mtime.toUTCString())
  response.headers.set('X-Content-Type-Options', 'nosniff')
  response.headers.set('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream')
  if (request.headers.get('if-none-match')?.split(/, */).includes(tag) === true) response.status = 304
  response.bytes(response.status === 304 ? Buffer.alloc(0) : yield* readFile(file))
}

const server = createServer(serveFile)
const { url } = await server.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })
console.log(`${folder} at ${url}`)
server.closeOnSignals()
