/*
 * HTTPS: the same server over encrypted connections, certificates by name and by reload, and everything that can
 * go wrong before the first request.
 */
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { createServer, sleep } from '../../lib/index.ts'
import { DuplexStream } from '../../lib/io/index.ts'
import type { Handler, LogEvent, Server, ServerAddress, ServerOptions, TlsOptions } from '../../lib/index.ts'
import { certificate, dialTls, encrypted, hasOpenssl, replace } from '../support/certificates.ts'
import type { Pair } from '../support/certificates.ts'
import { RawClient, answers } from '../support/client.ts'
import { eventually } from '../support/serve.ts'

const run = promisify(execFile)
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const LAST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const servers: Server[] = []
const sockets: TLSSocket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) await server.close()
})

interface Secured {
  server: Server
  address: ServerAddress
  events: LogEvent[]
  dial: (options?: ConnectionOptions) => Promise<TLSSocket>
  client: (options?: ConnectionOptions) => Promise<RawClient>
}

async function secure(handler: Handler, tls: TlsOptions, options: ServerOptions = {}): Promise<Secured> {
  const events: LogEvent[] = []
  const server = createServer({ log: (event) => events.push(event), ...options }, handler)
  servers.push(server)
  const address = await server.listen({ port: 0, host: '127.0.0.1', tls })
  const dial: Secured['dial'] = async (how) => {
    const { secure } = await dialTls(address.port, how)
    secure.on('error', () => undefined)
    sockets.push(secure)
    return secure
  }
  return { server, address, events, dial, client: async (how) => RawClient.over(await dial(how)) }
}

const hello: Handler = function* (_request, response) {
  response.text('hello')
}
const nameOf = (socket: TLSSocket): unknown => socket.getPeerCertificate().subject.CN

