/*
 * Socket.IO on Gyre: it takes the requests of its path away from the other listeners, and upgrades to WebSocket.
 */
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { createServer } from 'gyre/node-http'

const server = createServer((_request, response) => {
  response.end('hello beside Socket.IO\n')
})

const sockets = new Server(server)
sockets.on('connection', (socket) => {
  socket.on('sum', (numbers: number[], answer: (sum: number) => void) => {
    answer(numbers.reduce((sum, number) => sum + number, 0))
  })
  socket.on('all', (text: string) => {
    sockets.emit('said', text)
  })
})

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
)
process.once('SIGTERM', () => void sockets.close())
