import { createServer } from 'node:http'

const server = createServer((_request, response) => {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end('Hello, World!')
})
server.listen(Number(process.argv[2]), '127.0.0.1')
