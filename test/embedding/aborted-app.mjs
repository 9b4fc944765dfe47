/*
 * An Express application that counts what its clients' leaving looks like. `aborted-app.mjs <module>`: the module
 * whose createServer serves it. Asked by a message, it tells what it has counted and what it holds.
 */
import { Readable, pipeline } from 'node:stream'
import express from 'express'

const { createServer } = await import(process.argv[2])

let counts = {}
const count = (what) => (counts[what] = (counts[what] ?? 0) + 1)
process.on('warning', ({ name }) => count(`warning ${name}`))

const app = express()
app.use((request, response, next) => {
  for (const event of ['aborted', 'close', 'end'])
    request.on(event, () => {
      const { aborted, destroyed, complete, readableAborted } = request
      const what = JSON.stringify({ aborted, destroyed, complete, readableAborted })
      count(`${request.path} request ${event} ${what}`)
    })
  for (const event of ['close', 'finish'])
    response.on(event, () => {
      const { writableEnded, writableFinished, destroyed, closed, headersSent } = response
      const what = JSON.stringify({ writableEnded, writableFinished, destroyed, closed, headersSent })
      count(`${request.path} response ${event} ${what}`)
    })
  request.on('error', ({ code, message }) => count(`${request.path} request error ${code} ${message}`))
  response.on('error', ({ code }) => count(`${request.path} response error ${code}`))
  next()
})

app.post('/read', (request, response) => {
  request.on('data', () => undefined)
  request.on('end', () => response.send('all of it'))
})
app.post('/parsed', express.raw({ limit: '10mb' }), (_request, response) => {
  response.send('all of it')
})
app.post('/ignored', () => undefined)
const piece = Buffer.alloc(16_384)
app.get('/piped', (_request, response) => {
  pipeline(
    new Readable({
      read() {
        this.push(piece)
      },
      destroy(error, done) {
        count('/piped source destroyed')
        done(error)
      },
    }),
    response,
    (error) => count(`/piped pipeline ended with ${error?.code}`),
  )
})
app.get('/written', (_request, response) => {
  const more = () => {
    while (!response.destroyed && response.write(piece));
  }
  response.on('drain', more)
  more()
})
app.get('/waiting', (_request, response) => {
  response.write('first')
})
app.use((error, request, _response, _next) => {
  count(`${request.path} middleware error ${error.type ?? error.code} ${error.status}`)
})

const server = createServer(app)
server.on('clientError', ({ code }, socket) => {
  count(`clientError ${code}`)
  socket.destroy()
})
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

process.on('message', (question) => {
  if (question === 'reset') counts = {}
  server.getConnections((_error, connections) => {
    globalThis.gc()
    globalThis.gc()
    const { heapUsed, external } = process.memoryUsage()
    const listeners = server.eventNames().reduce((sum, name) => sum + server.listenerCount(name), 0)
    const ofProcess = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)
    process.send({ counts, connections, heap: heapUsed + external, listeners: listeners + ofProcess })
  })
})
