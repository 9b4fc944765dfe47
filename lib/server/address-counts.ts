/*
 * How many connections each client address has.
 *
 * Of an IPv6 address the first 64 bits count: that is the least that a customer is given, and whoever
 * has it can send each packet from another address. Unix sockets have no address; and who comes from
 * this machine is a proxy, or somebody who measures: neither is counted.
 */
import type { Endpoint } from '../io/index.ts'

export class AddressCounts {
  private readonly most: number
  private readonly counts = new Map<string, number>()

  /** @param most - connections that one address may have */
  constructor(most: number) {
    this.most = most
  }

  /**
   * Counts a connection.
   *
   * @returns what to hand to `leave`: null where the connection is not counted; undefined where the address
   *   has as many as it may have
   */
  enter(remote: Endpoint): string | null | undefined {
    if (this.most === Infinity) return null
    const name = nameOf(remote)
    if (name === null) return null
    const count = this.counts.get(name) ?? 0
    if (count >= this.most) return undefined
    this.counts.set(name, count + 1)
    return name
  }

  leave(name: string | null): void {
    if (name === null) return
    const count = (this.counts.get(name) ?? 1) - 1
    if (count === 0) this.counts.delete(name)
    else this.counts.set(name, count)
  }
}

const GROUPS = 8
const PREFIX_GROUPS = 4

function nameOf({ address, family }: Endpoint): string | null {
  if (address === '' || family === 'unix') return null
  const mapped = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
  if (mapped.startsWith('127.') || mapped === '::1') return null
  if (family === 'IPv4' || mapped !== address) return mapped
  // Written out where `::` stands for groups of zeros.
  const [before = '', after] = address.split('::')
  const groups = before === '' ? [] : before.split(':')
  if (after !== undefined) {
    const tail = after === '' ? [] : after.split(':')
    while (groups.length + tail.length < GROUPS) groups.push('0')
    groups.push(...tail)
  }
  return groups.slice(0, PREFIX_GROUPS).join(':')
}
