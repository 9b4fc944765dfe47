/*
 * Any bytes over real sockets: answers or a close within the limits, never an exception, a hang, a descriptor or a
 * connection that stays; and one access record for each request that was begun. Most of the fuzz runs in memory
 * (test/security/pure); here is what sockets and both kinds of io make of it.
 */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { AccessRecord } from '../../lib/index.ts'
import { Fuzzer, duration, fuzz } from '../support/fuzz.ts'
import { site, surprises } from '../support/fuzzed-site.ts'
import { eventually, serve } from '../support/serve.ts'

const LANES = 48
/** Short times, so that nobody waits: what stalls is ended by the server. */
const limits = { headTime: 150, bodyIdleTime: 150, keepAliveTime: 150, writeStallTime: 300, lingerTime: 100 }
const PATIENCE = 10_000

test(
  'any bytes, cut anyhow, and any end',
  async () => {
    const fuzzer = new Fuzzer(`sockets ${process.env['GYRE_IO'] ?? ''}`)
    const { random } = fuzzer
    const records: AccessRecord[] = []
    const { connect, server, events } = await serve(site, { limits, access: (one) => records.push(one) })
    const descriptors = (): number => readdirSync('/proc/self/fd').length
    const atRest = server.statistics().kernel
    ;(await connect()).close()
    await eventually(() => server.statistics().accepted === 1 && server.statistics().connections === 0)
    const before = descriptors()
    const talk = async (bytes: Buffer): Promise<void> => {
      const client = await connect({ allowHalfOpen: true })
      let from = 0
      for (const to of [...fuzzer.cuts(bytes.length), bytes.length]) {
        client.send(bytes.subarray(from, to))
        from = to
        await new Promise((resolve) => setImmediate(resolve))
      }
      const end = random.pick(['wait', 'wait', 'shutdown', 'close', 'reset'])
      if (end === 'reset') client.socket.resetAndDestroy()
      else if (end === 'close') client.close()
      else if (end === 'shutdown') client.socket.end()
      let late = false
      const timer = setTimeout(() => {
        late = true
        client.close()
      }, PATIENCE)
      const text = await client.end()
      clearTimeout(timer)
      client.close()
      expect(late, `not ended by the server: ${JSON.stringify(bytes.toString('latin1'))}`).toBe(false)
      expect(text === '' || text.startsWith('HTTP/1.1 ')).toBe(true)
    }
    await fuzz(1_000_000, async () => {
      const batch = Array.from({ length: LANES }, () => fuzzer.next())
      await Promise.all(batch.map(talk))
      await eventually(() => server.statistics().connections === 0, 'the end of every connection')
      const { running, requests, outputHeld } = server.statistics()
      expect({ running, outputHeld }).toEqual({ running: 0, outputHeld: 0 })
      expect(records.filter(({ method }) => method !== '')).toHaveLength(requests)
      return batch.reduce((sum, { length }) => sum + length, 0)
    })
    const { kernel } = server.statistics()
    expect(kernel.tasks).toBe(atRest.tasks)
    expect(surprises(events)).toEqual([])
    await eventually(() => descriptors() <= before, 'the return of every descriptor')
  },
  60_000 + duration * 2,
)
