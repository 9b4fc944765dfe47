/*
 * A stack of Connect's middlewares on Gyre: a log, safe headers, compression, sessions, bodies, static files.
 */
import type { AddressInfo } from 'node:net'
import bodyParser from 'body-parser'
import compression from 'compression'
import connect from 'connect'
import type { SimpleHandleFunction, NextHandleFunction } from 'connect'
import session from 'express-session'
import helmet from 'helmet'
import morgan from 'morgan'
import serveStatic from 'serve-static'
import { createServer } from 'gyre/node-http'

// Express's types ask for more than these middlewares use.
const plain = (middleware: unknown): NextHandleFunction => middleware as NextHandleFunction

const echo: SimpleHandleFunction = (request, response) => {
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify((request as { body?: unknown }).body))
}

const app = connect()
app.use(morgan(':method :url :status', { stream: process.stdout }))
app.use(helmet())
app.use(plain(compression({ threshold: 100 })))
app.use(plain(session({ secret: 'not a secret', resave: false, saveUninitialized: false })))
app.use('/echo', bodyParser.json())
app.use('/echo', echo)
app.use('/', serveStatic(import.meta.dirname, { index: false }))

const server = createServer(app)
server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
)
process.once('SIGTERM', () => server.close())
