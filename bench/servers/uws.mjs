import uws from '@trufflesuite/uws-js-unofficial'

// Date and Content-Length it adds by itself.
uws
  .App()
  .get('/*', (response) => {
    response.writeHeader('Content-Type', 'text/plain; charset=utf-8').end('Hello, World!')
  })
  .listen('127.0.0.1', Number(process.argv[2]), () => undefined)
