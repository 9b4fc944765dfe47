/*
 * Fastify on Gyre, by the option that Fastify has for this: `serverFactory`. Its plugins stay as they are, and so do
 * Connect's middlewares, which @fastify/middie brings in.
 */
import { Readable } from 'node:stream'
import middie from '@fastify/middie'
import Fastify from 'fastify'
import helmet from 'helmet'
import { createServer } from 'gyre/node-http'

const app = Fastify({ serverFactory: (handler) => createServer(handler), forceCloseConnections: true })

await app.register(middie)
app.use(helmet())

app.get('/', () => ({ hello: 'from Fastify' }))

app.post('/sum', { schema: { body: { type: 'array', items: { type: 'number' } } } }, (request) =>
  (request.body as number[]).reduce((sum, number) => sum + number, 0).toString(),
)

app.get('/lines', (_request, reply) => reply.send(Readable.from(['one\n', 'two\n', 'three\n'])))

app.get('/broken', () => {
  throw new Error('as it happens')
})

const url = await app.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })
console.log(`listening on ${url}/`)
process.once('SIGTERM', () => void app.close())
