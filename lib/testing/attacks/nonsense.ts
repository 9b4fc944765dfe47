/*
 * Clients that speak no HTTP at all.
 */
import { REFUSED, attackOf, describe, failed, passed } from '../verdict.ts'
import type { Attack } from '../verdict.ts'
import type { Random } from '../random.ts'
import type { Victim } from '../victim.ts'

/** What is no request must be refused or ended, and what follows it must not be run. */
function nonsense(name: string, make: (random: Random, victim: Victim) => Buffer): Attack {
  return attackOf(name, (victim) => ({
    *talk(client) {
      yield* client.send(make(victim.random(name), victim))
      yield* client.end()
      const served = client.answers.some(({ status }) => status < REFUSED)
      if (served || client.answers.length > 1) return failed(`${describe(client)}; this was no request`)
      return passed(describe(client))
    },
  }))
}

/** Random bytes, and behind them a request that must not be served. */
export const earlyGarbage: Attack = nonsense('earlyGarbage', (random, victim) => {
  const garbage = Buffer.from(Array.from({ length: 1 + random.below(600) }, () => random.below(256)))
  // A byte that no request begins with, so that chance cannot make one.
  garbage[0] = 0x80 | (garbage[0] as number)
  return Buffer.concat([garbage, Buffer.from(`\r\n\r\n${victim.request('GET')}`, 'latin1')])
})

/** What a browser sends that was given `https:` by mistake: a ClientHello of TLS (RFC 8446 section 4.1.2). */
export const tlsHelloOnPlainPort: Attack = nonsense('tlsHelloOnPlainPort', (random) => {
  const chance = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random.below(256)))
  const suites = Buffer.from('130113021303c02bc02f', 'hex')
  const extensions = Buffer.from('000a00040002001d002b00050403040303', 'hex')
  const length = (bytes: Buffer): Buffer => Buffer.from([bytes.length >> 8, bytes.length & 0xff])
  const hello = Buffer.concat([
    Buffer.from('0303', 'hex'),
    chance(32),
    Buffer.from([32]),
    chance(32),
    length(suites),
    suites,
    Buffer.from('0100', 'hex'),
    length(extensions),
    extensions,
  ])
  const handshake = Buffer.concat([Buffer.from([1, 0]), length(hello), hello])
  return Buffer.concat([Buffer.from('160301', 'hex'), length(handshake), handshake])
})
