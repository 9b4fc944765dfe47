/*
 * WebSockets by ws on Gyre: it takes connections over by the event 'upgrade', as from any server of node:http.
 */
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { createServer } from 'gyre/node-http'

const server = createServer((_request, response) => {
  response.end('this page wants a WebSocket\n')
})

const sockets = new WebSocketServer({ server, path: '/echo' })
sockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => {
    socket.send(data, { binary: isBinary })
  })
})

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
)
process.once('SIGTERM', () => server.close())
