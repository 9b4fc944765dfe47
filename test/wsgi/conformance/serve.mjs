/*
 * Serves the application of app.mjs in one of the ways: `node serve.mjs inline`. Prints the port.
 */
const dist = new URL('../../../dist/', import.meta.url).href
const { createServer } = await import(`${dist}index.js`)
const { wsgi, wsgiGenerator, wsgiThreads } = await import(`${dist}wsgi/index.js`)
const { default: app, taskApp } = await import('./app.mjs')

const WAYS = {
  inline: () => wsgi(app),
  generator: () => wsgiGenerator(taskApp),
  threads: () => wsgiThreads(new URL('./app.mjs', import.meta.url), { limits: { threads: 2 } }),
  'one-thread': () => wsgiThreads(new URL('./app.mjs', import.meta.url), { limits: { threads: 1 } }),
}
const server = createServer({ log: false }, WAYS[process.argv[2]]())
const { port } = await server.listen({ port: 0, host: '127.0.0.1' })
console.log(port)
process.stdin.on('end', () => process.exit(0)).resume()
