/*
 * The checklist, 9.3: nothing that a client sends or an application throws ends the process, or leaves something behind.
 */
import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { HttpError, createServer, sleep } from '../../lib/index.ts'
import type { AccessRecord, Handler } from '../../lib/index.ts'
import { answers } from '../support/client.ts'
import { besiege, onlyGoodIsLeft, request } from '../support/hostile.ts'
import { startServer } from '../support/process.ts'
import type { ServerProcess } from '../support/process.ts'
import { eventually } from '../support/serve.ts'

const close = ['Connection: close']
const get = (path = '/', ...lines: string[]): string => request([...lines, ...close], '', path, 'GET')

let started: ServerProcess | undefined
afterEach(async () => {
  const one = started
  started = undefined
  await one?.stop()
})

describe('C1 CVE-2026-21710: names that objects have already', () => {
  const NAMES = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf', '__defineGetter__']
  test('as header and trailer fields they are fields and nothing else, in every form', async () => {
    const site = await besiege(function* (incoming, response) {
      yield* incoming.bytes()
      const forms = [incoming.headers, incoming.trailers].map((fields) => {
        const object = fields?.toObject() ?? {}
        return {
          prototype: Object.getPrototypeOf(object) === null,
          got: NAMES.map((name) => fields?.get(name)),
          own: NAMES.every((name) => Object.hasOwn(object, name)),
          json: NAMES.every((name) => JSON.stringify(fields).includes(`"${name.toLowerCase()}":`)),
        }
      })
      response.json([...forms, ({} as Record<string, unknown>)['polluted'] ?? null])
    })
    const fields = NAMES.map((name) => `${name}: polluted`)
    const body = `0\r\n${fields.join('\r\n')}\r\n\r\n`
    const client = await site.connect()
    const [answer] = answers(
      await client.send(request([...fields, ...close, 'Transfer-Encoding: chunked'], body)).end(),
    )
    const of = { prototype: true, got: NAMES.map(() => 'polluted'), own: false, json: true }
    expect(JSON.parse(answer?.body ?? '')).toEqual([
      { ...of, own: expect.any(Boolean) as boolean },
      { ...of, own: expect.any(Boolean) as boolean },
      null,
    ])
    await site.unharmed()
  })

  test('as a path, a query or a mount they find nothing', async () => {
    const { mount } = await import('../../lib/handlers/index.ts')
    const site = await besiege(mount({ '/known': (_request, response) => response.text('known') }))
    for (const name of NAMES) {
      const client = await site.connect()
      expect(answers(await client.send(get(`/${name}?${name}=1`)).end())).toMatchObject([{ status: 404 }])
    }
  })
})

test('C2 CVE-2024-37890: more fields than the limit on an upgrade', async () => {
  const site = await besiege(function* (_request, response) {
    yield* response.upgrade('echo')
  })
  const many = Array.from({ length: 200 }, (_, at) => `X-${at}: y`)
  const client = await site.connect()
  const bytes = request(['Connection: upgrade', 'Upgrade: echo', ...many], '', '/', 'GET')
  expect(answers(await client.send(bytes).end())).toMatchObject([{ status: 431 }])
  expect(site.paths).toEqual([])
  await site.unharmed()
})

/** What cannot even be looked at. */
const MONSTERS: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('thrown'),
  'an object without prototype': () => Object.create(null) as unknown,
  'an object whose status throws': () => ({
    get status() {
      throw new Error('status')
    },
  }),
  'an error whose message throws': () =>
    Object.defineProperty(new HttpError(404, ''), 'message', {
      get() {
        throw new Error('message')
      },
    }),
  'an error whose message is a symbol': () => Object.assign(new HttpError(404, ''), { message: Symbol('message') }),
  'an error whose stack throws': () =>
    Object.defineProperty(new Error('x'), 'stack', {
      get() {
        throw new Error('stack')
      },
    }),
}

