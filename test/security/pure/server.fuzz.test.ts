/*
 * Any bytes to a whole server, over streams in memory and in virtual time. A patient client gets exactly the answers
 * that a strict reader of its bytes expects, and not one more; an impatient one may do what it likes. Afterwards
 * nothing is left, and every request that was begun has one access record.
 */
import { expect, test } from 'vitest'
import { END } from '../../../lib/index.ts'
import type { AccessRecord, Handler, LogEvent, ServerOptions } from '../../../lib/index.ts'
import { nursery, sleep } from '../../../lib/kernel/index.ts'
import type { Coroutine } from '../../../lib/kernel/index.ts'
import { Server } from '../../../lib/server/index.ts'
import { Client, talkOver } from '../../../lib/testing/client.ts'
import { VirtualHost, memoryPair } from '../../../lib/testing/index.ts'
import { Fuzzer, duration, fuzz } from '../../support/fuzz.ts'
import { echo, meaningOf, site, surprises } from '../../support/fuzzed-site.ts'
import type { Meaning } from '../../support/fuzzed-site.ts'

/** Clients at once. */
const BATCH = 24
const TIMEOUT = 60_000 + duration * 2

class Fuzzed {
  readonly host = new VirtualHost()
  readonly records: AccessRecord[] = []
  readonly events: LogEvent[] = []
  readonly server: Server

  constructor(handler: Handler, options: ServerOptions = {}) {
    const access = (record: AccessRecord): void => void this.records.push(record)
    const log = (event: LogEvent): void => void this.events.push(event)
    this.server = new Server(this.host.kernel, { access, log, ...options }, handler)
  }

  /** Takes a client in. */
  connect(fuzzer: Fuzzer, methods: readonly string[] = []): Client {
    const { random } = fuzzer
    const capacity = random.pick([65_536, 65_536, 4_096, 100])
    const most = random.pick([65_536, 65_536, 300, 3])
    const [stream, serverEnd] = memoryPair({ capacity, cut: () => 1 + random.below(most) })
    this.server.serve(serverEnd)
    return new Client(stream, (index) => methods[index] ?? 'GET')
  }

  /** Runs clients to their ends, and sees what they leave behind. */
  async run(work: readonly (() => Coroutine<void>)[]): Promise<void> {
    await this.host.run(() =>
      nursery(function* (lanes) {
        for (const one of work) lanes.spawn(one)
      }),
    )
    // The connections have the time of every limit to end in.
    await this.host.run(sleep(300_000))
    const { connections, running, requests, outputHeld, kernel } = this.server.statistics()
    expect({ connections, running, outputHeld }).toEqual({ connections: 0, running: 0, outputHeld: 0 })
    expect({ tasks: kernel.tasks, deadlines: kernel.deadlines }).toEqual({ tasks: 0, deadlines: 0 })
    expect(this.host.failures).toEqual([])
    // The law of records: one for each request that was begun, and none besides but for heads that came to nothing.
    expect(this.records.filter(({ method }) => method !== '')).toHaveLength(requests)
    expect(surprises(this.events)).toEqual([])
  }
}

/** What a patient client is told for bytes that mean that. */
function expectedAnswers({ requests, refused, waiting }: Meaning): string[] {
  const told = requests.map(({ method, target, size }) => {
    if (method === 'CONNECT') return '405'
    if (size === undefined) return String(refused ?? 408)
    return method === 'HEAD' ? '200' : `200 ${method} ${target} ${size}`
  })
  const isOver = requests.some(({ method, size }) => size === undefined || method === 'CONNECT')
  if (!isOver && refused !== undefined) told.push(String(refused))
  else if (!isOver && waiting) told.push('408')
  return told
}

function* sendAll(client: Client, bytes: Buffer, fuzzer: Fuzzer): Coroutine<void> {
  let from = 0
  for (const to of [...fuzzer.cuts(bytes.length), bytes.length]) {
    if (!(yield* client.send(bytes.subarray(from, to)))) return
    from = to
    yield* sleep(fuzzer.random.pick([0, 0, 1]))
  }
}

