/*
 * Vite's development server as a middleware on Gyre; its hot reload takes a WebSocket of the same server.
 */
import type { AddressInfo } from 'node:net'
import { createServer as createVite } from 'vite'
import { createServer } from 'gyre/node-http'

const ROOT = process.env['VITE_ROOT'] ?? process.cwd()

const server = createServer((request, response) => {
  vite.middlewares(request, response, () => {
    response.statusCode = 404
    response.end('no such page\n')
  })
})
const vite = await createVite({
  root: ROOT,
  configFile: false,
  logLevel: 'warn',
  appType: 'spa',
  server: { middlewareMode: true, hmr: { server } },
})

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
)
process.once('SIGTERM', () => void vite.close().then(() => server.close()))
