/*
 * lint: every rule bites, on the side that breaks it; and a sound application passes.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { inject } from '../../lib/testing/index.ts'
import { demoApp, lint, lintMiddleware, setupTestingDefaults, wsgi } from '../../lib/wsgi/index.ts'
import type { Environ, Middleware, StartResponse, WsgiApp, WsgiResult } from '../../lib/wsgi/index.ts'

const TEXT = [['Content-Type', 'text/plain']] as const
const bytes = (text: string): Buffer => Buffer.from(text)
const start: StartResponse = () => () => undefined
const environ = (changes: object = {}): Environ => Object.assign(setupTestingDefaults({}), changes)
const sound: WsgiApp = (_environ, begin) => {
  begin('200 OK', TEXT)
  return [bytes('a'), bytes(''), bytes('b')]
}

/** Runs an application as a server does. @returns the rule that was broken */
function broken(app: WsgiApp, given: Environ = environ(), serve = run): string | undefined {
  try {
    serve(lint(app)(given, start))
  } catch (error) {
    expect(error).toMatchObject({ code: 'GYRE_WSGI_LINT' })
    return (error as Error).message
  }
  return undefined
}

function run(result: WsgiResult): void {
  try {
    for (const chunk of result) expect(chunk).toBeInstanceOf(Uint8Array)
  } finally {
    result.close?.()
  }
}

test('a sound application passes, and answers as without', async () => {
  expect(broken(sound)).toBeUndefined()
  for (const app of [sound, demoApp as WsgiApp]) {
    const answer = await inject(wsgi(lint(app)), { method: 'POST', path: '/a%20b?c', body: 'abc' })
    expect(answer.status).toBe(200)
  }
})

describe('the server', () => {
  const wrong: [why: RegExp, changes: object][] = [
    [/REQUEST_METHOD is missing/, { REQUEST_METHOD: '' }],
    [/REQUEST_METHOD is "get/, { REQUEST_METHOD: 'get it' }],
    [/SERVER_NAME/, { SERVER_NAME: '' }],
    [/SERVER_PORT/, { SERVER_PORT: 'http' }],
    [/not a string/, { HTTP_X: 1 }],
    [/above U\+00FF/, { HTTP_X: '\u20ac' }],
    [/HTTP_CONTENT_TYPE/, { HTTP_CONTENT_TYPE: 'a' }],
    [/SCRIPT_NAME is "\/"/, { SCRIPT_NAME: '/' }],
    [/PATH_INFO is "a"/, { PATH_INFO: 'a' }],
    [/both empty/, { PATH_INFO: '', SCRIPT_NAME: '' }],
    [/CONTENT_LENGTH/, { CONTENT_LENGTH: '-1' }],
    [/wsgi\.version/, { 'wsgi.version': '1.0' }],
    [/url_scheme/, { 'wsgi.url_scheme': 'ftp' }],
    [/multithread/, { 'wsgi.multithread': 'no' }],
    [/of no known form/, { 'Gyre.way': 1 }],
    [/wsgi\.input/, { 'wsgi.input': {} }],
    [/wsgi\.errors/, { 'wsgi.errors': {} }],
  ]
  test.each(wrong)('breaks %s', (why, changes) => {
    expect(broken(sound, environ(changes))).toMatch(why)
  })

  test('calls with other arguments, or an environ of another class', () => {
    expect(() => (lint(sound) as (...given: unknown[]) => unknown)(environ())).toThrow(/1 arguments/)
    expect(broken(sound, Object.assign(Object.create({}), environ()) as Environ)).toMatch(/plain object/)
    expect(() => lint(sound)(environ(), (() => undefined) as never)).toThrow(/no write/)
  })

  test('closes twice, iterates twice, or reads on', () => {
    const twice = (result: WsgiResult): void => {
      run(result)
      result.close?.()
    }
    expect(broken(sound, environ(), twice)).toMatch(/close\(\) is called twice/)
    expect(broken(sound, environ(), (result) => [...result, ...result])).toMatch(/second time/)
    const after = (result: WsgiResult): void => {
      const iterator = result[Symbol.iterator]()
      result.close?.()
      iterator.next()
    }
    expect(broken(sound, environ(), after)).toMatch(/after close/)
    const beyond = (result: WsgiResult): void => {
      const iterator = result[Symbol.iterator]()
      while (iterator.next().done !== true);
      iterator.next()
    }
    expect(broken(sound, environ(), beyond)).toMatch(/after the end/)
  })
})

interface Closing {
  close(): void
}

test('a result that is dropped without close() is told of (W21)', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const told: string[] = []
  const errors = { write: (text: string) => void told.push(text), writelines: () => undefined, flush: () => undefined }
  const call = (close: boolean): void => {
    const result = lint(sound)(environ({ 'wsgi.errors': errors }), start)
    if (close) result.close?.()
  }
  call(true)
  call(false)
  for (let tries = 0; tries < 200 && told.length === 0; tries++) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(told).toEqual([expect.stringMatching(/close\(\) was never called/)])
})

