/*
 * Fetch-style applications beside native handlers: Hono on a mount, a bare function, and work that goes on behind the answer.
 */
import { Hono } from 'hono'
import { createServer, sleep } from 'gyre'
import { FetchResponse, fromFetch, mount } from 'gyre/handlers'
import type { FetchContext } from 'gyre/handlers'

// Any router that speaks Request and Response. Its paths begin behind the mount.
const api = new Hono<{ Bindings: FetchContext }>()
api.get('/', (context) => context.text(`hello ${context.env.remote.address}\n`))
api.post('/echo', async (context) => context.json(await context.req.json<unknown>()))

let orders = 0
const server = createServer(
  mount({
    '/api': fromFetch(api),
    // FetchResponse is a Response that costs less, because it makes no stream of a text.
    '/quick': fromFetch((request) => new FetchResponse(`you asked for ${new URL(request.url).pathname}\n`)),
    '/order': fromFetch((_request, context) => {
      context.waitUntil(sendMail())
      return new FetchResponse('thank you\n', { status: 202 })
    }),
    '/orders': function* (_request, response) {
      yield* sleep(1)
      response.text(`${orders}\n`)
    },
  }),
)

async function sendMail(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20))
  orders++
}

const { url } = await server.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })
console.log(`listening on ${url}`)
// Mails that are under way are waited for.
await server.closeOnSignals()
