/*
 * Bodies both ways, a piece at a time, with back-pressure: an upload is hashed as it comes in, and a
 * download is made as fast as its client reads.
 *
 *   curl -T big.iso http://127.0.0.1:8080/hash
 *   curl http://127.0.0.1:8080/count | tail -1
 */
import { createHash } from 'node:crypto'
import { createServer } from 'gyre'
import type { Request, Response } from 'gyre'
import { mount } from 'gyre/handlers'

function* hash(request: Request, response: Response) {
  request.bodyLimit = Infinity
  const sum = createHash('sha256')
  let size = 0
  for (let chunk; (chunk = yield* request.read()) !== null;) {
    sum.update(chunk)
    size += chunk.length
  }
  response.json({ size, sha256: sum.digest('hex') })
}

function* count(_request: Request, response: Response) {
  for (let line = 1; line <= 100_000; line++) yield* response.write(`${line}\n`)
}

const server = createServer(mount({ '/hash': hash, '/count': count }))
const { url } = await server.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })
console.log(`listening on ${url}`)
server.closeOnSignals()
