/*
 * The applications of h3 on Gyre, as listeners for node:http.
 */
import type { AddressInfo } from 'node:net'
import { H3, HTTPError, readBody } from 'h3'
import { toNodeHandler } from 'h3/node'
import { createServer } from 'gyre/node-http'

const app = new H3()

app.get('/', () => 'hello from h3\n')
app.post('/echo', async (event) => readBody(event))
app.get('/who/:name', (event) => ({ name: event.context.params?.['name'] }))
app.get('/broken', () => {
  throw new HTTPError({ status: 418, message: 'a teapot' })
})

const server = createServer(toNodeHandler(app))
server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
)
process.once('SIGTERM', () => server.close())
