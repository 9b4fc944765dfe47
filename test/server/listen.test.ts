/*
 * `listen`: what it takes, what it refuses and with which advice, and where a server is reached then.
 */
import { execFile } from 'node:child_process'
import { existsSync, lstatSync, mkdtempSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { createServer } from '../../lib/index.ts'
import type { Handler, ListenOptions, Server } from '../../lib/index.ts'

const run = promisify(execFile)
const hello: Handler = function* (request, response) {
  response.text(`hello ${request.local.family}`)
}
const open: Server[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})
function make(): Server {
  const server = createServer({ log: false }, hello)
  open.push(server)
  return server
}

describe('wrong options throw at once, and say what to do', () => {
  const cases: [options: unknown, advice: string][] = [
    [{}, 'listen() needs one of port, path, fd and systemd; listen() alone takes PORT from the environment'],
    [{ port: 1, fd: 3 }, 'listen() takes one address a call, not port and fd: call it once for each'],
    [{ prot: 1 }, 'listen() has no option prot; there are: port, path, fd, systemd, host,'],
    [{ port: 65_536 }, 'port must be a whole number from 0 to 65535, not 65536'],
    [{ port: '80' }, 'port must be a whole number from 0 to 65535, not 80'],
    [{ port: 0, host: '' }, 'leave it out for all addresses'],
    [{ port: 0, mode: 0o600 }, 'mode goes with path, not with port: leave it out'],
    [{ path: 's', host: 'localhost' }, 'host goes with port, not with path'],
    [{ path: 's', reusePort: true }, 'reusePort goes with port, not with path'],
    [{ path: 's', tls: {} }, 'tls goes with port or fd or systemd, not with path'],
    [{ fd: 3, backlog: 5 }, 'backlog goes with port or path, not with fd'],
    [{ port: 0, ipv6Only: true, host: '127.0.0.1' }, 'ipv6Only and the IPv4 address 127.0.0.1 contradict each other'],
    [{ port: 0, ipv6Only: 1 }, 'ipv6Only must be true or false'],
    [{ port: 0, backlog: 0 }, 'backlog must be a whole number above 0, not 0'],
    [{ path: '' }, 'path must be the path of a unix socket, or @ and a name'],
    [{ path: 'a\0b' }, 'path must be the path of a unix socket'],
    [{ path: 's', mode: 660.5 }, 'mode must be permission bits from 0 to 0o777, such as 0o660'],
    [{ path: 's', mode: 0o1777 }, 'mode must be permission bits'],
    [{ fd: -1 }, 'fd must be the number of a descriptor, not -1'],
    [{ systemd: false }, 'systemd must be true, or a FileDescriptorName'],
    [{ port: 0, tls: { cert: 'c' } }, 'tls.key must be the path of a PEM file, or PEM'],
    [{ port: 0, tls: true }, 'tls must be an object with cert and key'],
    [{ port: 0, tls: { cert: 'c', key: 'k', ciphers: 'x' } }, 'tls has no option ciphers; there are: cert, key,'],
    [{ port: 0, tls: { cert: 'c', key: 'k', minVersion: 'TLSv1' } }, 'tls.minVersion must be TLSv1.2 or TLSv1.3'],
    [{ port: 0, tls: { cert: 'c', key: 'k', ca: 'a' } }, 'set tls.requestClientCertificate too'],
    [{ port: 0, tls: { cert: 'c', key: 'k', requestClientCertificate: true } }, 'needs tls.ca'],
    [{ port: 0, tls: { cert: 'c', key: 'k', sni: { 'a b': {} } } }, "tls.sni: 'a b' is no host name"],
    [
      { port: 0, tls: { cert: 'c', key: 'k', sni: { a: { cert: 'c', key: 'k' }, A: { cert: 'c', key: 'k' } } } },
      'tls.sni has A twice: names are compared without case',
    ],
    [{ port: 0, tls: { cert: 'c', key: 'k', sni: { a: { cert: 'c' } } } }, "tls.sni['a'].key must be"],
  ]
  test.each(cases)('%j', (options, advice) => {
    expect(() => make().listen(options as ListenOptions)).toThrow(
      expect.objectContaining({ code: 'GYRE_BAD_OPTION', message: expect.stringContaining(advice) as string }),
    )
  })
})

describe('listen() alone asks the environment', () => {
  const before = { PORT: process.env['PORT'], HOST: process.env['HOST'] }
  const set = (values: Record<string, string | undefined>): void => {
    for (const [name, value] of Object.entries(values))
      if (value === undefined) Reflect.deleteProperty(process.env, name)
      else process.env[name] = value
  }
  afterEach(() => {
    set(before)
  })

  test('for PORT and HOST', async () => {
    set({ PORT: '0', HOST: '127.0.0.1' })
    expect(await make().listen()).toMatchObject({ address: '127.0.0.1' })
    set({ HOST: '' })
    expect(await make().listen()).toMatchObject({ address: '::' })
  })

  test.each([
    [undefined, 'the environment variable PORT, which is not set: set it, or write listen({ port: 8080 })'],
    ['', 'which is not set'],
    ['http', "PORT must be a whole number from 0 to 65535, not 'http'"],
    ['-1', "not '-1'"],
    ['80.5', "not '80.5'"],
    ['65536', "not '65536'"],
    ['0x50', "not '0x50'"],
  ])('PORT %j is refused', (port, advice) => {
    set({ PORT: port })
    expect(() => make().listen()).toThrow(
      expect.objectContaining({ code: 'GYRE_BAD_OPTION', message: expect.stringContaining(advice) as string }),
    )
  })
})

test('one server listens at several addresses, and at a failed one nothing is left', async () => {
  const server = make()
  const path = `${mkdtempSync('/tmp/gyre-')}/s`
  const tcp = await server.listen({ port: 0, host: '127.0.0.1' })
  const unix = await server.listen({ path, mode: 0o640 })
  expect(lstatSync(path).mode & 0o777).toBe(0o640)
  await expect(server.listen({ port: tcp.port, host: '127.0.0.1' })).rejects.toMatchObject({
    code: 'GYRE_ADDRESS_IN_USE',
  })
  expect(server.addresses).toEqual([tcp, unix])
  expect(await (await fetch(tcp.url)).text()).toBe('hello IPv4')
})

const curl = existsSync('/usr/bin/curl')
test.skipIf(!curl || process.platform !== 'linux')(
  'curl over a unix socket, with a file and without (skipped where curl, package curl, is missing)',
  async () => {
    const server = make()
    const path = `${mkdtempSync('/tmp/gyre-')}/s`
    const name = `gyre-curl-${process.pid}`
    await server.listen({ path })
    expect((await server.listen({ path: `@${name}` })).url).toBe(`unix:@${name}`)
    const ask = async (...args: string[]) =>
      (await run('curl', ['-sS', '--max-time', '10', ...args, 'http://localhost/'])).stdout
    expect(await ask('--unix-socket', path)).toBe('hello unix')
    expect(await ask('--abstract-unix-socket', name)).toBe('hello unix')
  },
)
