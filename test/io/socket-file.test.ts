/*
 * The claim on the path of a unix socket, where time and other processes are the test's.
 */
import { existsSync, mkdtempSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { SocketFile } from '../../lib/io/socket-file.ts'
import type { Kernel } from '../../lib/kernel/index.ts'
import { leaveStale } from '../support/stale.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listen(path: string, word: string): Promise<void> {
  // A probe may be gone before it is answered.
  const server = createServer((socket) => socket.on('error', () => undefined).end(word))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(path, resolve))
}

const askedAt = (path: string): Promise<string> =>
  new Promise((resolve) => connect(path).once('data', (bytes) => resolve(String(bytes))))

/** A second goes by with each rest, and what the others do meanwhile is done. */
function kernelWith(others: (rest: number) => unknown): Kernel {
  let rests = 0
  const spawn = async (): Promise<void> => {
    await others(++rests)
  }
  return { host: { now: () => rests * 1000 }, spawn } as unknown as Kernel
}

async function bound(): Promise<{ path: string; place: string; file: SocketFile }> {
  const place = mkdtempSync('/tmp/gyre-')
  const path = `${place}/s`
  await leaveStale(path)
  const file = SocketFile.for({ path, backlog: 1 }) as SocketFile
  await listen(file.boundAt, 'ours')
  file.made()
  return { path, place, file }
}

test('a claim that a killed process left behind is removed after a while', async () => {
  const { path, place, file } = await bound()
  writeFileSync(`${path}.claim`, '')
  let rests = 0
  await file.publish(kernelWith((rest) => (rests = rest)))
  expect(rests).toBeGreaterThan(4)
  expect(await askedAt(path)).toBe('ours')
  expect(readdirSync(place)).toEqual(['s'])
  file.remove()
  expect(existsSync(path)).toBe(false)
})

test('whoever finds the claim taken looks again, and leaves the winner alone', async () => {
  const { path, file } = await bound()
  writeFileSync(`${path}.claim`, '')
  const others = async (): Promise<void> => {
    if (!existsSync(`${path}.claim`)) return
    unlinkSync(path)
    await listen(path, 'theirs')
    unlinkSync(`${path}.claim`)
  }
  await expect(file.publish(kernelWith(others))).rejects.toMatchObject({ code: 'GYRE_ADDRESS_IN_USE' })
  file.remove()
  expect(await askedAt(path)).toBe('theirs')
})

test('a claim that is another each time is nobody’s to remove, and waiting for it ends', async () => {
  const { path, file } = await bound()
  const renew = (rest: number): void => {
    writeFileSync(`${path}.new${rest}`, '')
    if (existsSync(`${path}.claim`)) unlinkSync(`${path}.claim`)
    writeFileSync(`${path}.claim`, '')
  }
  renew(0)
  await expect(file.publish(kernelWith(renew))).rejects.toMatchObject({
    code: 'GYRE_ADDRESS_IN_USE',
    message: expect.stringContaining(`remove ${path}.claim if it is nobody`) as string,
  })
  expect(existsSync(`${path}.claim`)).toBe(true)
})

test('a path as long as the system takes has its file too, unless its folder leaves no room', () => {
  const longest = `/tmp/${'x'.repeat(102)}`
  expect(SocketFile.for({ path: longest, backlog: 1 })?.boundAt).toMatch(/^\/tmp\/[0-9a-f]{8}$/)
  expect(() => SocketFile.for({ path: `/${'x'.repeat(102)}/s`, backlog: 1 })).toThrow(
    expect.objectContaining({
      code: 'GYRE_BAD_OPTION',
      message: expect.stringContaining('a shorter folder') as string,
    }),
  )
})
