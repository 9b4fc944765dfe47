/*
 * What the peer's system has acknowledged of a TCP connection (RFC 4898, tcpEStatsAppHCThruOctetsAcked).
 */
import * as sys from './syscalls.ts'
import { loadSyscalls } from './syscalls.ts'

/** Where `tcpi_bytes_acked` is in `struct tcp_info`, and where it ends. From Linux 4.1 on. */
const AT = 120
const END = 128

const info = Buffer.alloc(END)
const length = Buffer.alloc(4)

/** @returns how many bytes; 0 where the system does not tell: no TCP, an old kernel, no koffi */
export function acknowledgedOn(descriptor: number): number {
  const calls = loadSyscalls()
  if (calls instanceof Error) return 0
  length.writeInt32LE(END)
  const [at, lengthAt] = [calls.addressOf(info), calls.addressOf(length)]
  const answer = calls.getsockopt(descriptor, sys.IPPROTO_TCP, sys.TCP_INFO, at, lengthAt)
  return answer < 0 || length.readInt32LE() < END ? 0 : Number(info.readBigUInt64LE(AT))
}
