/*
 * uWebSockets.js. Date and Content-Length it adds by itself.
 */
import uws from '@trufflesuite/uws-js-unofficial'
import { HELLO, PIECE, STREAM_SIZE, TEXT, host, jsonPage, port } from './site.mjs'

uws
  .App()
  .get('/', (response) => {
    response.writeHeader('Content-Type', TEXT).end(HELLO)
  })
  // It closes the connection by itself, and does not say so by itself.
  .get('/last', (response) => {
    response.writeHeader('Content-Type', TEXT).writeHeader('Connection', 'close').end(HELLO)
  })
  .get('/json', (response, request) => {
    const body = JSON.stringify(jsonPage((name) => request.getHeader(name)))
    response.writeHeader('Content-Type', 'application/json').end(body)
  })
  .post('/upload', (response) => {
    let size = 0
    response.onAborted(() => undefined)
    response.onData((piece, isLast) => {
      size += piece.byteLength
      if (isLast) response.end(String(size))
    })
  })
  .get('/stream', (response) => {
    let gone = false
    response.onAborted(() => (gone = true))
    const send = () => {
      for (;;) {
        if (gone) return true
        const at = response.getWriteOffset()
        const left = STREAM_SIZE - at
        const piece = PIECE.subarray(at % PIECE.length)
        const [ok, done] = response.tryEnd(left < piece.length ? piece.subarray(0, left) : piece, STREAM_SIZE)
        if (done || !ok) return ok
      }
    }
    response.onWritable(send)
    send()
  })
  .listen(host, port, () => undefined)