describe('C3 CVE-2026-21637: what the application throws', () => {
  const kinds: Record<string, (thrown: () => unknown) => Handler> = {
    plain: (thrown) => () => {
      throw thrown()
    },
    generator: (thrown) =>
      function* () {
        yield* sleep(0)
        throw thrown()
      },
    async: (thrown) => async () => {
      await Promise.resolve()
      throw thrown()
    },
  }
  const cases = Object.keys(kinds).flatMap((kind) => Object.keys(MONSTERS).map((what) => [kind, what] as const))
  test.each(cases)(
    'a handler (%s): %s is answered, written down once, and the connection goes on',
    async (kind, what) => {
      const records: AccessRecord[] = []
      const handler = kinds[kind]?.(MONSTERS[what] as () => unknown) as Handler
      const site = await besiege(
        (incoming, response) => {
          if (incoming.path === '/') return handler(incoming, response)
          response.text('next')
        },
        { access: (one) => records.push(one) },
      )
      const client = await site.connect()
      const found = answers(await client.send(request([], '', '/', 'GET') + get('/next')).end())
      expect(found.map(({ status }) => status)).toEqual([expect.toSatisfy((status) => status >= 400), 200])
      expect(records.map(({ target }) => target)).toEqual(['/good', '/', '/next'])
      await site.unharmed()
    },
  )

  test.each(Object.keys(MONSTERS))('a logger and an access writer: %s', async (what) => {
    const site = await besiege(
      () => {
        throw new Error('something to log')
      },
      {
        log: () => {
          throw MONSTERS[what]?.()
        },
        access: () => {
          throw MONSTERS[what]?.()
        },
      },
    )
    const client = await site.connect()
    expect(answers(await client.send(get()).end())).toMatchObject([{ status: 500 }])
    await site.unharmed()
  })

  test('a task that nobody waits for, of a process of its own: it lives and serves', async () => {
    started = await startServer(`(request, response) => {
      gyre.spawn(function* () { throw Object.create(null) })
      gyre.spawn(function* () { throw new Error('nobody waits') })
      response.text('fine')
    }`)
    for (let times = 0; times < 3; times++)
      expect(await (await fetch(`http://127.0.0.1:${started.port}/`)).text()).toBe('fine')
    expect(started.errors()).toContain('nobody waits')
  })
})

test('C4 CVE-2025-59466: a stack overflow in a handler with async hooks is a 500', async () => {
  const hook = createHook({ init: () => undefined, promiseResolve: () => undefined }).enable()
  const storage = new AsyncLocalStorage<number>()
  try {
    const deep = (level: number): number => 1 + deep(level + 1)
    const site = await besiege((incoming, response) => {
      const go = (): void => response.text(String(deep(0)))
      if (incoming.path === '/async') return storage.run(1, async () => Promise.resolve().then(go))
      return storage.run(1, go)
    })
    for (const path of ['/', '/async']) {
      const client = await site.connect()
      expect(answers(await client.send(get(path)).end())).toMatchObject([{ status: 500 }])
    }
    await site.unharmed()
  } finally {
    hook.disable()
  }
})

describe('C5 CVE-2022-39288 CVE-2026-25223 CVE-2026-3419: strange Content-Types choose nothing', () => {
  const TYPES = ['application/json\t', 'application/json garbage', 'text/plain; charset="', ';', 'A/B;;;=', '\xff']
  test.each(TYPES)('%j', async (type) => {
    const site = await besiege(function* (incoming, response) {
      response.json([incoming.headers.get('content-type'), yield* incoming.json()])
    })
    const client = await site.connect()
    const text = await client.send(request([`Content-Type: ${type}`, 'Content-Length: 7', ...close], '{"a":1}')).end()
    // What the handler calls decides how a body is read, never what the client says it is.
    expect(JSON.parse(Buffer.from(answers(text)[0]?.body ?? '', 'latin1').toString())).toEqual([type.trim(), { a: 1 }])
    await site.unharmed()
  })
})

