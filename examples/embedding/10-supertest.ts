/*
 * Testing an application with supertest while it is served by Gyre: supertest is given the server, and lets it listen.
 */
import assert from 'node:assert/strict'
import express from 'express'
import supertest from 'supertest'
import { createServer } from 'gyre/node-http'

const app = express()
app.use(express.json())
app.get('/', (_request, response) => {
  response.cookie('seen', 'yes').send('hello')
})
app.post('/echo', (request, response) => {
  response.status(201).json(request.body)
})

const server = createServer(app)

const hello = await supertest(server).get('/').expect(200).expect('Content-Type', /html/)
assert.equal(hello.text, 'hello')
assert.match(String(hello.headers['set-cookie']), /^seen=yes/)
console.log('a page and its cookie')

await supertest(server).post('/echo').send({ bread: 3 }).expect(201, { bread: 3 })
console.log('a body there and back')

await supertest(server).get('/nothing').expect(404)
console.log('a page that is not there')

assert.equal(server.listening, false)
console.log('and nothing is left open')
