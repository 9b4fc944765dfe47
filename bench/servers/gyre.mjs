/*
 * Ours: `gyre.mjs way port`. `native` has all pages; fetch-style and the ways of WSGI have the text only; `beside` has a
 * native page and a WSGI application in a thread that computes.
 */
import { createServer } from 'gyre'
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

/** Loaded only by who needs them: what lies in memory has V8 collect garbage more often. */
const handlers = () => import('gyre/handlers')
const wsgi = async () => ({ ...(await import('gyre/wsgi')), app: (await import('./hello-app.mjs')).default })
const threads = async (module) =>
  (await wsgi()).wsgiThreads(new URL(module, import.meta.url), { limits: { threads: 1 } })
const WAYS = {
  native: () => native,
  fetch: async () => (await handlers()).fromFetch(() => new Response(HELLO)),
  'fetch-response': async () => {
    const { FetchResponse, fromFetch } = await handlers()
    return fromFetch(() => new FetchResponse(HELLO))
  },
  inline: async () => {
    const { app, wsgi: inline } = await wsgi()
    return inline(app)
  },
  generator: async () => {
    const { app, wsgiGenerator } = await wsgi()
    return wsgiGenerator(app)
  },
  threads: () => threads('./hello-app.mjs'),
  beside: async () => {
    const { mount } = await handlers()
    const compute = await threads('./compute-app.mjs')
    await compute.ready
    return mount({ '/': native, '/compute': compute })
  },
}
const handler = await WAYS[process.argv[2]]()
await handler.ready
await createServer(handler).listen({ port, host })
