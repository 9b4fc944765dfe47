/*
 * Request smuggling (RFC 9112 section 11.2): messages that two readers take for different ones. Each case
 * goes over a connection of its own, whole or cut in two by chance.
 */
import { giveWay } from '../../kernel/index.ts'
import type { Client } from '../client.ts'
import { REFUSED, attackOf, describe, failed, passed } from '../verdict.ts'
import type { Attack, Finding } from '../verdict.ts'
import type { Victim } from '../victim.ts'
import { smugglingCases } from './smuggling-cases.ts'
import type { SmugglingCase } from './smuggling-cases.ts'

/** @returns an attack for each case */
export function smuggling(victim: Victim): Attack[] {
  const random = victim.random('smuggling')
  return smugglingCases(victim.host, victim.path, random).map((one) => smuggle(one, random.below(2 * one.bytes.length)))
}

/** @param cut - where the bytes are cut; beyond their end they are sent whole */
function smuggle(one: SmugglingCase, cut: number): Attack {
  return attackOf(one.name, () => ({
    methodOf: (index) => (index === 0 ? one.method : 'GET'),
    *talk(client) {
      yield* client.send(one.bytes.slice(0, cut))
      if (cut < one.bytes.length) {
        yield* giveWay()
        yield* client.send(one.bytes.slice(cut))
      }
      // What waits for the rest of a message that is not there need not be waited for.
      yield* client.until(() => client.answers.length >= one.answers)
      if (one.must !== 'refused') client.stream.shutdown()
      else if (client.answers.some(({ status }) => status < REFUSED)) return judge(one, client)
      yield* client.end()
      return judge(one, client)
    },
  }))
}

function judge({ must, answers }: SmugglingCase, client: Client): Finding {
  const found = describe(client)
  const [first] = client.answers
  if (client.answers.length > answers) return failed(`${found}: the hidden request was served`)
  switch (must) {
    case 'served':
      return client.answers.length === answers
        ? passed(found)
        : failed(`${found}: nothing is wrong with this request, nor with the one behind it`)
    case 'contained':
      return passed(found)
    case 'refused':
      if (first !== undefined && first.status < REFUSED) return failed(`${found}: it should have been refused`)
      return first === undefined ? failed(`${found}: a refusal should say so`) : passed(found)
  }
}
