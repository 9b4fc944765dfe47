/*
 * waitReadable and waitWritable for descriptors that are no sockets of ours.
 */
import { spawn as spawnProcess } from 'node:child_process'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { mkdtempSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { chooseIo, run } from '../../lib/io/index.ts'
import { waitReadable, waitWritable, withTimeout } from '../../lib/kernel/index.ts'
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

  test('a plain file cannot be waited for, and two tasks cannot wait for one descriptor', async () => {
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
