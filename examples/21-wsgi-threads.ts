/*
 * A synchronous application in threads, beside a native handler that goes on meanwhile: `/primes/5000000` computes for
 * a while, `/source` reads a file, and `/` shows what the threads are doing. Ctrl-C stops.
 */
import { createServer } from 'gyre'
import { mount } from 'gyre/handlers'
import { wsgiThreads } from 'gyre/wsgi'

const app = wsgiThreads(new URL('./21-wsgi-threads-app.js', import.meta.url), {
  limits: { threads: 2, requestTime: 10_000 },
})
await app.ready

const server = createServer(
  mount({
    '/': (_request, response) => {
      response.json(app.statistics())
    },
    '/work': app,
  }),
)
const { url } = await server.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })
console.log(`threads at ${url}work/primes/5000000`)
await server.closeOnSignals()
await app.close()
