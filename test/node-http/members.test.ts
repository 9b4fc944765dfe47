/*
 * The table of members in docs/embedding.md is true: every public member of Node's classes stands in it once, and
 * is what the table says.
 */
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { Server } from 'gyre/node-http'
import { ask, serve } from './support.ts'

const page = readFileSync(new URL('../../docs/embedding.md', import.meta.url), 'utf8')

function row(subject: string, verdict: string): string[] {
  const line = page.split('\n').find((one) => one.startsWith(`| ${subject} | ${verdict} |`))
  return [...(line ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name as string)
}

function membersOf(prototype: object): Set<string> {
  const names = new Set<string>()
  for (let at = prototype; at !== Object.prototype; at = Object.getPrototypeOf(at) as object)
    for (const name of Object.getOwnPropertyNames(at)) names.add(name)
  return names
}

const isPublic = (name: string): boolean => !name.startsWith('_') && name !== 'constructor'

async function withSocket<T>(look: (socket: Socket, req: IncomingMessage, res: ServerResponse) => T): Promise<T> {
  let seen: T | undefined
  const { port } = await serve((req, res) => {
    seen = look(req.socket, req, res)
    res.end()
  })
  await ask(port)
  return seen as T
}

test('the socket: each member of Node’s stands in the table once', () => {
  const told = ['supported', 'differ', 'absent'].flatMap((verdict) => row('socket', verdict))
  expect(new Set(told).size).toBe(told.length)
  // Iterator helpers that other versions of Node have are not for sockets.
  const missing = [...membersOf(Socket.prototype)].filter((name) => isPublic(name) && !told.includes(name))
  expect(missing).toEqual([])
})

test('the socket has what is supported or differs of its own, and nothing of what is absent', async () => {
  const own = await withSocket((socket) => {
    const prototype = Object.getPrototypeOf(socket) as object
    return new Set([...Object.getOwnPropertyNames(prototype), ...Object.getOwnPropertyNames(socket)])
  })
  const inherited = membersOf(EventEmitter.prototype)
  for (const name of [...row('socket', 'supported'), ...row('socket', 'differ')])
    expect([name, own.has(name) || inherited.has(name)]).toEqual([name, true])
  for (const name of row('socket', 'absent')) expect([name, own.has(name)]).toEqual([name, false])
})

test('request and response are of Node’s own classes, and nothing on them is replaced', async () => {
  await withSocket((_socket, req, res) => {
    expect(Object.getPrototypeOf(req)).toBe(IncomingMessage.prototype)
    expect(Object.getPrototypeOf(res)).toBe(ServerResponse.prototype)
    for (const [object, prototype] of [
      [req, IncomingMessage.prototype],
      [res, ServerResponse.prototype],
    ] as const)
      for (const name of membersOf(prototype))
        if (isPublic(name) && isMethod(prototype, name))
          expect([name, Object.hasOwn(object, name)]).toEqual([name, false])
  })
})

test('the server replaces what the table says, and nothing else', () => {
  const own = Object.getOwnPropertyNames(Server.prototype).filter(isPublic)
  expect(own.toSorted()).toEqual(row('Server', 'differ').toSorted())
})

function isMethod(prototype: object, name: string): boolean {
  for (let at = prototype; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    const found = Object.getOwnPropertyDescriptor(at, name)
    if (found !== undefined) return typeof found.value === 'function'
  }
  return false
}
