/*
 * The toolset of wsgiref in our terms, and applications put together.
 */
import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Handler } from '../../lib/index.ts'
import { mount } from '../../lib/handlers/index.ts'
import { inject } from '../../lib/testing/index.ts'
import {
  DiskFile,
  FileWrapper,
  Headers,
  applicationUri,
  compose,
  demoApp,
  fromHandler,
  guessScheme,
  hostApps,
  isHopByHop,
  makeServer,
  mountApps,
  requestUri,
  setupTestingDefaults,
  shiftPathInfo,
  wsgi,
  wsgiGenerator,
} from '../../lib/wsgi/index.ts'
import type { Environ, Middleware, WsgiApp } from '../../lib/wsgi/index.ts'
import { notes } from './support.ts'

const TEXT = [['Content-Type', 'text/plain']] as const

test.each([
  ['', '/a/b', 'a', '/a', '/b'],
  ['/a', '/b/', 'b', '/a/b', '/'],
  ['/a', '/', '', '/a/', ''],
  ['', '/', '', '', ''],
  ['/a', '', null, '/a', ''],
  ['/a', '//b/./c', 'b', '/a/b', '/c'],
  ['', '/b', 'b', '/b', ''],
])('shiftPathInfo of %j %j', (script, path, name, newScript, newPath) => {
  const environ = { SCRIPT_NAME: script, PATH_INFO: path }
  expect(shiftPathInfo(environ)).toBe(name)
  expect([environ.SCRIPT_NAME, environ.PATH_INFO]).toEqual([newScript, newPath])
})

test.each<[object, string, string]>([
  [{}, 'http://127.0.0.1/', 'http://127.0.0.1/'],
  [{ SCRIPT_NAME: '/a b', PATH_INFO: '/\u00e9' }, 'http://127.0.0.1/a%20b', 'http://127.0.0.1/a%20b/%E9'],
  [{ SCRIPT_NAME: '/a', PATH_INFO: '', QUERY_STRING: 'x=1' }, 'http://127.0.0.1/a', 'http://127.0.0.1/a?x=1'],
  [{ HTTP_HOST: 'h:8', PATH_INFO: '//x' }, 'http://h:8/', 'http://h:8//x'],
  [{ HTTP_HOST: '', SERVER_NAME: 's', SERVER_PORT: '81' }, 'http://s:81/', 'http://s:81/'],
  [{ HTTP_HOST: '', 'wsgi.url_scheme': 'https', SERVER_NAME: 's', SERVER_PORT: '443' }, 'https://s/', 'https://s/'],
])('URLs of %j', (changes, application, request) => {
  const environ = setupTestingDefaults({ ...changes })
  expect([applicationUri(environ), requestUri(environ)]).toEqual([application, request])
  expect(requestUri(environ, false)).toBe(request.replace(/\?.*/, ''))
})

test('guessScheme, isHopByHop', () => {
  expect(['1', 'YES', 'on', 'off', undefined].map((HTTPS) => guessScheme({ HTTPS }))).toEqual([
    'https',
    'https',
    'https',
    'http',
    'http',
  ])
  expect(['Connection', 'TE', 'transfer-encoding', 'Date', 'X'].map(isHopByHop)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ])
})

test('Headers works on the list that it was given', () => {
  const pairs: [string, string][] = [['Content-Type', 'a']]
  const headers = new Headers(pairs)
  headers.set('content-type', 'b')
  headers.add('Content-Disposition', 'attachment', { filename: 'a "b".txt', x_y: null })
  headers.add('Set-Cookie', '1')
  headers.add('Set-Cookie', '2')
  expect(headers.setDefault('X', 'first')).toBe('first')
  expect(headers.setDefault('x', 'second')).toBe('first')
  expect([headers.get('SET-COOKIE'), headers.getAll('set-cookie'), headers.get('none')]).toEqual([
    '1',
    ['1', '2'],
    null,
  ])
  headers.delete('X')
  expect([headers.has('x'), headers.length]).toEqual([false, 4])
  expect(pairs).toEqual([...headers])
  expect(String(headers)).toBe(
    'content-type: b\r\nContent-Disposition: attachment; filename="a \\"b\\".txt"; x-y\r\nSet-Cookie: 1\r\nSet-Cookie: 2\r\n\r\n',
  )
  expect([headers.keys()[0], headers.values()[0]]).toEqual(['content-type', 'b'])
})

test('FileWrapper sends a file from where it stands, block by block, and closes it', async () => {
  const { path } = notes()
  writeFileSync(path, 'x'.repeat(10) + 'y'.repeat(200_000))
  let file: DiskFile | undefined
  const answer = await inject(
    wsgi((environ, start) => {
      file = DiskFile.open(path)
      file.seek(10)
      start('200 OK', [...TEXT, ['Content-Length', '100000']])
      return environ['wsgi.file_wrapper'](file, 7000)
    }),
  )
  expect(answer.text()).toBe('y'.repeat(100_000))
  expect(() => file?.read(1)).toThrow(/EBADF|closed/)
  expect([...new FileWrapper({ read: () => Buffer.alloc(0) })]).toEqual([])
})