describe('the application', () => {
  const wrong: [why: RegExp, app: (begin: StartResponse, environ: Environ) => unknown][] = [
    [/called with 1 arguments/, (begin) => (begin as (...given: unknown[]) => void)('200 OK')],
    [/without exc_info/, (begin) => [begin('200 OK', TEXT), begin('200 OK', TEXT)]],
    [/neither an error/, (begin) => begin('200 OK', TEXT, 'text')],
    [/not the application's to close/, (_begin, { 'wsgi.input': input }) => (input as never as Closing).close()],
    [/not the application's to close/, (_begin, { 'wsgi.errors': errors }) => (errors as never as Closing).close()],
    [/not like/, (begin) => begin('200', TEXT)],
    [/not a string/, (begin) => begin(200 as never, TEXT)],
    [/no final one/, (begin) => begin('100 Continue', TEXT)],
    [/not an array/, (begin) => begin('200 OK', { a: 'b' } as never)],
    [/not a pair/, (begin) => begin('200 OK', [['a']] as never)],
    [/not made of strings/, (begin) => begin('200 OK', [['a', 1]] as never)],
    [/not the name/, (begin) => begin('200 OK', [['a b', 'c']])],
    [/ends with/, (begin) => begin('200 OK', [['a-', 'c']])],
    [/control character/, (begin) => begin('200 OK', [['a', 'b\nc']])],
    [/about the connection/, (begin) => begin('200 OK', [['Connection', 'close']])],
    [/Status is the first/, (begin) => begin('200 OK', [['Status', '200']])],
    [/no Content-Type/, (begin) => begin('200 OK', [])],
    [/which has no body/, (begin) => begin('204 No Content', TEXT)],
    [/not one number/, (begin) => begin('200 OK', [...TEXT, ['Content-Length', 'x']])],
    [/write\(\) is called with 2/, (begin) => (begin('200 OK', TEXT) as (...given: unknown[]) => void)(bytes('a'), 1)],
    [/chunk is string/, (begin) => begin('200 OK', TEXT)('a' as never)],
    [/read\(\) takes one/, (_begin, { 'wsgi.input': input }) => (input.read as (...given: unknown[]) => void)(1, 2)],
    [/whole number/, (_begin, { 'wsgi.input': input }) => input.read(1.5)],
    [/takes one string/, (_begin, { 'wsgi.errors': errors }) => errors.write(1 as never)],
  ]
  test.each(wrong)('breaks %s', (why, app) => {
    expect(broken((given, begin) => [app(begin, given)] as never)).toMatch(why)
  })

  test.each([
    [/no iterable/, 'text'],
    [/no iterable/, null],
    [/no iterable/, Promise.resolve([])],
    [/wrap them in an array/, bytes('a')],
    [/chunk is string/, ['a']],
  ])('returns what is no result: %s', (why, result) => {
    expect(
      broken((_environ, begin) => {
        begin('200 OK', TEXT)
        return result as never
      }),
    ).toMatch(why)
  })

  test('begins too late, or never, or goes on after the end', () => {
    expect(broken(() => [bytes('a')])).toMatch(/before start_response/)
    expect(broken(() => [])).toMatch(/not called/)
    expect(
      broken((_environ, begin) => {
        begin('304 Not Modified', [])
        return [bytes('a')]
      }),
    ).toMatch(/allows none/)
    let write: ReturnType<StartResponse> | undefined
    run(
      lint((_environ, begin) => {
        write = begin('200 OK', TEXT)
        return []
      })(environ(), start),
    )
    expect(() => write?.(bytes('late'))).toThrow(/after the end/)
  })
})

describe('middleware (W32)', () => {
  const check = (middleware: Middleware): string | undefined => {
    try {
      run(lintMiddleware(middleware)(sound)(environ(), start))
    } catch (error) {
      return (error as Error).message
    }
    return undefined
  }

  test('that keeps the rules passes', () => {
    expect(check((app) => (given, begin) => app(given, begin))).toBeUndefined()
  })

  test.each<[RegExp, Middleware]>([
    [/before it returns/, (app) => (given, begin) => [...app(given, begin)]],
    [
      /holds chunks back/,
      (app) => (given, begin) => {
        const inner = app(given, begin)
        return {
          *[Symbol.iterator]() {
            yield Buffer.concat([...inner])
          },
          close: () => inner.close?.(),
        }
      },
    ],
    [
      /does not close/,
      (app) =>
        function* (given, begin) {
          for (const chunk of app(given, begin)) yield chunk
          // A loop to its end does not close what it went through.
        },
    ],
  ])('that breaks %s is told', (why, middleware) => {
    expect(check(middleware)).toMatch(why)
  })
})
