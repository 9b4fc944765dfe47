/*
 * Clients that are slow, stop, go, or want everything at once.
 */
import { GyreError } from '../../base/index.ts'
import { WOULD_WAIT } from '../../io/index.ts'
import { giveWay, park, sleep, withTimeout } from '../../kernel/index.ts'
import type { Coroutine } from '../../kernel/index.ts'
import { Client, talkOver } from '../client.ts'
import { TESTING } from '../sizes.ts'
import { REFUSED, attackOf, describe, failed, passed, usualStatus } from '../verdict.ts'
import type { Attack, Bout, Finding } from '../verdict.ts'
import type { Victim } from '../victim.ts'

const BODY = 'a=1&b=2'
const FORM = ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${BODY.length}`]

function post(victim: Victim, lines: readonly string[] = []): string {
  return victim.request('POST', [...FORM, ...lines], BODY)
}

/** Waits for the first answer and holds it against the usual one. */
function* sameAsUsual(victim: Victim, client: Client, usual: number, least = 1): Coroutine<Finding> {
  yield* client.until(() => client.answers.length >= least)
  const status = client.answers[least - 1]?.status
  if (status === usual) return passed(`answered ${status} as usual`)
  return failed(`${describe(client)}; it should have been answered ${usual} like any other ${victim.path}`)
}

/** A request that comes one byte at a time must be answered like one that comes whole. */
export const byteAtATime: Attack = attackOf('byteAtATime', (victim) => ({
  *talk(client) {
    const request = post(victim)
    const usual = yield* usualStatus(victim, request, 'POST')
    for (const byte of request) {
      if (!(yield* client.send(byte))) break
      yield* giveWay()
    }
    return yield* sameAsUsual(victim, client, usual)
  },
}))

/** Where a client stops. */
export type StallPhase = 'beforeFirstByte' | 'midHead' | 'midBody' | 'whileReading'

export const STALL_PHASES: readonly StallPhase[] = ['beforeFirstByte', 'midHead', 'midBody', 'whileReading']

/** A client that stops and stays must be let go in time. */
export function stallAt(phase: StallPhase): Attack {
  const name = `stallAt ${phase}`
  if (phase === 'whileReading') return attackOf(name, readNothing)
  return attackOf(name, (victim) => ({
    *talk(client) {
      const whole = post(victim)
      const sent = { beforeFirstByte: 0, midHead: whole.indexOf('\r\n\r\n') - 1, midBody: whole.length - 1 }[phase]
      yield* client.send(whole.slice(0, sent))
      yield* client.end()
      const [answer] = client.answers
      // An application may well answer before it has read the body; half a head is nothing to answer.
      if (phase === 'midHead' && answer !== undefined && answer.status < REFUSED)
        return failed(`half a head was answered ${answer.status}`)
      return passed(describe(client))
    },
  }))
}

/**
 * Asks and asks and reads no answer. The server must stop taking requests in, or the answers would fill
 * its memory; and then let the client go. From outside, one that waits for its client looks like one that
 * is still busy with what it was asked; so the usual pace of its answers is taken first.
 */
function readNothing(victim: Victim): Bout {
  const { kernel, patience } = victim
  return {
    reading: false,
    *talk({ stream, heard }) {
      const perRequest = yield* usualPace(victim, heard)
      const request = Buffer.from(victim.request('GET'), 'latin1')
      const batch = Buffer.concat(Array.from({ length: BATCH }, () => request))
      // A little less than the patience, so that it is said here what became of it.
      const until = kernel.host.now() + patience - TESTING.readPause
      let sent = 0
      try {
        while (sent < TESTING.unread && kernel.host.now() < until) {
          const at = sent % batch.length
          const count = stream.tryWrite(batch, at, batch.length)
          if (count === WOULD_WAIT) yield* withTimeout(until - kernel.host.now(), park(stream.writable))
          else {
            sent += count
            yield* giveWay()
          }
          heard()
        }
      } catch (error) {
        if (!(error instanceof GyreError)) throw error
        if (error.code === 'GYRE_PEER_GONE') return passed(`let go after ${sent} bytes of requests`)
        if (error.code !== 'GYRE_TIMEOUT') throw error
      }
      const asked = sent / request.length
      if (sent < TESTING.unread && asked * perRequest > patience / 2)
        return passed(`still busy with ${sent} bytes of requests after ${patience} ms`)
      return failed(`took ${sent} bytes of requests while none of the answers was read, and did not let go`)
    },
  }
}

/** Requests that are sent together. */
const BATCH = 100

/** @returns how many milliseconds a request takes where many come together */
function* usualPace(victim: Victim, heard: () => void): Coroutine<number> {
  const began = victim.kernel.host.now()
  const client = new Client(yield* victim.open())
  client.heard = heard
  return yield* talkOver(client, function* () {
    yield* client.send(victim.request('GET').repeat(BATCH))
    yield* client.until(() => client.answers.length >= BATCH)
    return (victim.kernel.host.now() - began) / Math.max(1, client.answers.length)
  })
}

/** A client that reads slowly, but does read, gets its answer whole. */
export const slowReader: Attack = attackOf('slowReader', (victim) => ({
  reading: false,
  *talk(client) {
    const request = victim.request('GET', ['Connection: close'])
    const usual = yield* usualStatus(victim, request, 'GET')
    yield* client.send(request)
    const one = Buffer.alloc(1)
    const more = Buffer.alloc(TESTING.piece)
    for (let read = 0; client.answers.length === 0; read++) {
      yield* sleep(TESTING.readPause)
      if (!(yield* client.receive(read < TESTING.slowBytes ? one : more))) break
    }
    return yield* sameAsUsual(victim, client, usual)
  },
}))

/**
 * A client that ends its side after a request must not leave a connection behind. Whether it gets an answer
 * is the server's choice: many take it for gone.
 */
export const halfClose: Attack = attackOf('halfClose', (victim) => ({
  *talk(client) {
    yield* client.send(victim.request('GET'))
    client.stream.shutdown()
    yield* client.end()
    return passed(describe(client))
  },
}))

/**
 * A client that resets after so many bytes must hurt nobody else.
 *
 * @param offset - how many bytes of its request it sends before; beyond those, how many of the answer it reads
 */
export function resetAt(offset: number): Attack {
  return attackOf(`resetAt ${offset}`, (victim) => ({
    reading: false,
    *talk(client) {
      const usual = yield* usualStatus(victim, victim.request('GET'), 'GET')
      const request = post(victim)
      yield* client.send(request.slice(0, offset))
      // The bytes must have arrived by then: a reset overtakes what is still on its way.
      yield* giveWay()
      const one = Buffer.alloc(1)
      for (let read = request.length; read < offset && client.answers.length === 0; read++)
        if (!(yield* client.receive(one))) break
      client.stream.reset()
      const after = yield* usualStatus(victim, victim.request('GET'), 'GET')
      return after === usual
        ? passed(`others are answered ${after} as before`)
        : failed(`others are answered ${after} afterwards, and were answered ${usual} before`)
    },
  }))
}

/** How many bytes of the answer are read before a reset: the head is where most can go wrong. */
const ANSWER_OFFSETS = [1, 5, 20, 50, 100, 120, 140, 160, 200, 400]

/** A reset at every byte of a request, one after its last, and some in the answer. */
export function resetEverywhere(victim: Victim): Attack[] {
  const { length } = post(victim)
  const offsets = Array.from({ length: length + 1 }, (_, offset) => offset)
  return [...offsets, ...ANSWER_OFFSETS.map((offset) => length + offset)].map(resetAt)
}

/**
 * Many requests that come together, cut at random places, get their answers in order. GET, HEAD and POST
 * are mixed, so that answers in a wrong order do not fit their requests.
 *
 * @param count - how many
 */
export function pipelining(count: number): Attack {
  return attackOf('pipelining', (victim) => {
    const random = victim.random('pipelining')
    const methods = Array.from({ length: count }, () => random.pick(['GET', 'HEAD', 'POST']))
    return {
      methodOf: (index) => methods[index] ?? 'GET',
      *talk(client) {
        const close = ['Connection: close']
        const make = (method: string, lines: readonly string[] = []): string =>
          method === 'POST' ? post(victim, lines) : victim.request(method, lines)
        const usual: Record<string, number> = {}
        for (const method of new Set(methods)) usual[method] = yield* usualStatus(victim, make(method, close), method)
        const all = methods.map((method, index) => make(method, index === count - 1 ? close : [])).join('')
        for (let at = 0; at < all.length;) {
          const to = at + 1 + random.below(300)
          if (!(yield* client.send(all.slice(at, to)))) break
          at = to
          yield* giveWay()
        }
        yield* client.end()
        const wrong = client.answers.findIndex(({ status }, index) => status !== usual[methods[index] as string])
        if (wrong >= 0) return failed(`request ${wrong + 1} was answered otherwise than alone; ${describe(client)}`)
        // A server may end a connection after some requests, if it says so.
        const told = client.answers.at(-1)?.headers.get('Connection')?.toLowerCase() === 'close'
        const whole = client.fault === null && (client.answers.length === count || told)
        return whole ? passed(`${client.answers.length} answers in order`) : failed(`of ${count}: ${describe(client)}`)
      },
    }
  })
}