test(
  'patient clients are told what their bytes mean, and nothing more',
  async () => {
    const fuzzer = new Fuzzer('patient')
    await fuzz(5_200_000, async () => {
      const fuzzed = new Fuzzed(echo)
      let sent = 0
      let expected = 0
      const talk = (bytes: Buffer) => {
        const meaning = meaningOf(bytes)
        const told = expectedAnswers(meaning)
        sent += bytes.length
        // Who says nothing at all is not answered, but written down.
        expected += Math.max(told.length, bytes.length === 0 ? 1 : 0)
        const client = fuzzed.connect(
          fuzzer,
          meaning.requests.map(({ method }) => method),
        )
        return () =>
          talkOver(client, function* () {
            yield* sendAll(client, bytes, fuzzer)
            yield* client.end()
            const got = client.answers.map(({ status, body }) =>
              status === 200 && body.length > 0 ? `200 ${body.toString('latin1')}` : String(status),
            )
            // Who asks for the end of the connection and goes on sending may lose answers, and gets no others.
            const all = client.ending === 'gone' && meaning.closing ? told.slice(0, got.length) : told
            expect(got, JSON.stringify(bytes.toString('latin1'))).toEqual(all)
            expect(client.ending === 'ended' || meaning.closing).toBe(true)
            if (client.ending === 'ended') expect(client.fault).toBeNull()
          })
      }
      await fuzzed.run(Array.from({ length: BATCH }, () => talk(fuzzer.next())))
      expect(fuzzed.records).toHaveLength(expected)
      return sent
    })
  },
  TIMEOUT,
)

/** What answers CONNECT where it is not refused outright. */
const declined: Handler = (_request, response) => {
  response.text('not from here', 403)
}

/** Limits that are hit often. */
const TIGHT: ServerOptions['limits'] = {
  headBytes: 2_000,
  fieldCount: 20,
  bodyBytes: 5_000,
  drainBytes: 1_000,
  pipelineDepth: 3,
  requestsPerConnection: 5,
  outputTotal: 100_000,
  handlerTime: 40,
  writeStallTime: 500,
  bodyIdleTime: 500,
  cancelGrace: 100,
}

test(
  'impatient clients leave nothing behind, and see no answer cut short as if it were whole',
  async () => {
    const fuzzer = new Fuzzer('impatient')
    const { random } = fuzzer
    await fuzz(5_200_000, async (round) => {
      const connect = round % 3 === 0 ? { connect: declined } : {}
      const cancel = round % 4 === 0 ? { cancelOnDisconnect: false } : {}
      const fuzzed = new Fuzzed(site, { limits: round % 2 === 0 ? TIGHT : {}, ...connect, ...cancel })
      let sent = 0
      const talk = (whole: Buffer) => {
        const bytes = whole.subarray(0, random.pick([whole.length, random.below(whole.length + 1)]))
        sent += bytes.length
        const client = fuzzed.connect(
          fuzzer,
          meaningOf(bytes, fuzzed.server.limit).requests.map(({ method }) => method),
        )
        const before = random.pick([0, 0, 0, 5, 40, 1_000])
        const end = random.pick(['wait', 'shutdown', 'close', 'reset', 'deaf'])
        return function* (): Coroutine<void> {
          if (end === 'deaf') {
            yield* hearNothing(client, bytes)
            return
          }
          yield* talkOver(client, function* () {
            yield* sendAll(client, bytes, fuzzer)
            yield* sleep(before)
            if (end === 'shutdown') client.stream.shutdown()
            else if (end === 'reset') client.stream.reset()
            if (end === 'wait' || end === 'shutdown') yield* client.end()
            // What is cut short must look so: by a reset, not by a clean end.
            if (client.ending === 'ended') expect(client.fault, JSON.stringify(bytes.toString('latin1'))).toBeNull()
          })
        }
      }
      await fuzzed.run(Array.from({ length: BATCH }, () => talk(fuzzer.next())))
      expect(fuzzed.records.filter(({ method }) => method === '').length).toBeLessThanOrEqual(BATCH)
      return sent
    })
  },
  TIMEOUT,
)

/** Sends without reading until there is no more room, stays for a while, and goes. */
function* hearNothing(client: Client, bytes: Buffer): Coroutine<void> {
  const { stream } = client
  try {
    const taken = stream.tryWrite(bytes, 0, bytes.length)
    yield* sleep(taken < bytes.length ? 1_000 : 100)
    if (stream.tryRead(Buffer.alloc(10), 0, 10) !== END) yield* sleep(1_000)
  } catch {
    // The server may well have had enough of it.
  } finally {
    stream.close()
  }
}
