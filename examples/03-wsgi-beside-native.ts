/*
 * What `npm start` runs: a native handler and a WSGI application side by side in one server, each page
 * showing what its kind of handler sees of the request.
 */
import { createServer } from 'gyre'
import type { Request, Response } from 'gyre'
import { mount } from 'gyre/handlers'
import { wsgi } from 'gyre/wsgi'
import type { WsgiApp } from 'gyre/wsgi'

const escape = (text: string) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)

function page(title: string, facts: Iterable<readonly [string, string]>): string {
  let rows = ''
  for (const [name, value] of facts) rows += `<tr><th>${escape(name)}<td>${escape(value)}\n`
  return `<!doctype html><meta charset=utf-8><title>${title}</title>
<style>body{font:16px system-ui;margin:3em auto;max-width:50em}th{text-align:left;padding-right:2em;white-space:nowrap}
td{overflow-wrap:anywhere}nav a{margin-right:1em}</style>
<nav><a href=/>native</a><a href=/wsgi/hello?from=menu>WSGI</a></nav><h1>${title}</h1><table>\n${rows}</table>\n`
}

function* native(request: Request, response: Response) {
  if (request.path !== '/') return response.text('no such page\n', 404)
  const { io, connections, requests, kernel } = server.statistics()
  response.html(
    page('A native handler, as a generator', [
      ['method and target', `${request.method} ${request.target}`],
      ['client', `${request.remote.address} port ${request.remote.port}`],
      ['io', `${io.kind} (${io.why})`],
      ['served', `${requests} requests, ${connections} connections open, ${kernel.tasks} tasks`],
      ...request.headers,
    ]),
  )
}

const hosted: WsgiApp = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/html; charset=utf-8']])
  const facts = Object.entries(environ).filter((fact): fact is [string, string] => typeof fact[1] === 'string')
  return [Buffer.from(page('A WSGI application', facts))]
}

const server = createServer(mount({ '/': native, '/wsgi': wsgi(hosted) }))
const { url } = await server.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })
console.log(`native handlers at ${url}  WSGI at ${url}wsgi  (Ctrl-C stops)`)
server.closeOnSignals()