describe('C7: a handler fails in every phase', () => {
  const PHASES: Record<string, Handler> = {
    'before it waits': () => {
      throw new Error('on purpose')
    },
    'in the body': function* (incoming) {
      yield* incoming.read()
      throw new Error('on purpose')
    },
    'after the head': function* (_incoming, response) {
      yield* response.write('begun')
      throw new Error('on purpose')
    },
    'in a finally': function* (_incoming, response) {
      try {
        yield* response.write('begun')
      } finally {
        yield* sleep(1)
        throw new Error('on purpose')
      }
    },
    'after its answer': function* (_incoming, response) {
      response.text('fine')
      yield* sleep(1)
      throw new Error('on purpose')
    },
    'after an upgrade': function* (_incoming, response) {
      yield* response.upgrade('echo')
      throw new Error('on purpose')
    },
    'in a stream of its own': async function (_incoming, response) {
      const parts = async function* (): AsyncGenerator<string> {
        yield 'begun'
        await Promise.resolve()
        throw new Error('on purpose')
      }
      for await (const part of parts()) await response.write(part)
    },
  }
  test.each(Object.keys(PHASES))('%s', async (phase) => {
    const records: AccessRecord[] = []
    const site = await besiege(PHASES[phase], { access: (one) => records.push(one) })
    const client = await site.connect()
    client.send(request(['Connection: upgrade', 'Upgrade: echo', 'Content-Length: 5'], 'hello'))
    const begun = await client.until((text) => text.includes('\r\n\r\n'))
    if (begun !== '') expect(begun).toMatch(/^HTTP\/1.1 (101|200|500)/)
    await eventually(() => records.some(({ target }) => target === '/'), 'the record')
    client.close()
    await onlyGoodIsLeft(site)
    expect(records.filter(({ target }) => target === '/')).toMatchObject([{ outcome: 'failed' }])
    await site.unharmed()
  })
})

describe('C8: clients that break off', () => {
  const answer: Handler = function* (incoming, response) {
    yield* response.write(yield* incoming.text())
    yield* sleep(1)
    yield* response.write('x'.repeat(200))
  }
  test('by a reset at each byte of the answer', async () => {
    const site = await besiege(answer)
    const bytes = request(['Content-Length: 5'], 'hello')
    const whole = await site.connect()
    const { length } = await whole.send(bytes).until((text) => text.endsWith('0\r\n\r\n'))
    whole.close()
    await Promise.all(
      Array.from({ length }, async (_, at) => {
        const socket = connect({ port: site.port, host: '127.0.0.1' })
        socket.on('error', () => undefined)
        let seen = 0
        await new Promise<void>((resolve) => {
          socket.once('close', () => resolve())
          socket.write(bytes)
          socket.on('readable', () => {
            for (let piece; seen < at && (piece = socket.read(1) as Buffer | null) !== null;) seen += piece.length
            if (seen >= at) socket.resetAndDestroy()
          })
        })
      }),
    )
    await onlyGoodIsLeft(site)
    await site.unharmed()
  })

  test('while the handler never answers: the slot is freed, and its finally has run', async () => {
    let unwound = 0
    const site = await besiege(function* () {
      try {
        yield* sleep(Infinity)
      } finally {
        unwound++
      }
    })
    const clients = await Promise.all(Array.from({ length: 50 }, () => site.connect()))
    for (const client of clients) client.send(request([], '', '/', 'GET'))
    await eventually(() => site.server.statistics().running === 50)
    for (const [at, client] of clients.entries())
      if (at % 2 === 0) client.close()
      else client.socket.resetAndDestroy()
    await onlyGoodIsLeft(site)
    expect(unwound).toBe(50)
    await site.unharmed()
  })

  test('and clients that are destroyed inside every event of theirs', async () => {
    const site = await besiege(answer)
    for (const event of ['socket', 'finish', 'response', 'data', 'end', 'close'])
      await new Promise<void>((resolve) => {
        const out = httpRequest({ port: site.port, host: '127.0.0.1', method: 'POST', agent: false })
        const stop = (): void => void out.destroy()
        out.on('error', () => undefined).on('close', () => resolve())
        if (['socket', 'finish', 'response'].includes(event)) out.on(event, stop)
        out.on('response', (incoming) =>
          incoming
            .on(event, stop)
            .on('error', () => undefined)
            .resume(),
        )
        out.end('hello')
      })
    await onlyGoodIsLeft(site)
    await site.unharmed()
  })
})

test('C3: callbacks that are missing or no functions are refused when the server is made', () => {
  for (const options of [{ log: 1 }, { access: 1 }, { connect: 1 }])
    expect(() => createServer(options as never, () => undefined)).toThrow(
      expect.objectContaining({ code: 'GYRE_BAD_OPTION' }) as Error,
    )
})
