/*
 * Hono on Gyre, through its own adapter for node:http: `createServer` is an option of it.
 */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { streamText } from 'hono/streaming'
import { createServer } from 'gyre/node-http'

const app = new Hono()

app.get('/', (context) => context.text('hello from Hono\n'))
app.post('/echo', async (context) => context.json(await context.req.json<unknown>()))
app.get('/lines', (context) =>
  streamText(context, async (stream) => {
    for (const line of ['one', 'two', 'three']) await stream.writeln(line)
  }),
)
app.get('/header', (context) => context.text(context.req.header('x-question') ?? 'none'))
app.onError((error, context) => context.text(error.message, 500))
app.get('/broken', () => {
  throw new Error('as it happens')
})

const port = Number(process.env['PORT'] ?? 8080)
const server = serve({ fetch: app.fetch, createServer, port, hostname: '127.0.0.1' }, ({ port }) =>
  console.log(`listening on http://127.0.0.1:${port}/`),
)
process.once('SIGTERM', () => server.close())
