/*
 * Clients that leave in the middle, through Express: what the application sees is what it sees on node:http, event by
 * event, and nothing stays behind.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/serve.ts'

const MB = 1 << 20
const app = fileURLToPath(new URL('aborted-app.mjs', import.meta.url))
const gyre = new URL('../../dist/node-http/index.js', import.meta.url).href

interface State {
  counts: Record<string, number>
  connections: number
  heap: number
  listeners: number
}

async function ask(child: ChildProcess, question: string): Promise<State> {
  const answer = once(child, 'message') as Promise<[State]>
  child.send(question)
  return (await answer)[0]
}

/** Sends a request, and leaves as soon as its handler is known to run. */
async function leave(port: number, method: string, path: string, hard: boolean): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => undefined)
  // Whoever is told to continue has a handler; so has whoever gets the first bytes of an answer.
  const body = method === 'POST' ? 'Content-Length: 1000000\r\nContent-Type: application/octet-stream\r\n' : ''
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: a\r\n${body}${body === '' ? '' : 'Expect: 100-continue\r\n'}\r\n`)
  await once(socket, 'data')
  // On node:http, who has sent more than is read is not seen to leave: that could not be compared.
  if (method === 'POST')
    await new Promise((resolve) => socket.write(Buffer.alloc(path === '/ignored' ? 1000 : 20_000), resolve))
  if (hard) socket.resetAndDestroy()
  else socket.destroy()
  await once(socket, 'close')
}

const PATHS = [
  ['POST', '/read'],
  ['POST', '/parsed'],
  ['GET', '/piped'],
  ['GET', '/written'],
  ['GET', '/waiting'],
  ['POST', '/ignored'],
] as const

/** So many clients leave in so many ways. @returns what the application has counted */
async function leaveAll(child: ChildProcess, port: number, each: number): Promise<State> {
  await ask(child, 'reset')
  for (const [method, path] of PATHS) {
    for (let left = 0; left < each; left += 20)
      await Promise.all(Array.from({ length: 20 }, (_, index) => leave(port, method, path, index % 2 === 0)))
  }
  let state = await ask(child, 'state')
  for (let tries = 0; tries < 200 && state.connections > 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    state = await ask(child, 'state')
  }
  expect(state.connections).toBe(0)
  // Node counts a connection out before it tells anybody that it has closed, which is later in the same turn.
  return ask(child, 'state')
}

async function abortOn(module: string) {
  const child = fork(app, [module], { execArgv: ['--expose-gc'] })
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    const descriptors = (): number => readdirSync(`/proc/${String(child.pid)}/fd`).length
    // As many before are for code, caches and pools, which take 1 MB until they are as large as they get.
    const before = await leaveAll(child, port, 340)
    const open = descriptors()
    const after = await leaveAll(child, port, 340)
    await eventually(() => descriptors() <= open, 'all descriptors closed')
    // Which error a leaving is, and whether it is one, depends on how the packets meet: on node:http, too.
    const counts = Object.fromEntries(Object.entries(after.counts).filter(([what]) => !what.startsWith('clientError')))
    return {
      counts,
      grown: (after.heap - before.heap) / MB,
      listeners: after.listeners - before.listeners,
    }
  } finally {
    child.kill('SIGKILL')
  }
}

describe('1,000 uploads and 1,000 downloads that are cut', () => {
  test('look as on node:http, and leave no socket, listener, descriptor or memory', async () => {
    const [theirs, ours] = [await abortOn('node:http'), await abortOn(gyre)]
    expect(Object.keys(theirs.counts).length).toBeGreaterThan(10)
    expect(ours.counts).toEqual(theirs.counts)
    expect(ours.listeners).toBe(0)
    // 500 bytes for each that has left would be a leak of 1 MB.
    expect(ours.grown).toBeLessThan(1)
  }, 120_000)
})
