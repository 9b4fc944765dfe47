/*
 * Testing a handler without sockets and without waiting: requests, a time limit in virtual time, and
 * clients that behave badly.
 */
import assert from 'node:assert/strict'
import { HttpError, sleep, withTimeout } from 'gyre'
import type { Handler } from 'gyre'
import { VirtualHost, attack, inject, stallAt } from 'gyre/testing'

/** What is tested: it echoes, and gives a slow search two seconds. */
const app: Handler = function* (request, response) {
  switch (request.path) {
    case '/':
      response.text(yield* request.text())
      break
    case '/search':
      try {
        yield* withTimeout(2000, sleep(60_000))
      } catch {
        throw new HttpError(504, 'the search took too long')
      }
      break
    default:
      throw new HttpError(404, 'no such page')
  }
}

// 1. A request. It runs through the real connection code; only the socket is left out.
const server = { log: false } as const
const echo = await inject(app, { method: 'POST', body: 'hello' })
assert.equal(echo.status, 200)
assert.equal(echo.text(), 'hello')
assert.equal((await inject(app, { path: '/nothing' }, { server })).status, 404)
console.log('requests: as they should be')

// 2. A time limit. The clock jumps when everybody waits, so two seconds take none.
const time = new VirtualHost()
const search = await inject(app, { path: '/search' }, { time, server })
assert.equal(search.status, 504)
assert.equal(time.elapsed, 2000)
console.log(`time limit: kept after ${time.elapsed} ms that nobody waited for`)

// 3. One client that stops in the middle of its head, and then all that the kit has.
const { passed, why } = await stallAt(app, 'midHead')
assert.ok(passed, why)
const report = await attack(app, { seed: 7 })
assert.ok(report.passed, String(report))
console.log(String(report))
