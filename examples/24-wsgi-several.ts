/*
 * Several applications in one process, by host and by path, with a native handler among them; all checked by lint.
 */
import { createServer } from 'gyre'
import { demoApp, fromHandler, hostApps, lint, mountApps, requestUri, wsgi } from 'gyre/wsgi'
import type { Environ, WsgiApp, WsgiResult } from 'gyre/wsgi'

const say =
  (name: string): WsgiApp =>
  (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']])
    return [Buffer.from(`${name} at ${environ.SCRIPT_NAME || '/'}, asked for ${requestUri(environ)}\n`)]
  }

const site = mountApps<Environ, WsgiResult>({
  '/': lint(say('site')),
  '/blog': lint(say('blog')),
  '/blog/admin': lint(say('admin')),
  '/demo': lint(demoApp),
  '/native': fromHandler((request, response) => {
    response.text(`a native handler at ${request.mountPath}\n`)
  }),
})

const app = hostApps<Environ, WsgiResult>({ 'shop.localhost': lint(say('shop')), '*': site })

const server = createServer(wsgi(app))
const { url } = await server.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })
console.log(`several applications at ${url}blog/ and http://shop.localhost:${new URL(url).port}/`)
