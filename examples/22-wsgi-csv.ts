/*
 * A table of any length as CSV, row by row, from a WSGI application that waits between rows (the generator way): the
 * first rows arrive at once, a slow reader slows it down, and one that leaves ends it.
 */
import { createServer, sleep } from 'gyre'
import { wsgiGenerator } from 'gyre/wsgi'
import type { StartResponse, TaskEnviron } from 'gyre/wsgi'

const quote = (value: string) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)

function* table(environ: TaskEnviron, startResponse: StartResponse) {
  const rows = Number(new URLSearchParams(environ.QUERY_STRING).get('rows') ?? 1000)
  startResponse('200 OK', [
    ['Content-Type', 'text/csv; charset=utf-8'],
    ['Content-Disposition', 'attachment; filename="table.csv"'],
  ])
  yield Buffer.from('number,square,words\n')
  for (let number = 1; number <= rows; number++) {
    yield Buffer.from(`${number},${number * number},${quote(`number "${number}", as text`)}\n`)
    // Here a row would be fetched; others are served meanwhile.
    if (number % 100 === 0) yield* sleep(1)
  }
}

const server = createServer(wsgiGenerator(table))
const { url } = await server.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })
console.log(`a table at ${url}?rows=100000`)
