import { createServer } from 'gyre'
import { wsgi } from 'gyre/wsgi'

const body = Buffer.from('Hello, World!')
const app = (_environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']])
  return [body]
}
await createServer(wsgi(app)).listen({ port: Number(process.argv[2]), host: '127.0.0.1' })
