import { createServer } from 'gyre'

const server = createServer(function* (_request, response) {
  response.text('Hello, World!')
})
await server.listen({ port: Number(process.argv[2]), host: '127.0.0.1' })
