/*
 * `wsgi.file_wrapper` of files on disk: the same answers, whether the connection sends files itself or not.
 */
import { truncateSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Handler } from '../../lib/index.ts'
import { DiskFile, WsgiInput, wsgi, wsgiGenerator } from '../../lib/wsgi/index.ts'
import type { BaseEnviron, StartResponse, WsgiResult } from '../../lib/wsgi/index.ts'
import { eventually, serve } from '../support/serve.ts'
import { notes } from './support.ts'

afterEach(() => vi.restoreAllMocks())

type FileApp = (environ: BaseEnviron, start: StartResponse) => WsgiResult
const WAYS: Record<string, (app: FileApp) => Handler> = {
  inline: (app) => wsgi(app),
  generator: (app) => wsgiGenerator(app),
}
const SIZE = 3_000_000
const content = Buffer.alloc(SIZE, 'abcdefghijklmnopqrstuvwxyz0123456789')

function file(from: number): { path: string; open: () => DiskFile; opened: DiskFile[] } {
  const { path } = notes()
  writeFileSync(path, content)
  const opened: DiskFile[] = []
  const open = (): DiskFile => {
    const one = DiskFile.open(path)
    one.seek(from)
    opened.push(one)
    return one
  }
  return { path, open, opened }
}

const closed = (opened: DiskFile[]): boolean[] =>
  opened.map((one) => {
    try {
      one.read(1)
      return false
    } catch {
      return true
    }
  })

describe.each(Object.keys(WAYS))('%s', (way) => {
  const host = (app: FileApp) => serve((WAYS[way] as (app: FileApp) => Handler)(app))
  const app =
    (open: () => DiskFile, length: number | null): FileApp =>
    (environ, start) => {
      start('200 OK', length === null ? [] : [['Content-Length', String(length)]])
      return environ['wsgi.file_wrapper'](open(), 8192)
    }

  test('with a length: from where it stands, as far as the length, and past this process where that can be', async () => {
    const { open, opened } = file(10)
    const reads = vi.spyOn(DiskFile.prototype, 'read')
    const { exchange } = await host(app(open, 2_000_000))
    const get = (line: string): string => `${line}\r\nHost: a\r\nConnection: close\r\n\r\n`
    for (const version of ['1.1', '1.0']) {
      const [answer] = await exchange(get(`GET / HTTP/${version}`))
      expect(answer?.body === content.subarray(10, 2_000_010).toString()).toBe(true)
    }
    // Only the epoll kind can send files.
    if (process.env['GYRE_IO'] === 'epoll') expect(reads).not.toHaveBeenCalled()
    else expect(reads).toHaveBeenCalled()
    reads.mockRestore()
    expect(closed(opened)).toEqual([true, true])
  })

  test('without a length, and to HEAD', async () => {
    const { open, opened } = file(0)
    const { exchange } = await host(app(open, null))
    const [answer] = await exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(answer?.headers).toMatchObject({ 'transfer-encoding': 'chunked' })
    expect(answer?.body === content.toString()).toBe(true)
    const head = await host(app(open, SIZE))
    const client = await head.connect()
    client.send('HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(await client.end()).toMatch(/Content-Length: 3000000\r\n.*\r\n\r\n$/s)
    expect(closed(opened)).toEqual([true, true])
  })

  test('a file that is shorter than it was said to be: no fake end (W23)', async () => {
    const { path, open, opened } = file(0)
    truncateSync(path, 500_000)
    const { connect, events } = await host(app(open, SIZE))
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.end()
    expect(events[0]?.code).toBe('GYRE_LENGTH_MISMATCH')
    expect(closed(opened)).toEqual([true])
  })

  test('what is written goes before it, and a file that is closed already is an error', async () => {
    const { open } = file(0)
    const written = await host((environ, start) => {
      start('200 OK', [['Content-Length', '9']])(Buffer.from('first'))
      return environ['wsgi.file_wrapper'](open())
    })
    const [answer] = await written.exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(answer?.body).toBe('firstabcd')
    const gone = await host((environ, start) => {
      start('200 OK', [['Content-Length', '9']])
      const one = open()
      one.close()
      return environ['wsgi.file_wrapper'](one)
    })
    const [error] = await gone.exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(error?.status).toBe(500)
  })

  test('a client that reads slowly gets it whole; one that leaves has it closed', async () => {
    const { open, opened } = file(0)
    const { connect, server } = await host(app(open, SIZE))
    const slow = await connect()
    slow.socket.pause()
    slow.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const leaving = await connect()
    leaving.socket.pause()
    leaving.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => opened.length === 2)
    leaving.close()
    await eventually(() => server.statistics().running === 1)
    slow.socket.resume()
    expect((await slow.end()).endsWith(content.subarray(-1000).toString())).toBe(true)
    await eventually(() => server.statistics().running === 0)
    expect(closed(opened)).toEqual([true, true])
    expect(server.statistics().outputHeld).toBe(0)
  })
})

test('a closed file is neither read nor written: its number may be another’s', () => {
  const one = DiskFile.temporary()
  one.write(Buffer.from('abc'))
  one.seek(0)
  expect(String(one.read())).toBe('abc')
  one.close()
  one.close()
  for (const use of [() => one.read(), () => one.read(1), () => one.write(Buffer.alloc(1)), () => one.descriptor])
    expect(use).toThrow(expect.objectContaining({ code: 'GYRE_STREAM_CLOSED' }) as Error)
})

test('sizes to read: none and below 0 for all, whole numbers, and nothing else', () => {
  const input = (): WsgiInput => new WsgiInput(Buffer.from('ab\ncd'))
  for (const all of [undefined, -1, Infinity, null as never]) expect(String(input().read(all))).toBe('ab\ncd')
  expect(String(input().readline(null as never))).toBe('ab\n')
  expect(String(input().read(0))).toBe('')
  for (const wrong of [Number.NaN, 1.5, '2' as never])
    expect(() => input().read(wrong)).toThrow(expect.objectContaining({ code: 'GYRE_WSGI_INPUT' }) as Error)
})