describe.skipIf(!hasOpenssl)('HTTPS (skipped where openssl, package openssl, is missing)', () => {
  const site = hasOpenssl ? certificate('site.example') : ({} as Pair)
  const pem = (path: string): string => readFileSync(path, 'utf8')

  test('a handler sees how its connection is encrypted, and that a plain one is not', async () => {
    const { server, address, client } = await secure(function* ({ secure, tls }, response) {
      response.json({ secure, tls })
    }, site)
    expect(address.url).toBe(`https://127.0.0.1:${address.port}/`)
    const encryptedClient = await client({ servername: 'Site.Example' })
    const [answer] = answers(await encryptedClient.send(LAST).end())
    expect(JSON.parse(answer?.body ?? '')).toEqual({
      secure: true,
      tls: {
        protocol: 'TLSv1.3',
        cipher: expect.stringMatching(/^TLS_/) as string,
        serverName: 'site.example',
        alpn: 'http/1.1',
        peerCertificate: null,
        authorized: false,
      },
    })
    const plain = await server.listen({ port: 0, host: '127.0.0.1' })
    expect(await (await fetch(plain.url)).json()).toEqual({ secure: false, tls: null })
  })

  test('keep-alive and pipelining', async () => {
    const { server, client } = await secure(function* (request, response) {
      if (request.path === '/slow') yield* sleep(5)
      response.text(request.path)
    }, site)
    const one = await client()
    one.send(GET)
    await one.until((text) => text.endsWith('/'))
    const paths = ['/slow', '/b', '/c', '/slow', '/e']
    one.send(paths.map((path) => GET.replace('/', path)).join('') + LAST)
    expect(answers(await one.end()).map(({ body }) => body)).toEqual(['/', ...paths, '/'])
    expect(server.statistics()).toMatchObject({ accepted: 1, requests: 7 })
  })

  test.each(['counted', 'chunked'])('a megabyte up, %s, and down again', async (framing) => {
    const { client } = await secure(async (request, response) => {
      request.bodyLimit = Infinity
      const sum = createHash('sha256')
      for await (const chunk of request) {
        sum.update(chunk)
        await response.write(chunk)
      }
      await response.write(sum.digest('hex'))
    }, site)
    const body = Buffer.alloc(1_000_000)
    for (let at = 0; at < body.length; at++) body[at] = (at * 31) % 251
    const head = `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n`
    const one = await client()
    if (framing === 'counted') one.send(`${head}Content-Length: ${body.length}\r\n\r\n`).send(body)
    else {
      one.send(`${head}Transfer-Encoding: chunked\r\n\r\n`)
      for (let at = 0; at < body.length; at += 100_000)
        one
          .send(`${(100_000).toString(16)}\r\n`)
          .send(body.subarray(at, at + 100_000))
          .send('\r\n')
      one.send('0\r\n\r\n')
    }
    const [answer] = answers(await one.end())
    expect(answer?.body.length).toBe(body.length + 64)
    expect(answer?.body.slice(-64)).toBe(createHash('sha256').update(body).digest('hex'))
  })

  test('a client that reads nothing stops its handler, and is cut off in time', async () => {
    let written = 0
    const { dial, server, events } = await secure(
      function* (_request, response) {
        for (;;) {
          yield* response.write(Buffer.alloc(100_000))
          written += 100_000
        }
      },
      site,
      { limits: { writeStallTime: 300 } },
    )
    const socket = await dial()
    socket.pause()
    socket.write(GET)
    await eventually(() => server.statistics().running === 1)
    await eventually(() => server.statistics().connections === 0, 'the end of the stalled connection')
    expect(written).toBeLessThan(20_000_000)
    expect(events).toMatchObject([{ code: 'GYRE_WRITE_TIMEOUT' }])
  })

  test('a client that goes cancels its handler; a half-closed one is answered where the option says so', async () => {
    let cancelled = 0
    const { client, server } = await secure(function* () {
      try {
        yield* sleep(60_000)
      } finally {
        cancelled++
      }
    }, site)
    for (const how of ['end', 'destroy'] as const) {
      const one = await client()
      one.send(GET)
      await eventually(() => server.statistics().running === 1)
      one.socket[how]()
      await eventually(() => server.statistics().connections === 0)
    }
    expect(cancelled).toBe(2)
    const other = await secure(
      function* (_request, response) {
        yield* sleep(20)
        response.text('late')
      },
      site,
      { cancelOnDisconnect: false },
    )
    const half = await other.client()
    half.socket.end(GET)
    expect(answers(await half.end())).toMatchObject([{ body: 'late' }])
  })

  test('close() lets running requests finish, and ends idle connections and handshakes', async () => {
    const { client, server, address } = await secure(
      function* (_request, response) {
        yield* sleep(50)
        response.text('done')
      },
      site,
      { limits: { handshakeTime: 300 } },
    )
    const [idle, busy] = [await client(), await client()]
    const dawdling = connect(address.port, '127.0.0.1')
    dawdling.write('\x16')
    busy.send(GET)
    await eventually(() => server.statistics().running === 1)
    const ends = new Promise((resolve) => dawdling.once('close', resolve))
    dawdling.on('error', () => undefined).resume()
    await server.close()
    expect(answers(await busy.end())).toMatchObject([{ body: 'done', headers: { connection: 'close' } }])
    expect(await idle.end()).toBe('')
    await ends
  })

  describe('what is no good handshake ends that connection alone, and says so once', () => {
    test('plain HTTP is told that this port speaks HTTPS', async () => {
      const { address, events, client } = await secure(hello, site)
      const plain = await RawClient.connect(address.port)
      const [answer] = answers(await plain.send(GET).end())
      expect(answer).toMatchObject({ status: 400, headers: { connection: 'close' } })
      expect(answer?.headers['content-type']).toContain('text/plain')
      expect(answer?.body).toContain('This port speaks HTTPS')
      expect(events).toMatchObject([{ code: 'GYRE_NOT_TLS', status: 400, blame: 'client' }])
      const large = await RawClient.connect(address.port)
      large.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n${'x'.repeat(500_000)}`)
      expect(answers(await large.end())).toMatchObject([{ status: 400 }])
      expect(answers(await (await client()).send(LAST).end())).toMatchObject([{ status: 200 }])
    })

    const wrong: [what: string, bytes: string, reason: string][] = [
      ['rubbish in a TLS record', '\x16\x03\x01\x00\x05hello', 'the TLS handshake failed'],
      ['bytes of something else', '\x00\x01\x02\x03\x04\x05\x06\x07', 'the TLS handshake failed'],
      ['a hello that breaks off', '\x16\x03\x01\x02\x00\x01', 'the client went during the TLS handshake'],
    ]
    test.each(wrong)('%s', async (_what, bytes, reason) => {
      const { address, events, client, server } = await secure(hello, site)
      const one = await RawClient.connect(address.port)
      one.send(bytes)
      if (reason.includes('went')) one.socket.end()
      await one.end()
      await eventually(() => events.length > 0)
      expect(events).toMatchObject([
        { code: 'GYRE_TLS_HANDSHAKE', blame: 'client', remote: expect.stringContaining('127.0.0.1:') as string },
      ])
      expect(events[0]?.reason).toContain(reason)
      expect(answers(await (await client()).send(LAST).end())).toMatchObject([{ status: 200 }])
      expect(server.statistics()).toMatchObject({ accepted: 1, rejected: 1 })
    })

    test('one who connects and goes is not worth a word', async () => {
      const { address, events, client } = await secure(hello, site)
      for (const how of ['end', 'resetAndDestroy'] as const) {
        const one = await RawClient.connect(address.port)
        one.socket[how]()
        await one.end()
      }
      expect(answers(await (await client()).send(LAST).end())).toMatchObject([{ status: 200 }])
      expect(events).toEqual([])
    })

    test('its time is for all of it, however it dribbles', async () => {
      const { address, events } = await secure(hello, site, { limits: { handshakeTime: 150 } })
      const [silent, dribbling] = [await RawClient.connect(address.port), await RawClient.connect(address.port)]
      const began = performance.now()
      dribbling.send('\x16\x03\x01\x02\x00\x01')
      const timer = setInterval(() => dribbling.send('\x00'), 20)
      await Promise.all([silent.end(), dribbling.end()])
      clearInterval(timer)
      expect(performance.now() - began).toBeLessThan(5000)
      expect(events.map(({ code, reason }) => [code, reason])).toEqual(
        Array(2).fill(['GYRE_HANDSHAKE_TIMEOUT', 'the TLS handshake took longer than 150 ms']),
      )
    })

    test('versions below the lowest, and other protocols than HTTP/1.1', async () => {
      const { dial, events } = await secure(hello, { ...site, minVersion: 'TLSv1.3' })
      await expect(dial({ maxVersion: 'TLSv1.2' })).rejects.toThrow()
      await expect(dial({ ALPNProtocols: ['h2'] })).rejects.toThrow(/no application protocol|ALPN/i)
      await eventually(() => events.length === 2)
      expect(events).toMatchObject([{ code: 'GYRE_TLS_HANDSHAKE' }, { code: 'GYRE_TLS_HANDSHAKE' }])
      const { alpnProtocol } = await dial({ ALPNProtocols: [] })
      expect(alpnProtocol).toBe(false)
    })
  })

  test('a TLS hello on a plain port is a 400, a close and one line in the log (F17)', async () => {
    const events: LogEvent[] = []
    const server = createServer({ log: (event) => events.push(event) }, hello)
    servers.push(server)
    const { port } = await server.listen({ port: 0, host: '127.0.0.1' })
    await expect(dialTls(port)).rejects.toThrow()
    await eventually(() => server.statistics().connections === 0)
    expect(events).toMatchObject([{ status: 400, blame: 'client' }])
  })

  test('C3 CVE-2026-48928, certificates by name: exact, wildcard, in any case; unknown names get the first', async () => {
    const [one, any] = [certificate('one.example'), certificate('*.any.example')]
    const { dial } = await secure(hello, {
      ...site,
      sni: { 'One.Example': { cert: pem(one.cert), key: pem(one.key) }, '*.any.example': any },
    })
    const asked = async (servername: string): Promise<unknown> => nameOf(await dial({ servername }))
    expect(await asked('one.example')).toBe('one.example')
    expect(await asked('ONE.eXAMPLE')).toBe('one.example')
    expect(await asked('a.ANY.example')).toBe('*.any.example')
    for (const name of ['any.example', 'a.b.any.example', 'xone.example', '__proto__', 'constructor', 'x'.repeat(63)])
      expect([name, await asked(name)]).toEqual([name, 'site.example'])
    expect(nameOf(await dial())).toBe('site.example')
  })

  test('client certificates: asked for, checked, and seen by the handler', async () => {
    const authority = certificate('authority')
    const [good, stranger] = [certificate('ada', authority), certificate('eve')]
    const whoami: Handler = function* ({ tls }, response) {
      response.json([tls?.peerCertificate?.subject ?? null, tls?.authorized])
    }
    const asked = { ...site, ca: authority.cert, requestClientCertificate: true }
    const shown = (pair: Pair): ConnectionOptions => ({ cert: pem(pair.cert), key: pem(pair.key) })
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const strict = await secure(whoami, asked)
      expect(answers(await (await strict.client({ ...shown(good), maxVersion })).send(LAST).end())).toMatchObject([
        { body: '["CN=ada",true]' },
      ])
      // With TLS 1.3 a client learns only afterwards that it was not wanted.
      for (const options of [{}, shown(stranger)])
        await strict
          .client({ ...options, maxVersion })
          .then(async (client) => {
            expect(await client.send(LAST).end()).toBe('')
          })
          .catch(() => undefined)
      await eventually(() => strict.events.length === 2)
      for (const { code, reason } of strict.events)
        expect([code, reason]).toEqual([
          'GYRE_TLS_HANDSHAKE',
          expect.stringContaining("the client's certificate is missing or not trusted") as string,
        ])
      expect(strict.server.statistics()).toMatchObject({ requests: 1, rejected: 2 })
    }
    const lax = await secure(whoami, { ...asked, rejectUnauthorized: false })
    expect(answers(await (await lax.client(shown(stranger))).send(LAST).end())).toMatchObject([
      { body: '["CN=eve",false]' },
    ])
    expect(answers(await (await lax.client()).send(LAST).end())).toMatchObject([{ body: '[null,false]' }])
  })

  describe('a resumed session is no way around the check of client certificates', () => {
    const authority = hasOpenssl ? certificate('authority') : ({} as Pair)
    const good = hasOpenssl ? certificate('ada', authority) : ({} as Pair)
    const whoami: Handler = function* ({ tls }, response) {
      response.json([tls?.peerCertificate?.subject ?? null, tls?.authorized])
    }
    const cases = (['TLSv1.2', 'TLSv1.3'] as const).flatMap((version) => [
      { version, strict: true },
      { version, strict: false },
    ])
    test.each(cases)('$version, strict: $strict', async ({ version, strict }) => {
      const wish = { ...site, ca: authority.cert, requestClientCertificate: true, rejectUnauthorized: strict }
      const { address, server, events } = await secure(whoami, wish)
      /** Asks once; what came as an answer, and the sessions that can be resumed. */
      const ask = async (options: ConnectionOptions): Promise<{ body: string | undefined; sessions: Buffer[] }> => {
        const sessions: Buffer[] = []
        const socket = connectTls({
          port: address.port,
          host: '127.0.0.1',
          rejectUnauthorized: false,
          maxVersion: version,
          ...options,
        })
        sockets.push(socket)
        let text = ''
        socket.on('session', (session) => sessions.push(session)).on('error', () => undefined)
        socket.on('data', (bytes) => (text += String(bytes)))
        socket.once('secureConnect', () => socket.write(LAST))
        await new Promise((resolve) => socket.once('close', resolve))
        return { body: answers(text)[0]?.body, sessions }
      }
      const stranger = await ask({})
      const resumed = await Promise.all(stranger.sessions.map(async (session) => (await ask({ session })).body))
      if (strict) {
        expect([stranger.body, ...resumed].filter((body) => body !== undefined)).toEqual([])
        await eventually(() => events.length === 1 + resumed.length)
        expect(server.statistics().requests).toBe(0)
      } else {
        expect(resumed.length).toBeGreaterThan(0)
        expect(new Set([stranger.body, ...resumed])).toEqual(new Set(['[null,false]']))
      }
      const known = { cert: pem(good.cert), key: pem(good.key) }
      const first = await ask(known)
      expect(first.body).toBe('["CN=ada",true]')
      for (const session of first.sessions) {
        expect((await ask({ ...known, session })).body).toBe('["CN=ada",true]')
        // Whoever has stolen a session has no certificate by it.
        expect((await ask({ session })).body).toBe(strict ? undefined : '[null,false]')
      }
    })
  })

  test('where a socket comes with a resumed session that never had a certificate, it is not authorized', async () => {
    // A server that resumes, as ours does not where it asks for certificates.
    const verdicts: (boolean | undefined)[] = []
    const other = createTlsServer(
      { cert: pem(site.cert), key: pem(site.key), requestCert: true, rejectUnauthorized: false },
      (socket) => {
        verdicts.push(new DuplexStream(socket).tls?.authorized, socket.isSessionReused())
        socket.end('done')
      },
    )
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const once = async (session?: Buffer): Promise<Buffer> => {
      let given = Buffer.alloc(0)
      const how = session === undefined ? {} : { session }
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...how }).resume()
      sockets.push(socket)
      socket.on('session', (one) => (given = one)).on('end', () => socket.end())
      await new Promise((resolve) => socket.once('close', resolve))
      return given
    }
    await once(await once())
    other.close()
    expect(verdicts).toEqual([false, false, false, true])
  })

  test('of two reloads at once the one that began later wins, however long the other takes', async () => {
    const folder = mkdtempSync('/tmp/gyre-reload-')
    const [before, after] = [certificate('before'), certificate('after')]
    const [cert, key, slow] = [`${folder}/cert`, `${folder}/key`, `${folder}/slow`]
    const put = (from: string, at: string): void => {
      symlinkSync(from, `${at}.new`)
      renameSync(`${at}.new`, at)
    }
    execFileSync('mkfifo', [slow])
    put(before.cert, cert)
    put(before.key, key)
    const { server, dial } = await secure(hello, { cert, key })
    put(slow, cert)
    const first = server.reloadTls()
    // A pipe can be opened for writing as soon as it is being read.
    let pipe = -1
    await eventually(() => {
      try {
        pipe = openSync(slow, constants.O_WRONLY | constants.O_NONBLOCK)
      } catch {
        return false
      }
      return true
    }, 'a reader of the slow file')
    put(after.cert, cert)
    put(after.key, key)
    await server.reloadTls()
    expect(nameOf(await dial())).toBe('after')
    put(before.key, key)
    writeSync(pipe, pem(before.cert))
    closeSync(pipe)
    await first
    expect(nameOf(await dial())).toBe('after')
    put(before.cert, cert)
    await server.reloadTls()
    expect(nameOf(await dial())).toBe('before')
  })

  test('reloadTls() changes certificates under open connections; what cannot be read changes nothing', async () => {
    const [files, next, named] = [certificate('before'), certificate('after'), certificate('named')]
    const { server, client, dial } = await secure(hello, { ...files, sni: { 'x.example': named } })
    const old = await client()
    old.send(GET)
    await old.until((text) => text.endsWith('hello'))
    replace(files, next)
    expect(nameOf(await dial())).toBe('before')
    await server.reloadTls()
    expect(nameOf(await dial())).toBe('after')
    expect(nameOf(await dial({ servername: 'x.example' }))).toBe('named')
    expect(answers(await old.send(LAST).end())).toHaveLength(2)
    // One good file, one bad: neither is taken.
    replace(named, certificate('other'))
    writeFileSync(files.key, 'nonsense')
    await expect(server.reloadTls()).rejects.toMatchObject({ code: 'GYRE_TLS_CERTIFICATE' })
    expect(nameOf(await dial())).toBe('after')
    expect(nameOf(await dial({ servername: 'x.example' }))).toBe('named')
  })

  describe('wrong certificates and keys are told at listen', () => {
    const other = hasOpenssl ? certificate('other.example') : ({} as Pair)
    const locked = hasOpenssl ? encrypted(other.key, 'secret') : ''
    const cases: [tls: TlsOptions, message: string][] = [
      [{ ...site, cert: '/no/such.pem' }, 'tls.cert: the file /no/such.pem cannot be read (ENOENT)'],
      [{ ...site, key: '/etc/passwd' }, 'tls.key: the file /etc/passwd holds no PEM'],
      [{ ...site, key: other.key }, `tls.cert (${site.cert}) was made for another key than tls.key (${other.key})`],
      [{ ...other, key: locked }, `tls.key (${locked}) is encrypted: tls.passphrase is missing or wrong`],
      [{ ...other, key: locked, passphrase: 'x' }, 'tls.passphrase is missing or wrong'],
      [{ ...site, cert: '-----BEGIN CERTIFICATE-----\nx' }, 'tls.cert (given as PEM) and tls.key'],
      [{ ...site, sni: { a: { cert: site.cert, key: other.key } } }, "tls.sni['a'].cert"],
      [
        { ...site, requestClientCertificate: true, ca: '-----BEGIN CERTIFICATE-----\nx' },
        'tls.ca (given as PEM) is no certificate',
      ],
    ]
    test.each(cases)('%#', async (tls, message) => {
      const server = createServer({ log: false }, hello)
      servers.push(server)
      await expect(server.listen({ port: 0, tls })).rejects.toMatchObject({
        code: 'GYRE_TLS_CERTIFICATE',
        blame: 'operator',
        message: expect.stringContaining(message) as string,
      })
      expect(server.addresses).toEqual([])
    })

    test('right ones are taken as paths and as PEM, with a passphrase where there is one', async () => {
      const given = await secure(hello, { cert: pem(other.cert), key: locked, passphrase: 'secret' })
      expect(nameOf(await given.dial())).toBe('other.example')
    })
  })

  const curl = existsSync('/usr/bin/curl')
  test.skipIf(!curl)('curl checks the certificate (skipped where curl, package curl, is missing)', async () => {
    const { address } = await secure(function* (request, response) {
      response.text(`${request.tls?.protocol ?? ''} ${(yield* request.bytes()).length}`)
    }, site)
    const url = `https://site.example:${address.port}/`
    const args = [
      '-sS',
      '--max-time',
      '10',
      '--cacert',
      site.cert,
      '--resolve',
      `site.example:${address.port}:127.0.0.1`,
    ]
    expect((await run('curl', [...args, '--data', 'abc', url, url])).stdout).toBe('TLSv1.3 3TLSv1.3 3')
  })

  test.skipIf(!curl)('curl shows a client certificate (skipped where curl, package curl, is missing)', async () => {
    const authority = certificate('authority')
    const [good, stranger] = [certificate('ada', authority), certificate('eve')]
    const whoami: Handler = ({ tls }, response) => response.text(tls?.peerCertificate?.subject ?? 'nobody')
    const { address } = await secure(whoami, { ...site, ca: authority.cert, requestClientCertificate: true })
    const url = `https://localhost:${address.port}/`
    const ask = async (pair: Pair): Promise<string> =>
      (await run('curl', ['-sSk', '--max-time', '10', '--cert', pair.cert, '--key', pair.key, url])).stdout
    expect(await ask(good)).toBe('CN=ada')
    await expect(ask(stranger)).rejects.toThrow()
  })
})
