/*
 * Koa on Gyre: `app.callback()` is what Koa gives to any server of node:http.
 */
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import Koa from 'koa'
import { createServer } from 'gyre/node-http'

const app = new Koa()

app.use(async (context, next) => {
  const began = performance.now()
  await next()
  if (context.path === '/') context.set('X-Response-Time', `${Math.round(performance.now() - began)} ms`)
})
app.use(async (context) => {
  switch (`${context.method} ${context.path}`) {
    case 'GET /':
      context.body = 'hello from Koa\n'
      break
    case 'POST /echo':
      context.body = await json(context.req)
      break
    case 'GET /lines':
      context.type = 'text/plain'
      context.body = Readable.from(['one\n', 'two\n', 'three\n'])
      break
    case 'GET /away':
      context.redirect('/')
      break
    default:
      context.throw(404, 'no such page')
  }
})

const server = createServer(app.callback())
server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
)
process.once('SIGTERM', () => server.close())
