/*
 * From a name to an address.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { GyreError } from '../base/index.ts'

/**
 * Looks a name up, as the system does.
 *
 * @param host - a name, or an address, which is its own answer
 * @param ipv6Only - takes none but IPv6 addresses
 * @throws GyreError `GYRE_ADDRESS_UNKNOWN`, by a rejection
 */
export async function resolveHost(host: string, ipv6Only: boolean): Promise<string> {
  if (isIP(host) !== 0) return host
  try {
    return (await lookup(host, { family: ipv6Only ? 6 : 0 })).address
  } catch (error) {
    throw new GyreError(
      'GYRE_ADDRESS_UNKNOWN',
      `the name ${host} cannot be looked up: use an address, or a name of this machine`,
      error,
    )
  }
}
