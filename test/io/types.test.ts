/*
 * What TypeScript makes of io: `yield*` gives every operation's result its type. Checked by
 * `npm run typecheck`; run here only so that the file is no dead code.
 */
import { expectTypeOf, test } from 'vitest'
import {
  BufferedStream,
  ThreadPool,
  connect,
  copy,
  each,
  openFile,
  race,
  readFile,
  runInThread,
  serveTcp,
  sleep,
  spawnProcess,
  startTls,
  waitSignal,
  withTimeout,
  writeFile,
} from 'gyre'
import type { ByteStream, Coroutine, OpenFile, Process, ProcessEnding, StreamServer } from 'gyre'

/** Never run: only its types are looked at. */
export function* typed(): Coroutine<void> {
  // streams
  const stream = new BufferedStream(yield* connect({ host: 'a', port: 1 }, { timeout: 5, tls: { alpn: ['one'] } }))
  expectTypeOf(yield* connect({ path: '/a' }, { tls: true })).toEqualTypeOf<ByteStream>()
  expectTypeOf(yield* stream.readLine()).toEqualTypeOf<string | null>()
  expectTypeOf(yield* stream.readSome(1)).toEqualTypeOf<Buffer | null>()
  expectTypeOf(yield* stream.readExactly(1)).toEqualTypeOf<Buffer>()
  expectTypeOf(yield* copy(stream, stream)).toEqualTypeOf<number>()
  expectTypeOf(yield* startTls(stream, { client: { serverName: 'a' } })).toEqualTypeOf<ByteStream>()
  expectTypeOf(yield* serveTcp((client) => copy(client, client), { port: 0 })).toEqualTypeOf<StreamServer>()
  // @ts-expect-error a host needs a port
  yield* connect({ host: 'a' })
  // @ts-expect-error a client must say which name it expects
  yield* startTls(stream, { client: {} })
  // @ts-expect-error a handler makes an operation
  yield* serveTcp(() => 5, { port: 0 })

  // threads: arguments go with their parameters, promises are waited for
  expectTypeOf(yield* runInThread((one: number, word: string) => [one, word], 1, 'a')).toEqualTypeOf<
    (string | number)[]
  >()
  expectTypeOf(yield* runInThread(async () => 5)).toEqualTypeOf<number>()
  expectTypeOf(yield* runInThread({ module: 'a', export: 'b' }, 1)).toEqualTypeOf<unknown>()
  expectTypeOf(yield* new ThreadPool(2).run((word: string) => word.length, 'a')).toEqualTypeOf<number>()
  // @ts-expect-error the argument is no number
  yield* runInThread((one: number) => one, 'a')

  // processes and signals
  const child = yield* spawnProcess('a', ['b'], { stdout: 'pipe' })
  expectTypeOf(child).toEqualTypeOf<Process>()
  expectTypeOf(yield* child.wait()).toEqualTypeOf<ProcessEnding>()
  expectTypeOf(yield* waitSignal('SIGTERM', 'SIGINT')).toEqualTypeOf<NodeJS.Signals>()
  yield* each(waitSignal('SIGHUP'), function* (name) {
    expectTypeOf(name).toEqualTypeOf<NodeJS.Signals>()
    yield* sleep(1)
  })
  const won = yield* race({ signal: waitSignal('SIGTERM'), file: readFile('a') })
  if (won.name === 'file') expectTypeOf(won.value).toEqualTypeOf<Buffer>()
  // @ts-expect-error a signal must be named
  yield* waitSignal()

  // files
  expectTypeOf(yield* readFile('a', 'utf8')).toEqualTypeOf<string>()
  expectTypeOf(yield* withTimeout(5, readFile(new URL('file:///a')))).toEqualTypeOf<Buffer>()
  yield* writeFile('a', new Uint8Array(1))
  expectTypeOf(yield* openFile('a', 'r+')).toEqualTypeOf<OpenFile>()
}

test('the types are checked by the compiler', () => {
  expectTypeOf(typed).returns.toEqualTypeOf<Coroutine<void>>()
})
