/*
 * Hello world through a framework, on Gyre or on node:http: `frameworks.mjs express gyre 8080`; native and fetch
 * are Gyre's own handlers.
 */
const [framework, place, port] = process.argv.slice(2)
const { createServer } = await import(place === 'gyre' ? 'gyre/node-http' : 'node:http')
const text = 'Hello, World!'

const listeners = {
  listener: () => (_request, response) => {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8')
    response.end(text)
  },
  express: async () => {
    const { default: express } = await import('express')
    return express().get('/', (_request, response) => response.send(text))
  },
  koa: async () => {
    const { default: Koa } = await import('koa')
    return new Koa().use((context) => (context.body = text)).callback()
  },
}

if (framework === 'native' || framework === 'fetch') {
  const gyre = await import('gyre')
  const { fromFetch } = await import('gyre/handlers')
  const native = function* (_request, response) {
    response.text(text)
  }
  const server = gyre.createServer(framework === 'native' ? native : fromFetch(() => new Response(text)))
  await server.listen({ port: Number(port), host: '127.0.0.1' })
} else if (framework === 'fastify') {
  const { default: fastify } = await import('fastify')
  const app = fastify({ serverFactory: (handler) => createServer(handler) })
  app.get('/', (_request, reply) => reply.send(text))
  await app.listen({ port: Number(port), host: '127.0.0.1' })
} else {
  createServer(await listeners[framework]()).listen(Number(port), '127.0.0.1')
}
