/*
 * A plain WSGI application inside four middlewares: timing, authentication, a rewritten path, gzip. Try
 * `curl --compressed -u guest:secret -i http://127.0.0.1:8080/old/page`.
 */
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { createServer } from 'gyre'
import { Headers, compose, wsgi } from 'gyre/wsgi'
import type { Middleware, WsgiApp } from 'gyre/wsgi'

const TEXT = [['Content-Type', 'text/plain; charset=utf-8']] as const

const page: WsgiApp = (environ, startResponse) => {
  startResponse('200 OK', TEXT)
  return [Buffer.from(`you are ${String(environ['REMOTE_USER'])}, and this is ${environ.PATH_INFO}\n`.repeat(100))]
}

const timing: Middleware = (app) => (environ, startResponse) => {
  const from = performance.now()
  const entry = () => ['Server-Timing', `app;dur=${(performance.now() - from).toFixed(1)}`] as const
  return app(environ, (status, headers, error) => startResponse(status, [...headers, entry()], error))
}

const authentication: Middleware = (app) => (environ, startResponse) => {
  const [scheme, token] = (environ['HTTP_AUTHORIZATION'] ?? '').split(' ')
  const [user, password] = Buffer.from(token ?? '', 'base64')
    .toString()
    .split(':')
  if (scheme === 'Basic' && user !== undefined && password === 'secret') {
    environ['REMOTE_USER'] = user
    return app(environ, startResponse)
  }
  startResponse('401 Unauthorized', [...TEXT, ['WWW-Authenticate', 'Basic realm="example"']])
  return [Buffer.from('who are you?\n')]
}

const rewrite: Middleware = (app) => (environ, startResponse) => {
  environ.PATH_INFO = environ.PATH_INFO.replace(/^\/old\//, '/new/')
  return app(environ, startResponse)
}

/** Compresses answers of one piece. It calls start_response itself, when it knows what the application returned. */
const gzip: Middleware = (app) => (environ, startResponse) => {
  if (environ['HTTP_ACCEPT_ENCODING']?.includes('gzip') !== true) return app(environ, startResponse)
  let status = ''
  const headers = new Headers()
  const result = app(environ, (given, pairs) => {
    status = given
    for (const [name, value] of pairs) headers.set(name, value)
    return () => assert.fail('this application returns its answer')
  })
  assert(Array.isArray(result), 'this application answers in one piece')
  headers.set('Content-Encoding', 'gzip')
  startResponse(status, headers.pairs)
  return [gzipSync(Buffer.concat(result as Uint8Array[]))]
}

const server = createServer(wsgi(compose(timing, authentication, rewrite, gzip)(page)))
const { url } = await server.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })
console.log(`WSGI in four middlewares at ${url}`)
