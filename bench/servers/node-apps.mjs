/*
 * Applications for `node:http`, there or on Gyre: `node-apps.mjs express gyre 8080`. The bare listener and Fastify
 * have all pages, the others the text only.
 */
import { Readable } from 'node:stream'
import { HELLO, PIECE, PIECES, STREAM_SIZE, TEXT, host, jsonPage, port } from './site.mjs'

const [framework, place] = process.argv.slice(2)
const { createServer } = await import(place === 'gyre' ? 'gyre/node-http' : 'node:http')
/** Node closes idle connections after 5 s: those of the benchmark are to stay. */
const IDLE_TIME = 120_000

function* pieces() {
  for (let left = PIECES; left > 0; left--) yield PIECE
}

const hello = (_request, response) => {
  response.setHeader('Content-Type', TEXT)
  response.end(HELLO)
}
const bare = {
  '/': hello,
  '/last': hello,
  '/json': (request, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(jsonPage((name) => request.headers[name])))
  },
  '/upload': (request, response) => {
    let size = 0
    request.on('data', (piece) => (size += piece.length))
    request.on('end', () => response.end(String(size)))
  },
  '/stream': (_request, response) => {
    response.setHeader('Content-Length', STREAM_SIZE)
    let left = PIECES
    const send = () => {
      while (left > 0) {
        left--
        if (!response.write(PIECE)) return void response.once('drain', send)
      }
      response.end()
    }
    send()
  },
}

const listeners = {
  listener: () => (request, response) => bare[request.url](request, response),
  express: async () => {
    const { default: express } = await import('express')
    return express().get('/', (_request, response) => response.send(HELLO))
  },
  koa: async () => {
    const { default: Koa } = await import('koa')
    return new Koa().use((context) => (context.body = HELLO)).callback()
  },
}

if (framework === 'fastify') {
  const { default: fastify } = await import('fastify')
  const app = fastify({
    serverFactory: (handler) => createServer({ keepAliveTimeout: IDLE_TIME }, handler),
  })
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.get('/', (_request, reply) => reply.send(HELLO))
  app.get('/last', (_request, reply) => reply.send(HELLO))
  app.get('/json', (request, reply) => reply.send(jsonPage((name) => request.headers[name])))
  app.post('/upload', (request, reply) => reply.send(String(request.body.length)))
  app.get('/stream', (_request, reply) => reply.header('Content-Length', STREAM_SIZE).send(Readable.from(pieces())))
  await app.listen({ port, host })
} else {
  createServer({ keepAliveTimeout: IDLE_TIME }, await listeners[framework]()).listen(port, host)
}