test('makeServer and demoApp', async () => {
  const server = await makeServer('127.0.0.1', 0, demoApp)
  try {
    const answer = await fetch(`${server.addresses[0]?.url ?? ''}a?b`)
    const text = await answer.text()
    expect(text).toMatch(/^Hello world!\n\n/)
    expect(text).toContain('PATH_INFO = "/a"\n')
    expect(text).toContain('wsgi.input = [WsgiInput]\n')
  } finally {
    await server.close()
  }
})

const where: WsgiApp = ({ SCRIPT_NAME, PATH_INFO, SERVER_NAME }, start) => {
  start('200 OK', TEXT)
  return [Buffer.from(`${SCRIPT_NAME}|${PATH_INFO}|${SERVER_NAME}`)]
}
const ask = async (handler: Handler, path: string, host = 'a'): Promise<string> => {
  const answer = await inject(handler, { path, headers: { Host: host } })
  return answer.status === 200 ? answer.text() : String(answer.status)
}

describe('put together', () => {
  test('compose: the outermost first', async () => {
    const mark =
      (letter: string): Middleware =>
      (app) =>
      (environ, start) => {
        environ.PATH_INFO += letter
        return app(environ, start)
      }
    expect(await ask(wsgi(compose(mark('1'), mark('2'))(where)), '/')).toBe('|/12|a')
    expect(await ask(wsgi(compose<Environ, ReturnType<WsgiApp>>()(where)), '/')).toBe('|/|a')
  })

  test('mountApps: by the longest prefix of whole segments, one in another', async () => {
    const app = mountApps<Environ, ReturnType<WsgiApp>>({
      '/a': where,
      '/a/b': mountApps<Environ, ReturnType<WsgiApp>>({ '/c': where }),
    })
    const handler = mount({ '/top': wsgi(app) })
    for (const [path, found] of [
      ['/top/a', '/top/a||a'],
      ['/top/a/x%20y', '/top/a|/x y|a'],
      ['/top/a/b/c/', '/top/a/b/c|/|a'],
      ['/top/ab', '404'],
      ['/top/a/b', '404'],
      ['/top', '404'],
    ])
      expect([path, await ask(handler, path as string)]).toEqual([path, found])
    expect(() => mountApps({ 'a/': where })).toThrow(/begins with/)
  })

  test('hostApps: a name, what is below one, the rest', async () => {
    const of =
      (name: string): WsgiApp =>
      (_environ, start) => {
        start('200 OK', TEXT)
        return [Buffer.from(name)]
      }
    const table = { 'a.org': of('a'), '*.a.org': of('below'), '*.b.a.org': of('further') }
    const handler = wsgi(hostApps<Environ, ReturnType<WsgiApp>>(table))
    for (const [host, found] of [
      ['a.org', 'a'],
      ['A.org:8080', 'a'],
      ['x.a.org', 'below'],
      ['x.b.a.org', 'further'],
      ['b.org', '421'],
    ])
      expect([host, await ask(handler, '/', host)]).toEqual([host, found])
    const rest = wsgi(hostApps<Environ, ReturnType<WsgiApp>>({ ...table, '*': of('rest') }))
    expect(await ask(rest, '/', 'b.org')).toBe('rest')
  })

  test('native handlers in a tree of applications, and the other way round, with their bodies', async () => {
    const native: Handler = function* (request, response) {
      response.text(`${request.mountPath}|${request.path}|${yield* request.text()}`)
    }
    const apps = mountApps<Environ, ReturnType<WsgiApp>>({ '/old': where, '/n\u00c3\u00a9/w': fromHandler(native) })
    for (const way of [wsgi(apps), wsgiGenerator(apps as never)]) {
      const tree = mount({ '/': native, '/wsgi': way })
      expect(await ask(tree, '/wsgi/old/x')).toBe('/wsgi/old|/x|a')
      for (const body of ['abc', ['ab', 'c']]) {
        const answer = await inject(tree, { method: 'POST', path: '/wsgi/n%C3%A9/w/x', body })
        expect(answer.text()).toBe('/wsgi/n%C3%A9/w|/wsgi/n%C3%A9/w/x|abc')
      }
    }
  })

  test('what is mounted at an encoded path keeps it, whatever the path is made of', async () => {
    const native: Handler = (request, response) => response.text(request.mountPath)
    const apps = mountApps<Environ, ReturnType<WsgiApp>>({
      '/a/b': fromHandler(native),
      '/\u00c3\u00a9': fromHandler(native),
    })
    for (const [path, found] of [
      ['/a/b/c', '/a/b'],
      ['/a%2Fb/c', '/a%2Fb'],
      ['/a%2fb', '/a%2fb'],
      ['/%61/b/c%2Fd', '/%61/b'],
      ['/%C3%A9/%C3%A9', '/%C3%A9'],
      ['/a/b/%zz', '/a/b'],
    ] as const)
      expect([path, await ask(wsgi(apps), path)]).toEqual([path, found])
    const shifted: WsgiApp = (environ, start) => {
      shiftPathInfo(environ)
      return fromHandler(native)(environ, start)
    }
    expect(await ask(wsgi(shifted), '/x%20y/z')).toBe('/x%20y')
  })

  test('middleware that reads the answer of a native handler is told that it cannot', async () => {
    const reading: Middleware = (app) => (environ, start) => [...app(environ, start)]
    const answer = await inject(wsgi(reading(fromHandler(() => undefined))), {}, { server: { log: false } })
    expect(answer.status).toBe(500)
  })
})
