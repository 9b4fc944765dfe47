/*
 * Any bytes, cut anyhow, through parser and decoder: messages, or a refusal by a row of the table. Nothing else is
 * thrown, cuts make no difference, and neither does what lies around the bytes.
 */
import { expect, test } from 'vitest'
import { ERRORS } from '../../../lib/base/index.ts'
import { input } from '../../../lib/protocol/index.ts'
import { Fuzzer, duration, fuzz } from '../../support/fuzz.ts'
import { readMessages } from '../../support/messages.ts'

test(
  'parser and decoder',
  async () => {
    const fuzzer = new Fuzzer('parser')
    const memory = (): number => input.bytes.buffer.byteLength
    readMessages(Buffer.from('GET /'))
    const before = memory()
    await fuzz(12_000_000, () => {
      const bytes = fuzzer.next()
      const whole = readMessages(bytes)
      const cut = readMessages(bytes, fuzzer.cuts(bytes.length), undefined, fuzzer.random.pick([undefined, 0x0a, 0x41]))
      if (cut !== whole) expect(cut, JSON.stringify(bytes.toString('latin1'))).toBe(whole)
      const code = /^\d{3} (GYRE_\w+)$/m.exec(whole)?.[1]
      if (code !== undefined) expect(ERRORS).toHaveProperty(code)
      return bytes.length
    })
    // Parsers are given back: the parser's memory does not grow with the number of messages.
    expect(memory()).toBe(before)
  },
  60_000 + duration * 2,
)
