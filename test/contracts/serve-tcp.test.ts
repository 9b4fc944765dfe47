/*
 * A server of byte streams: what it does on every kind of io. GYRE_IO says which is tried.
 */
import { existsSync, mkdtempSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { BufferedStream, chooseIo, connect, copy, run, serveTcp, spawn } from '../../lib/io/index.ts'
import type { ByteStream, StreamServer } from '../../lib/io/index.ts'
import { nursery, sleep, waitPromise, withScope, withTimeout } from '../../lib/kernel/index.ts'
import type { Coroutine } from '../../lib/kernel/index.ts'
import { Event, all, kill, moveOnAfter } from '../../lib/sync/index.ts'
import { caughtBy } from '../support/caught.ts'
import { cancelEverywhere, descriptors } from '../support/leaks.ts'
import { eventually } from '../support/serve.ts'

const { kind } = chooseIo()
const local = { host: '127.0.0.1', port: 0 }

const dial = (server: StreamServer): Coroutine<ByteStream> => connect({ host: '127.0.0.1', port: server.address.port })

function* reaches(condition: () => boolean): Coroutine<void> {
  yield* waitPromise(eventually(condition))
}

describe(`serveTcp on the ${kind} io`, () => {
  test('serves connections side by side, and closes each when its handler is done', async () => {
    await run(function* () {
      const server = yield* serveTcp(function* (stream) {
        const buffered = new BufferedStream(stream)
        yield* buffered.writeAll(`${String(yield* buffered.readLine())}!`)
      }, local)
      expect(server.address).toMatchObject({ address: '127.0.0.1', family: 'IPv4' })
      const streams = [yield* dial(server), yield* dial(server), yield* dial(server)].map(
        (stream) => new BufferedStream(stream),
      )
      for (const [index, stream] of [...streams.entries()].reverse()) {
        yield* stream.writeAll(`${index}\n`)
        expect(String(yield* stream.readExactly(2))).toBe(`${index}!`)
        expect(yield* stream.readSome()).toBe(null)
        stream.close()
      }
      yield* reaches(() => server.statistics().connections === 0)
      expect(server.statistics()).toEqual({ connections: 0, accepted: 3 })
      yield* server.close()
    })
  })

  test('more connections than its limit wait', async () => {
    await run(function* () {
      const server = yield* serveTcp((stream) => copy(stream, stream), { ...local, connections: 2 })
      const streams = []
      for (let count = 0; count < 4; count++) streams.push(new BufferedStream(yield* dial(server)))
      for (const stream of streams) yield* stream.writeAll('x')
      for (const stream of streams.slice(0, 2)) yield* stream.readExactly(1)
      expect(yield* moveOnAfter(30, (streams[2] as BufferedStream).readExactly(1), 'waits')).toBe('waits')
      expect(server.statistics()).toEqual({ connections: 2, accepted: 2 })
      for (const stream of streams) {
        stream.shutdown()
        if (stream.unread === 0 && streams.indexOf(stream) > 1) yield* stream.readExactly(1)
        stream.close()
      }
      yield* server.close()
      expect(server.statistics()).toEqual({ connections: 0, accepted: 4 })
    })
  })

  test('a handler that fails is reported, and the server goes on; a client that goes is no failure', async () => {
    const errors: [string, string][] = []
    await run(function* () {
      const server = yield* serveTcp(
        function* (stream) {
          const line = yield* new BufferedStream(stream).readUntil('\n')
          throw new Error(String(line).trim())
        },
        { ...local, onError: (error, remote) => errors.push([(error as Error).message, remote.address]) },
      )
      for (const line of ['one\n', 'cut', 'two\n']) {
        const stream = new BufferedStream(yield* dial(server))
        yield* stream.writeAll(line)
        stream.shutdown()
        expect(yield* stream.readSome()).toBe(null)
        stream.close()
      }
      yield* server.close()
    })
    expect(errors.map(([message]) => message)).toEqual(['one', 'two'])
  })

  test('close() frees the address and waits for the connections that are open', async () => {
    await run(function* () {
      const server = yield* serveTcp((stream) => copy(stream, stream), local)
      const stream = new BufferedStream(yield* dial(server))
      yield* reaches(() => server.statistics().connections === 1)
      const closing = spawn(server.close())
      yield* sleep(5)
      expect(closing.ended).toBe(false)
      expect(yield* caughtBy(dial(server))).toMatchObject({ code: 'GYRE_CONNECT_REFUSED' })
      yield* stream.writeAll('still served')
      expect(String(yield* stream.readExactly(12))).toBe('still served')
      stream.close()
      yield* closing
      yield* server.wait()
    })
  })

  test('close() cancels them when its timeout is over, and waits for their cleanup', async () => {
    await run(function* () {
      let cleaned = false
      const server = yield* serveTcp(function* () {
        try {
          yield* sleep(60_000)
        } finally {
          yield* sleep(5)
          cleaned = true
        }
      }, local)
      const stream = new BufferedStream(yield* dial(server))
      yield* reaches(() => server.statistics().connections === 1)
      yield* server.close({ timeout: 10 })
      expect([cleaned, server.statistics().connections]).toEqual([true, 0])
      expect(yield* stream.readSome()).toBe(null)
      stream.close()
    })
  })

  test('it ends with the scope that it was started in, and so do its connections', async () => {
    const path = `${mkdtempSync('/tmp/gyre-')}/s`
    await run(function* () {
      let server: StreamServer | undefined
      let stream: BufferedStream | undefined
      const before = descriptors()
      yield* withScope(function* (scope) {
        server = yield* serveTcp(() => sleep(60_000), { path })
        stream = new BufferedStream(yield* connect({ path }))
        yield* reaches(() => server?.statistics().connections === 1)
        scope.cancel()
      })
      yield* (server as unknown as StreamServer).wait()
      expect(yield* (stream as unknown as BufferedStream).readSome()).toBe(null)
      stream?.close()
      expect(existsSync(path)).toBe(false)
      yield* reaches(() => descriptors() <= before)
    })
  })

  test('a nursery waits for it', async () => {
    await run(function* () {
      const closed = new Event()
      yield* nursery(function* (children) {
        const server = yield* serveTcp(function* () {}, local)
        children.spawn(function* () {
          yield* sleep(5)
          closed.set()
          yield* server.close()
        })
      })
      expect(closed.isSet).toBe(true)
    })
  })

  test('what makes no sense is refused, and an address in use is told of', async () => {
    await run(function* () {
      const handler = (): Coroutine<void> => sleep(1) as Coroutine<void>
      for (const wrong of [{}, { port: 1, path: '/x' }, { port: -1 }, { port: 1.5 }, { port: 0, connections: 0 }])
        expect(yield* caughtBy(serveTcp(handler, wrong))).toMatchObject({ code: 'GYRE_BAD_OPTION' })
      const server = yield* serveTcp(handler, local)
      const again = serveTcp(handler, { ...local, port: server.address.port })
      expect(yield* caughtBy(again)).toMatchObject({ code: 'GYRE_ADDRESS_IN_USE' })
      yield* server.close()
    })
  })

  test('a cancel at every point of a life leaves no listener and no connection', async () => {
    const counts = await cancelEverywhere(function* () {
      const server = yield* serveTcp((stream) => copy(stream, stream), local)
      const stream = new BufferedStream(yield* dial(server))
      try {
        yield* stream.writeAll('x')
        yield* stream.readExactly(1)
      } finally {
        stream.close()
      }
      yield* server.close()
    })
    expect(counts.cancelled).toBeGreaterThan(3)
    expect(counts.done).toBeGreaterThan(0)
  })

  test('a hundred clients at once', async () => {
    await run(function* () {
      const server = yield* serveTcp((stream) => copy(stream, stream), local)
      const answers = yield* withTimeout(
        20_000,
        all(
          Array.from(
            { length: 100 },
            (_, index) =>
              function* () {
                using stream = new BufferedStream(yield* dial(server))
                yield* stream.writeAll(`client ${index}\n`)
                return yield* stream.readLine()
              },
          ),
        ),
      )
      expect(answers).toEqual(Array.from({ length: 100 }, (_, index) => `client ${index}`))
      yield* server.close()
      yield* kill(spawn(server.close()))
    })
  })
})
