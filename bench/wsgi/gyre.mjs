/*
 * Our ways: `node gyre.mjs way port`. `native` is a handler without WSGI.
 */
import { createServer } from 'gyre'
import { wsgi, wsgiGenerator, wsgiThreads } from 'gyre/wsgi'
import app from './hello-app.mjs'

const [way, port] = process.argv.slice(2)
const threads = Number(process.env.WSGI_THREADS ?? 1)
const WAYS = {
  native: () =>
    function* (_request, response) {
      response.text('Hello, World!')
    },
  inline: () => wsgi(app),
  generator: () => wsgiGenerator(app),
  threads: () => wsgiThreads(new URL('./hello-app.mjs', import.meta.url), { limits: { threads } }),
}
const handler = WAYS[way]()
await handler.ready
await createServer(handler).listen({ port: Number(port), host: '127.0.0.1' })
