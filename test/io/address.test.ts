import { describe, expect, test } from 'vitest'
import { addressError } from '../../lib/io/address-error.ts'
import { chooseIo } from '../../lib/io/index.ts'

describe('why an address could not be listened at, and what to do', () => {
  const tcp = { address: '127.0.0.1', port: 80, backlog: 1 }
  const unix = { path: '/tmp/socket', backlog: 1 }
  test.each([
    [tcp, 'EACCES', 'GYRE_ADDRESS_DENIED', 'choose a port from 1024 up, or give it CAP_NET_BIND_SERVICE'],
    [tcp, 'EADDRINUSE', 'GYRE_ADDRESS_IN_USE', 'choose another port (0 takes a free one)'],
    [tcp, 'EADDRNOTAVAIL', 'GYRE_ADDRESS_UNKNOWN', 'is not an address of this machine'],
    [unix, 'EADDRINUSE', 'GYRE_ADDRESS_IN_USE', 'stop the program that listens there'],
    [unix, 'EACCES', 'GYRE_ADDRESS_DENIED', 'choose a folder that it may write to'],
    [{ path: '/no/such/folder/socket', backlog: 1 }, 'EACCES', 'GYRE_ADDRESS_UNKNOWN', 'create it first'],
    [tcp, 'EWHATEVER', 'GYRE_IO_FAILED', 'detail of it'],
  ] as const)('%j %s', (where, name, code, advice) => {
    const error = addressError(where, name, 'detail of it')
    expect(error.code).toBe(code)
    expect(error.message).toContain(advice)
  })
})

test('GYRE_IO decides where no option does, and both are held to the words there are', () => {
  const before = process.env['GYRE_IO']
  try {
    process.env['GYRE_IO'] = 'node'
    expect(chooseIo()).toEqual({ kind: 'node', why: 'GYRE_IO asks for it' })
    expect(chooseIo('auto').why).not.toContain('GYRE_IO')
    process.env['GYRE_IO'] = 'kqueue'
    expect(() => chooseIo()).toThrow("GYRE_IO must be 'auto', 'epoll' or 'node', not 'kqueue'")
  } finally {
    if (before === undefined) delete process.env['GYRE_IO']
    else process.env['GYRE_IO'] = before
  }
})
