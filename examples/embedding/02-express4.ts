/*
 * Express 4 on Gyre, with what stands around it in many applications: sessions, compression, safe headers, forms, a log.
 */
import type { AddressInfo } from 'node:net'
import bodyParser from 'body-parser'
import compression from 'compression'
import session from 'express-session'
import express from 'express4'
import helmet from 'helmet'
import morgan from 'morgan'
import { createServer } from 'gyre/node-http'

declare module 'express-session' {
  interface SessionData {
    visits: number
  }
}

const app = express()
app.use(morgan(':method :url :status', { stream: process.stdout }))
app.use(helmet())
app.use(compression({ threshold: 100 }))
app.use(session({ secret: 'not a secret', resave: false, saveUninitialized: true, name: 'session' }))
app.use(bodyParser.urlencoded({ extended: false }))

app.get('/', (request, response) => {
  request.session.visits = (request.session.visits ?? 0) + 1
  response.send(`visit ${request.session.visits}\n`)
})
app.post('/form', (request, response) => {
  response.json(request.body)
})
app.get('/long', (_request, response) => {
  response.type('text').send('all work and no play\n'.repeat(1000))
})

const server = createServer(app)
server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
)
process.once('SIGTERM', () => server.close())
