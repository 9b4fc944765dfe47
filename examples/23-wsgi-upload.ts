/*
 * An upload of any size, hashed as it comes, by a WSGI application of the generator way:
 * `curl -T some-file http://127.0.0.1:8080/`.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'gyre'
import { wsgiGenerator } from 'gyre/wsgi'

const app = wsgiGenerator(
  function* (environ, startResponse) {
    if (environ.REQUEST_METHOD !== 'PUT' && environ.REQUEST_METHOD !== 'POST') {
      startResponse('405 Method Not Allowed', [
        ['Content-Type', 'text/plain'],
        ['Allow', 'PUT, POST'],
      ])
      yield Buffer.from('send something\n')
      return
    }
    const hash = createHash('sha256')
    let size = 0
    for (let piece; (piece = yield* environ['wsgi.input'].read(65_536)).length > 0; size += piece.length)
      hash.update(piece)
    startResponse('200 OK', [['Content-Type', 'text/plain']])
    yield Buffer.from(`${size} bytes, sha256 ${hash.digest('hex')}\n`)
  },
  { bodyBytes: 10_000_000_000 },
)

const server = createServer(app)
const { url } = await server.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })
console.log(`uploads at ${url}`)
