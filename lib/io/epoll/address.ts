/*
 * Socket addresses: between an Endpoint and the bytes of a struct sockaddr.
 */
import { GyreError } from '../../base/index.ts'
import type { Endpoint } from '../endpoint.ts'
import { shownPath } from '../listener.ts'
import type { UnixAddress } from '../listener.ts'
import * as sys from './syscalls.ts'
import type { Syscalls } from './syscalls.ts'

/** sizeof(struct sockaddr_storage): room for every family. */
const STORAGE = 128
const FAMILY_BYTES = 2
const IPV4_BYTES = 16
const IPV6_BYTES = 28
const IPV4_AT = 4
const IPV6_AT = 8

/** @returns the bytes of the address, as bind() and connect() take them */
export function encodeAddress(calls: Syscalls, where: UnixAddress | { address: string; port: number }): Buffer {
  if ('path' in where) return encodePath(where.path)
  const six = where.address.includes(':')
  const bytes = Buffer.alloc(six ? IPV6_BYTES : IPV4_BYTES)
  bytes.writeUInt16LE(six ? sys.AF_INET6 : sys.AF_INET, 0)
  bytes.writeUInt16BE(where.port, FAMILY_BYTES)
  const at = calls.addressOf(bytes) + (six ? IPV6_AT : FAMILY_BYTES * 2)
  if (calls.inet_pton(six ? sys.AF_INET6 : sys.AF_INET, where.address, at) !== 1)
    throw new GyreError('GYRE_ADDRESS_UNKNOWN', `${where.address} is not an IP address`)
  return bytes
}

function encodePath(path: string): Buffer {
  const name = Buffer.from(path)
  // The length counts for an abstract name: a NUL at its end would be part of it (unix(7)).
  const bytes = Buffer.alloc(FAMILY_BYTES + name.length + (name[0] === 0 ? 0 : 1))
  bytes.writeUInt16LE(sys.AF_UNIX, 0)
  name.copy(bytes, FAMILY_BYTES)
  return bytes
}

type AddressCall = (descriptor: number, address: number, length: number) => number

/** Where the operating system writes an address. What is there is good until the next call. */
export class AddressSlot {
  /** Where the address goes. */
  readonly at: number
  private readonly bytes = Buffer.alloc(STORAGE)
  private readonly length = Int32Array.of(STORAGE)
  private readonly lengthAt: number

  constructor(calls: Syscalls) {
    this.at = calls.addressOf(this.bytes)
    this.lengthAt = calls.addressOf(new Uint8Array(this.length.buffer))
  }

  /** @returns where the length goes; before the call it tells of all the room */
  room(): number {
    this.length[0] = STORAGE
    return this.lengthAt
  }

  /** @returns what was written */
  read(): Endpoint {
    return decodeAddress(this.bytes, Math.min(STORAGE, this.length[0] as number))
  }
}

let slot: AddressSlot | undefined

/** An end that nobody can name any more. */
export const NOWHERE: Endpoint = { address: '', port: 0, family: 'unix' }

/**
 * Asks the operating system for one end of a socket.
 *
 * @param ask - getsockname or getpeername
 * @returns the endpoint; one without an address where the peer is gone already
 */
export function endpointOf(calls: Syscalls, ask: AddressCall, descriptor: number): Endpoint {
  slot ??= new AddressSlot(calls)
  return ask(descriptor, slot.at, slot.room()) < 0 ? NOWHERE : slot.read()
}

function decodeAddress(bytes: Buffer, length: number): Endpoint {
  const family = bytes.readUInt16LE(0)
  if (family === sys.AF_INET)
    return { address: ipv4Text(bytes.readInt32BE(IPV4_AT)), port: bytes.readUInt16BE(FAMILY_BYTES), family: 'IPv4' }
  if (family === sys.AF_INET6) {
    const port = bytes.readUInt16BE(FAMILY_BYTES)
    return { address: ipv6Text(bytes.subarray(IPV6_AT, IPV6_AT + 16)), port, family: 'IPv6' }
  }
  const path = bytes.subarray(FAMILY_BYTES, length)
  if (path.length > 1 && path[0] === 0) return { address: shownPath(path.toString('utf8')), port: 0, family: 'unix' }
  const end = path.indexOf(0)
  return { address: path.toString('utf8', 0, end < 0 ? path.length : end), port: 0, family: 'unix' }
}

// Connections come from few addresses at a time, behind a proxy from one: they share its text.
let lastBits = 0
let lastText = '0.0.0.0'

function ipv4Text(bits: number): string {
  if (bits !== lastBits) {
    lastBits = bits
    lastText = `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`
  }
  return lastText
}

/** The text form that RFC 5952 recommends: lower case, the longest run of zero groups as `::`. */
function ipv6Text(bytes: Buffer): string {
  const groups: string[] = []
  for (let at = 0; at < bytes.length; at += 2) groups.push(bytes.readUInt16BE(at).toString(16))
  const text = groups.join(':')
  // An IPv4 client of a dual-stack listener (RFC 4291 2.5.5.2): shown as Node and curl show it.
  if (/^0:0:0:0:0:ffff:/.test(text)) return `::ffff:${bytes.subarray(12).join('.')}`
  const runs = text.match(/\b0(?::0)+\b/g) ?? []
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '')
  if (longest === '') return text
  const at = text.indexOf(longest)
  return `${text.slice(0, at).replace(/:$/, '')}::${text.slice(at + longest.length).replace(/^:/, '')}`
}
