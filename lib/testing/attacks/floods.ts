/*
 * Clients whose message never ends, or costs more than it is worth.
 */
import { giveWay } from '../../kernel/index.ts'
import { TESTING } from '../sizes.ts'
import { REFUSED, attackOf, describe, failed, passed, usualStatus } from '../verdict.ts'
import type { Attack } from '../verdict.ts'
import type { Victim } from '../victim.ts'

const CHUNKED = ['Transfer-Encoding: chunked']

/**
 * Something that goes on until the server ends it.
 *
 * @param refused - whether an answer below 400 is a fault: a head that never ends is nothing to answer
 */
function endless(name: string, opening: (victim: Victim) => string, more: string, refused: boolean): Attack {
  return attackOf(name, (victim) => ({
    *talk(client) {
      const piece = Buffer.from(more.repeat(Math.ceil(TESTING.piece / more.length / 16)), 'latin1')
      yield* client.send(opening(victim))
      let sent = 0
      while (client.ending === 'open' && sent < TESTING.endless) {
        if (!(yield* client.send(piece))) break
        sent += piece.length
        yield* giveWay()
      }
      if (sent >= TESTING.endless) return failed(`took ${sent} bytes; ${describe(client)}`)
      yield* client.end()
      const [answer] = client.answers
      if (refused && answer !== undefined && answer.status < REFUSED) return failed(describe(client))
      return passed(`${describe(client)} after ${sent} bytes`)
    },
  }))
}

/** A head whose fields never end. */
export const endlessHead: Attack = endless(
  'endlessHead',
  (victim) => victim.request('GET').slice(0, -2),
  `X-More: ${'x'.repeat(90)}\r\n`,
  true,
)

/** A chunk whose extension never ends (CVE-2024-22019). */
export const endlessChunkExtension: Attack = endless(
  'endlessChunkExtension',
  (victim) => victim.request('POST', CHUNKED, '1;a='),
  'x'.repeat(100),
  false,
)

/** A chunked body whose trailers never end. */
export const endlessTrailers: Attack = endless(
  'endlessTrailers',
  (victim) => victim.request('POST', CHUNKED, '1\r\nx\r\n0\r\n'),
  `X-More: ${'x'.repeat(90)}\r\n`,
  false,
)

/** A body in chunks of one byte is answered like any other, or refused. */
export const oneByteChunks: Attack = attackOf('oneByteChunks', (victim) => ({
  *talk(client) {
    const size = TESTING.oneByteChunks
    const counted = victim.request('POST', [`Content-Length: ${size}`], 'x'.repeat(size))
    const usual = yield* usualStatus(victim, counted, 'POST')
    yield* client.send(victim.request('POST', CHUNKED, `${'1\r\nx\r\n'.repeat(size)}0\r\n\r\n`))
    yield* client.until(() => client.answers.length > 0)
    const status = client.answers[0]?.status
    if (status === usual || (status !== undefined && status >= REFUSED)) return passed(describe(client))
    return failed(`${describe(client)}; the same body with a Content-Length is answered ${usual}`)
  },
}))
