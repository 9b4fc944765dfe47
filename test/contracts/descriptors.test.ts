/*
 * waitReadable and waitWritable for descriptors that are no sockets of ours.
 */
import { spawn as spawnProcess } from 'node:child_process'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { mkdtempSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { chooseIo, run } from '../../lib/io/index.ts'
import { giveWay, nursery, waitReadable, waitWritable, withTimeout } from '../../lib/kernel/index.ts'
import { moveOnAfter } from '../../lib/sync/index.ts'
import { GyreError } from '../../lib/base/index.ts'

const { kind } = chooseIo()

describe.skipIf(kind !== 'epoll')('descriptors (skipped on the node io: Node can wait for none but its own)', () => {
  test('a named pipe becomes readable when something is written, and at its end', async () => {
    const path = `${mkdtempSync('/tmp/gyre-')}/pipe`
    execFileSync('mkfifo', [path])
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
    await run(function* () {
      yield* waitWritable(writer)
      let timedOut = false
      try {
        yield* withTimeout(5, waitReadable(reader))
      } catch (error) {
        timedOut = error instanceof GyreError && error.code === 'GYRE_TIMEOUT'
      }
      expect(timedOut).toBe(true)
      writeSync(writer, 'x')
      yield* waitReadable(reader)
      expect(readSync(reader, Buffer.alloc(10))).toBe(1)
      closeSync(writer)
      yield* waitReadable(reader)
      expect(readSync(reader, Buffer.alloc(10))).toBe(0)
    })
    closeSync(reader)
  })

  test('one task may wait to read a descriptor while another waits to write it, but not two for the same', async () => {
    const path = `${mkdtempSync('/tmp/gyre-')}/pipe`
    execFileSync('mkfifo', [path])
    // A pipe that is open both ways can be written until it is full, and read as soon as something is in it.
    const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    const log: string[] = []
    await run(function* () {
      yield* nursery(function* (children) {
        children.spawn(function* () {
          yield* waitReadable(both)
          log.push(`read ${readSync(both, Buffer.alloc(10))}`)
        })
        yield* giveWay()
        yield* waitWritable(both)
        log.push('writable')
        try {
          yield* waitReadable(both)
        } catch (error) {
          log.push((error as GyreError).code)
        }
        while (wrote(both)) continue
        // Full now: one who waits to write gives up, while the reader is told.
        log.push((yield* moveOnAfter(20, waitWritable(both), 'full')) ?? 'writable')
      })
      while (readSync(both, Buffer.alloc(65_536)) === 65_536) continue
      yield* waitWritable(both)
    })
    expect(log).toEqual(['writable', 'GYRE_TASK_MISUSE', 'read 10', 'full'])
    closeSync(both)
  })

  test('a plain file cannot be waited for', async () => {
    const file = openSync('/etc/passwd', 'r')
    await expect(run(() => waitReadable(file))).rejects.toMatchObject({
      code: 'GYRE_IO_FAILED',
      message: expect.stringContaining('EPERM') as string,
    })
    closeSync(file)
  })

  test('waiting uses no processor time, and the process ends by itself when nothing is left', async () => {
    const program = `
      import { createServer, run, sleep } from '${new URL('../../dist/index.js', import.meta.url).href}'
      const server = createServer(function* () {})
      await server.listen({ port: 0, host: '127.0.0.1' })
      const before = process.cpuUsage()
      await run(sleep(400))
      const { user, system } = process.cpuUsage(before)
      console.log((user + system) / 1000 < 60 ? 'idle' : 'busy ' + (user + system))
      await server.close()`
    const child = spawnProcess(process.execPath, ['--input-type=module', '-e', program])
    let output = ''
    child.stdout.on('data', (bytes) => (output += String(bytes)))
    child.stderr.on('data', (bytes) => (output += String(bytes)))
    const code = await new Promise((resolve) => child.once('exit', resolve))
    expect([output, code]).toEqual(['idle\n', 0])
  })
})

test.skipIf(kind !== 'node')('on the node io the error says what would be needed', async () => {
  await expect(run(() => waitReadable(0))).rejects.toMatchObject({ code: 'GYRE_IO_UNAVAILABLE' })
})

/** Writes a page into a pipe. @returns false where there is no room for it */
function wrote(pipe: number): boolean {
  try {
    return writeSync(pipe, Buffer.alloc(4096)) > 0
  } catch (error) {
    if ((error as { code: string }).code === 'EAGAIN') return false
    throw error
  }
}
