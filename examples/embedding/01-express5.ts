/*
 * Express 5 on Gyre. Only the server is another: the application is what it was.
 */
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import express from 'express'
import type { ErrorRequestHandler } from 'express'
import { createServer } from 'gyre/node-http'

const app = express()
app.use(express.json())

app.get('/', (_request, response) => {
  response.send('hello from Express\n')
})
app.post('/sum', (request, response) => {
  const numbers = request.body as number[]
  response.json({ sum: numbers.reduce((sum, number) => sum + number, 0) })
})
app.get('/source', (_request, response) => {
  // A file with its ETag, its ranges and its type, by Express's own send.
  response.sendFile('01-express5.js', { root: import.meta.dirname })
})
app.get('/lines', async (_request, response) => {
  for (const line of ['one', 'two', 'three']) {
    response.write(`${line}\n`)
    await setTimeout(10)
  }
  response.end()
})
app.get('/broken', async () => {
  await setTimeout(1)
  throw new Error('as it happens')
})
app.use(((error: Error, _request, response, next) => {
  if (response.headersSent) next(error)
  else response.status(500).json({ error: error.message })
}) satisfies ErrorRequestHandler)

const server = createServer(app)
server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
)
process.once('SIGTERM', () => server.close())
