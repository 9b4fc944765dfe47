/*
 * A client that keeps to a limit: at most three questions on their way, and at most twenty a second, however
 * many are asked.
 */
import { BufferedStream, CapacityLimiter, Semaphore, all, connect, copy, every, holding, run, serveTcp } from 'gyre'

const inFlight = new CapacityLimiter(3)
const tickets = new Semaphore(1)
let most = 0

function* ask(port: number, question: string) {
  yield* tickets.acquire() // one comes every 50 ms
  return yield* holding(inFlight, function* () {
    most = Math.max(most, inFlight.statistics().borrowers.length)
    using stream = new BufferedStream(yield* connect({ host: '127.0.0.1', port }, { timeout: 1000 }))
    yield* stream.writeAll(`${question}\n`)
    return yield* stream.readLine()
  })
}

await run(function* () {
  const server = yield* serveTcp((client) => copy(client, client), { host: '127.0.0.1', port: 0 })
  const dispenser = every(50, function* () {
    if (tickets.free === 0) tickets.release()
  })
  dispenser.start()
  const begin = performance.now()
  const questions = ['bread?', 'milk?', 'tea?', 'salt?', 'rice?', 'oil?']
  const answers = yield* all(questions.map((question) => () => ask(server.address.port, question)))
  const took = performance.now() - begin
  dispenser.stop()
  console.log(answers.join(' '))
  console.log(`not faster than allowed: ${took >= 5 * 50 - 5}, never more than three at once: ${most <= 3}`)
  yield* server.close()
})
