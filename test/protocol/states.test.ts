import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CONNECTION_STATES, STATES } from '../../lib/protocol/index.ts'
import type { ConnectionEvent, ConnectionStateName } from '../../lib/protocol/index.ts'

/** The table as a Mermaid diagram. */
function draw(): string {
  let text = 'stateDiagram-v2\n  [*] --> idle\n'
  for (const [state, row] of Object.entries(CONNECTION_STATES))
    for (const [event, next] of Object.entries(row)) text += `  ${state} --> ${next}: ${event}\n`
  return text
}

test('every state can be reached, every one but the last can be left, and each may end', () => {
  const reached = new Set<string>(['idle'])
  for (const state of reached)
    for (const next of Object.values(CONNECTION_STATES[state as ConnectionStateName])) reached.add(next)
  expect([...reached].sort()).toEqual(Object.keys(CONNECTION_STATES).sort())
  for (const [state, row] of Object.entries(CONNECTION_STATES)) if (state !== 'closed') expect(row.ended).toBe('closed')
  expect(CONNECTION_STATES.closed).toEqual({})
})

test('an event that a state does not have is a fault of ours', () => {
  expect(() => STATES.closed.headRead).toThrow('a connection that is closed cannot take headRead')
  const events = new Set(Object.values(CONNECTION_STATES).flatMap((row) => Object.keys(row) as ConnectionEvent[]))
  for (const [name, row] of Object.entries(CONNECTION_STATES))
    for (const event of events)
      if (!(event in row))
        expect(() => STATES[name as ConnectionStateName][event]).toThrow(`is ${name} cannot take ${event}`)
})

test('the states lead where the table says', () => {
  for (const [name, row] of Object.entries(CONNECTION_STATES)) {
    const state = STATES[name as ConnectionStateName]
    expect(state.name).toBe(name)
    for (const [event, next] of Object.entries(row)) expect(state[event as ConnectionEvent]).toBe(STATES[next])
  }
})

test('docs/design.md shows the table as it is', () => {
  expect(readFileSync(new URL('../../docs/design.md', import.meta.url), 'utf8')).toContain(draw())
})
