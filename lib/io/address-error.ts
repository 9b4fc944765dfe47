/*
 * Why an address could not be listened at, in a sentence that says what to do.
 */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { GyreError } from '../base/index.ts'
import { placeOf } from './listener.ts'
import type { ListenAddress } from './listener.ts'

/**
 * @param name - the name of the errno, such as EADDRINUSE
 * @param detail - how the operating system puts it
 */
export function addressError(where: ListenAddress, name: string, detail: string): GyreError {
  const place = placeOf(where)
  // libuv says EACCES where the folder of a socket does not exist.
  const missing = 'path' in where && name === 'EACCES' && !existsSync(dirname(where.path))
  switch (missing ? 'ENOENT' : name) {
    case 'EADDRINUSE':
      return new GyreError(
        'GYRE_ADDRESS_IN_USE',
        'path' in where
          ? `${place} is in use: stop the program that listens there, or choose another path`
          : `${place} is in use: stop the program that listens there, or choose another port (0 takes a free one)`,
      )
    case 'EACCES':
    case 'EPERM':
      return new GyreError(
        'GYRE_ADDRESS_DENIED',
        'path' in where
          ? `this process may not create ${place}: choose a folder that it may write to`
          : `this process may not listen at ${place}: choose a port from 1024 up, or give it CAP_NET_BIND_SERVICE`,
      )
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return new GyreError('GYRE_ADDRESS_UNKNOWN', `${place} is not an address of this machine`)
    case 'ENOENT':
    case 'ENOTDIR':
      return new GyreError('GYRE_ADDRESS_UNKNOWN', `the folder of ${place} does not exist: create it first`)
    default:
      return new GyreError('GYRE_IO_FAILED', `cannot listen at ${place}: ${detail}`)
  }
}
