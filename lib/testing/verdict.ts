/*
 * A bout: one attack on one connection, bounded in time, and the verdict on how the server took it.
 */
import { GyreError } from '../base/index.ts'
import { withScope } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { Client, talkOver } from './client.ts'
import { escapeControls } from './recorder.ts'
import { TESTING } from './sizes.ts'
import type { Victim } from './victim.ts'

/** How a server took an attack. */
export interface Verdict {
  /** Which attack it was. */
  readonly name: string
  /** True where it was taken as it should be. */
  readonly passed: boolean
  /** What happened, and where it failed what should have. */
  readonly why: string
  /** The beginning of what the server sent, control characters spelled out. */
  readonly answer: string
}

/** What an attack found: a failure in words, or that all was well. */
export interface Finding {
  readonly passed: boolean
  readonly why: string
}

export const passed = (why: string): Finding => ({ passed: true, why })
export const failed = (why: string): Finding => ({ passed: false, why })

/** A named attack. */
export interface Attack {
  readonly name: string
  run(victim: Victim): Coroutine<Verdict>
}

/** What is done on one connection. */
export interface Bout {
  /** The method of the request that an answer belongs to. */
  readonly methodOf?: (index: number) => string
  /** False for one who does not read unless told. */
  readonly reading?: boolean
  readonly talk: (client: Client) => Coroutine<Finding>
}

/**
 * Opens a connection and has the attack done. When nothing comes back for as long as the patience is, the
 * server has failed; attacks for which that is no failure end before.
 */
export function attackOf(name: string, bout: (victim: Victim) => Bout): Attack {
  return {
    name,
    *run(victim) {
      const { methodOf, reading = true, talk } = bout(victim)
      const { kernel, patience } = victim
      const clients: Client[] = []
      const last = kernel.host.now() + patience * TESTING.renewals
      let finding: Finding | undefined
      try {
        finding = yield* withScope(function* (scope) {
          const renew = (): void => scope.cancelAt(Math.min(last, kernel.host.now() + patience), 'no patience left')
          renew()
          const client = new Client(yield* victim.open(), methodOf)
          clients.push(client)
          client.heard = renew
          return yield* reading ? talkOver(client, () => leaving(client, talk)) : leaving(client, talk)
        })
      } catch (error) {
        if (!(error instanceof GyreError)) throw error
        finding = failed(error.message)
      }
      finding ??= failed(`nothing more for ${patience} ms: ${clients.map(describe).join() || 'no connection'}`)
      return { name, ...finding, answer: escapeControls(clients[0]?.received ?? '') }
    },
  }
}

/** Talks, and is gone: what a server has not read by then is not waited for. */
function* leaving(client: Client, talk: Bout['talk']): Coroutine<Finding> {
  try {
    return yield* talk(client)
  } finally {
    if (client.ending === 'open') client.stream.reset()
    else client.stream.close()
  }
}

/** @returns what the server has done on a connection, in words */
export function describe(client: Client): string {
  const statuses = client.answers.map(({ status }) => status)
  const count = statuses.length
  const shown = count > 4 ? `${statuses.slice(0, 3).join(', ')}… (${count} answers)` : statuses.join(', ')
  const said = count === 0 ? 'no answer' : `answered ${shown}`
  const ends = { open: 'the connection left open', ended: 'the connection ended', gone: 'the connection reset' }
  return `${said}, ${ends[client.ending]}${client.fault === null ? '' : `; ${client.fault.message}`}`
}

/** The statuses from which on an answer is a refusal. */
export const REFUSED = 400

/** @returns the status of an ordinary request, for comparison */
export function* usualStatus(victim: Victim, request: string, method: string): Coroutine<number> {
  const client = new Client(yield* victim.open(), () => method)
  return yield* talkOver(client, function* () {
    yield* client.send(request)
    yield* client.until(() => client.answers.length > 0)
    const [answer] = client.answers
    if (answer !== undefined) return answer.status
    throw new GyreError('GYRE_ANSWER_BROKEN', `an ordinary ${method} ${victim.path} gets ${describe(client)}`)
  })
}
