/*
 * Loaded before a suite: puts another server in the place of node:http's where GYRE_COMPAT_REGISTER names a file
 * that does so, and counts the servers that were asked to listen, so that a suite which kept node:http's is found out.
 */
const { appendFileSync } = require('node:fs')
const http = require('node:http')

const own = http.Server
const register = process.env.GYRE_COMPAT_REGISTER
if (register) {
  // Node 20 tells that it has loaded a module of ES by require; some suites want to hear of nothing.
  const { emitWarning } = process
  process.emitWarning = () => undefined
  require(register)
  process.emitWarning = emitWarning
}

// Told at once, as workers of tests are often ended before they end.
const file = process.env.GYRE_COMPAT_COUNT
const { Server } = http
const { listen } = Server.prototype
Object.defineProperty(Server.prototype, 'listen', {
  configurable: true,
  writable: true,
  value: function (...args) {
    if (file) appendFileSync(file, Server === own ? '1 0\n' : '1 1\n')
    return listen.apply(this, args)
  },
})
