/*
 * A stop that loses nothing: at SIGTERM no new connection is taken, and those that are open are served to
 * their end, for so long.
 */
import { BufferedStream, connect, race, run, serveTcp, sleep, spawn, waitSignal } from 'gyre'

await run(function* () {
  const server = yield* serveTcp(
    function* (client) {
      const stream = new BufferedStream(client)
      const order = yield* stream.readLine()
      yield* sleep(100)
      yield* stream.writeAll(`${order} is ready\n`)
    },
    { host: '127.0.0.1', port: 0 },
  )

  // A client, who orders just before the stop.
  const client = spawn(function* () {
    using stream = new BufferedStream(yield* connect({ host: '127.0.0.1', port: server.address.port }))
    yield* stream.writeAll('tea\n')
    yield* sleep(20)
    process.kill(process.pid, 'SIGTERM')
    console.log(yield* stream.readLine())
  })

  const { value: signal } = yield* race({ signal: waitSignal('SIGTERM', 'SIGINT') })
  console.log(`${signal}: no new connections; ${server.statistics().connections} is open`)
  yield* server.close({ timeout: 5000 })
  yield* client
  console.log('stopped, and nothing was lost')
})
