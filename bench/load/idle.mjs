/*
 * Connections that idle: `idle.mjs port count`. Each has asked once and got its answer. Says `open` when all have;
 * for each line that comes in, how many are still open. They end with this process.
 */
import { connect } from 'node:net'

const [port, count] = process.argv.slice(2).map(Number)
/** At once: below the backlog of any listener. */
const AT_ONCE = 100
const REQUEST = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`
const sockets = []

const open = () =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(REQUEST))
    socket.once('data', () => resolve(socket))
    socket.once('error', reject)
    sockets.push(socket)
  })

while (sockets.length < count)
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, open))
console.log('open')
process.stdin.on('data', () => {
  console.log(sockets.filter((socket) => socket.readyState === 'open').length)
})
