/*
 * The smallest server: one generator function answers every request.
 */
import { createServer, sleep } from 'gyre'

const server = createServer(function* (request, response) {
  yield* sleep(10) // only this request waits
  response.text(`hello ${request.path}\n`)
})

const { url } = await server.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })
console.log(`listening on ${url}`)
server.closeOnSignals()
