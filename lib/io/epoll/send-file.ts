/*
 * sendfile(2): from the system's cache of a file into a socket. For 10 MB it costs less than half of what reading and
 * writing them costs.
 */
import { SIZES } from '../../base/index.ts'
import { syscalls } from './syscalls.ts'

/** `off_t`: where to begin in the file. */
const place = Buffer.alloc(BigInt64Array.BYTES_PER_ELEMENT)
let placeAddress = 0

/**
 * Sends a part of a file, up to one turn of it, so that neither a fast peer nor a cold disk keeps all others waiting.
 *
 * @returns what sendfile returns: -1 with errno set
 */
export function sendFile(socket: number, file: number, position: number, length: number): number {
  const calls = syscalls()
  if (placeAddress === 0) placeAddress = calls.addressOf(place)
  place.writeBigInt64LE(BigInt(position))
  return calls.sendfile(socket, file, placeAddress, Math.min(length, SIZES.turn))
}
