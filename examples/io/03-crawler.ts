/*
 * A crawler: follows every link of a site once, four pages at a time. The site is served by the same process.
 */
import { BufferedStream, Queue, connect, createServer, each, nursery, run, sleep } from 'gyre'

const site = createServer(function* (request, response) {
  const page = Number(request.path.slice(1))
  yield* sleep(20)
  if (page > 12) return response.text('a leaf\n')
  response.html(`<a href="/${page * 2}">left</a> <a href="/${page * 2 + 1}">right</a>`)
})
const { port } = await site.listen({ port: 0, host: '127.0.0.1' })

function* fetchPage(path: string) {
  using stream = new BufferedStream(yield* connect({ host: '127.0.0.1', port }, { timeout: 1000 }))
  yield* stream.writeAll(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  let text = ''
  for (let line = yield* stream.readLine(); line !== null; line = yield* stream.readLine()) text += `${line}\n`
  return text
}

const seen = new Set(['/1'])
const pages = new Queue<string>()
pages.tryPut('/1')

function* crawler() {
  yield* each(pages, function* (path) {
    for (const [, link = ''] of (yield* fetchPage(path)).matchAll(/href="([^"]+)"/g)) {
      if (seen.has(link)) continue
      seen.add(link)
      pages.tryPut(link)
    }
    pages.taskDone()
  })
}

const begin = performance.now()
await run(() =>
  nursery(function* (children) {
    for (let count = 0; count < 4; count++) children.spawn(crawler())
    yield* pages.join()
    pages.shutdown()
  }),
)
console.log(`${seen.size} pages, four at a time, in ${Math.round(performance.now() - begin)} ms`)
await site.close()
