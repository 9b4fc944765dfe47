/*
 * Hono and h3 on Gyre without node:http between: both are fetch-style, and stand beside handlers of Gyre's own.
 */
import { createServer } from 'gyre'
import { fromFetch, mount } from 'gyre/handlers'
import { H3 } from 'h3'
import { Hono } from 'hono'

const hono = new Hono()
hono.get('/', (context) => context.text('hello from Hono\n'))
hono.post('/echo', async (context) => context.json(await context.req.json<unknown>()))

const h3 = new H3()
h3.get('/', () => 'hello from h3\n')
h3.get('/who/:name', (event) => ({ name: event.context.params?.['name'] }))

const server = createServer(
  mount({
    '/': function* (request, response) {
      response.text(`hello from ${request.path}\n`)
    },
    '/hono': fromFetch((request) => hono.fetch(request)),
    '/h3': fromFetch((request) => h3.fetch(request)),
  }),
)
const { url } = await server.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })
console.log(`listening on ${url}`)
server.closeOnSignals()
