/*
 * Ours: `gyre.mjs way port`. `native` has all pages; fetch-style and the ways of WSGI have the text only; `beside` has a
 * native page and a WSGI application in a thread that computes.
 */
import { createServer } from 'gyre'
import { FetchResponse, fromFetch, mount } from 'gyre/handlers'
import { wsgi, wsgiGenerator, wsgiThreads } from 'gyre/wsgi'
import app from './hello-app.mjs'
import { HELLO, PIECE, PIECES, STREAM_SIZE, host, jsonPage, port } from './site.mjs'

function* native(request, response) {
  const { path } = request
  if (path === '/' || path === '/last') response.text(HELLO)
  else if (path === '/json') response.json(jsonPage((name) => request.headers.get(name)))
  else if (path === '/upload') response.text(String((yield* request.bytes()).length))
  else {
    response.headers.set('Content-Length', STREAM_SIZE)
    for (let left = PIECES; left > 0; left--) yield* response.write(PIECE)
  }
}

const threads = (module) => wsgiThreads(new URL(module, import.meta.url), { limits: { threads: 1 } })
const WAYS = {
  native: () => ({ handler: native }),
  fetch: () => ({ handler: fromFetch(() => new Response(HELLO)) }),
  'fetch-response': () => ({ handler: fromFetch(() => new FetchResponse(HELLO)) }),
  inline: () => ({ handler: wsgi(app) }),
  generator: () => ({ handler: wsgiGenerator(app) }),
  threads: () => {
    const handler = threads('./hello-app.mjs')
    return { handler, ready: handler.ready }
  },
  beside: () => {
    const compute = threads('./compute-app.mjs')
    return { handler: mount({ '/': native, '/compute': compute }), ready: compute.ready }
  },
}
const { handler, ready } = WAYS[process.argv[2]]()
await ready
await createServer(handler).listen({ port, host })
