/*
 * A server with a native page, and `/compute`, which keeps a thread busy for two seconds: `node beside.mjs port`.
 */
import { createServer } from 'gyre'
import { mount } from 'gyre/handlers'
import { wsgiThreads } from 'gyre/wsgi'

const compute = wsgiThreads(new URL('./compute-app.mjs', import.meta.url), { limits: { threads: 1 } })
await compute.ready
const native = (_request, response) => response.text('Hello, World!')
await createServer(mount({ '/': native, '/compute': compute })).listen({
  port: Number(process.argv[2]),
  host: '127.0.0.1',
})
