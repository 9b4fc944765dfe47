/*
 * Programs and signals: streams, ends, and what a cancel leaves behind, which is nothing.
 */
import { spawn as spawnChild } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { BufferedStream, copy, run, spawnProcess, waitSignal, writeAll } from '../../lib/io/index.ts'
import type { Process } from '../../lib/io/index.ts'
import { nursery, sleep, waitPromise, withScope, withTimeout } from '../../lib/kernel/index.ts'
import type { Coroutine } from '../../lib/kernel/index.ts'
import { all, each, kill, moveOnAfter } from '../../lib/sync/index.ts'
import { spawn } from '../../lib/index.ts'
import { caughtBy } from '../support/caught.ts'
import { cancelEverywhere, descriptors } from '../support/leaks.ts'
import { eventually } from '../support/serve.ts'

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A program in a line of JavaScript. */
const node = (program: string, ...rest: Parameters<typeof spawnProcess>[2][]): Coroutine<Process> =>
  spawnProcess(process.execPath, ['-e', program], ...rest)

function* output(child: Process): Coroutine<string> {
  const stream = new BufferedStream(child.stdout)
  let text = ''
  for (let piece = yield* stream.readSome(); piece !== null; piece = yield* stream.readSome()) text += String(piece)
  return text
}

describe('a program', () => {
  test('reads and writes, and ends with its code', async () => {
    await run(function* () {
      const child = yield* spawnProcess('sort', ['-n'])
      yield* writeAll(child.stdin, Buffer.from('10\n9\n'))
      child.stdin.shutdown()
      expect(yield* output(child)).toBe('9\n10\n')
      expect(yield* child.wait()).toEqual({ code: 0, signal: null })
      expect(child.ending).toEqual({ code: 0, signal: null })
      expect(child.kill()).toBe(false)
    })
  })

  test('has arguments as they are, an environment, a folder and a complaint', async () => {
    await run(function* () {
      const text = 'a b; $HOME'
      const echo = yield* spawnProcess('printf', ['%s', text])
      expect(yield* output(echo)).toBe(text)
      const child = yield* node('console.error(process.env.WORD, process.cwd()); process.exitCode = 3', {
        cwd: '/',
        env: { WORD: 'bread' },
      })
      expect(yield* new BufferedStream(child.stderr).readLine()).toBe('bread /')
      expect(yield* child.wait()).toEqual({ code: 3, signal: null })
    })
  })

  test('that is large comes whole, also to one who reads after its end', async () => {
    await run(function* () {
      const child = yield* node('process.stdout.write("x".repeat(3_000_000))')
      const [text, ending] = yield* all([output(child), child.wait()])
      expect([text.length, ending.code]).toEqual([3_000_000, 0])
      const short = yield* spawnProcess('printf', ['late'])
      yield* short.wait()
      yield* sleep(20)
      expect(yield* output(short)).toBe('late')
    })
  })

  test('pipes into another, with back-pressure', async () => {
    await run(function* () {
      const source = yield* node('process.stdout.write("line\\n".repeat(200_000))')
      const count = yield* spawnProcess('wc', ['-l'])
      const [bytes, text] = yield* all([
        function* () {
          const copied = yield* copy(source.stdout, count.stdin)
          count.stdin.shutdown()
          return copied
        },
        output(count),
      ])
      expect([bytes, text.trim()]).toEqual([1_000_000, '200000'])
    })
  })

  test('that cannot be started is told of', async () => {
    await run(function* () {
      const before = descriptors()
      for (const [command, options] of [
        ['gyre-nowhere'],
        ['/etc/passwd'],
        ['true', { cwd: '/nowhere' }],
        [''],
      ] as const)
        expect(yield* caughtBy(spawnProcess(command, [], options))).toMatchObject({ code: 'GYRE_PROCESS_START' })
      yield* waitPromise(eventually(() => descriptors() <= before))
    })
  })

  test('has no stream where none was asked for', async () => {
    await run(function* () {
      const child = yield* spawnProcess('true', [], { stdin: 'ignore', stdout: 'ignore', stderr: 'inherit' })
      for (const name of ['stdin', 'stdout', 'stderr'] as const)
        expect(() => child[name]).toThrow(expect.objectContaining({ code: 'GYRE_STREAM_CLOSED' }))
      yield* child.wait()
    })
  })

  test('that ends leaves its writer with an error, and not the process', async () => {
    await run(function* () {
      const child = yield* spawnProcess('true')
      yield* child.wait()
      const writing = function* () {
        for (;;) {
          yield* writeAll(child.stdin, Buffer.alloc(1000))
          yield* sleep(1)
        }
      }
      expect(yield* caughtBy(withTimeout(5000, writing))).toMatchObject({ code: 'GYRE_PEER_GONE' })
    })
  })
})

describe('the end of a program', () => {
  test('comes with its scope', async () => {
    await run(function* () {
      const child = yield* withScope(function* (scope) {
        const started = yield* spawnProcess('sleep', ['60'])
        scope.kernel.spawn(() => sleep(0))
        return started
      })
      expect(yield* (child as Process).wait()).toEqual({ code: null, signal: 'SIGTERM' })
    })
  })

  test('a nursery that is cancelled waits until it is gone', async () => {
    await run(function* () {
      let pid = 0
      const late = moveOnAfter(50, () =>
        nursery(function* () {
          pid = (yield* spawnProcess('sleep', ['60'])).pid
          expect(lives(pid)).toBe(true)
          yield* sleep(60_000)
        }),
      )
      yield* late
      expect([pid > 0, lives(pid)]).toEqual([true, false])
    })
  })

  test('one that does not listen to SIGTERM is killed after its grace', async () => {
    await run(function* () {
      const stubborn = yield* node('process.on("SIGTERM", () => {}); console.log("on"); setInterval(() => {}, 1000)', {
        grace: 30,
      })
      expect(yield* new BufferedStream(stubborn.stdout).readLine()).toBe('on')
      expect(yield* stubborn.stop()).toEqual({ code: null, signal: 'SIGKILL' })
      expect(lives(stubborn.pid)).toBe(false)
    })
  })

  test('by a signal of choice; at once at the end of a block', async () => {
    await run(function* () {
      const child = yield* spawnProcess('sleep', ['60'])
      expect(child.kill('SIGINT')).toBe(true)
      expect(yield* child.wait()).toEqual({ code: null, signal: 'SIGINT' })
      let other: Process | undefined
      {
        using inner = yield* spawnProcess('sleep', ['60'])
        other = inner
      }
      expect(yield* other.wait()).toEqual({ code: null, signal: 'SIGKILL' })
      expect(other.stdout.closed).toBe(true)
    })
  })

  test('a cancel at every point leaves no child and no pipe', async () => {
    const pids: number[] = []
    const living = (): number => pids.filter(lives).length + descriptors()
    const counts = await cancelEverywhere(function* () {
      const child = yield* spawnProcess('sh', ['-c', 'read line; echo $line; sleep 0.01'])
      pids.push(child.pid)
      yield* writeAll(child.stdin, Buffer.from('hello\n'))
      expect(yield* output(child)).toBe('hello\n')
      yield* child.wait()
    }, living)
    expect(counts.cancelled).toBeGreaterThan(5)
    expect(pids.filter(lives)).toEqual([])
  })
})

describe('signals', () => {
  const listeners = (): number => process.listenerCount('SIGUSR2') + process.listenerCount('SIGHUP')
  const raise = (name: NodeJS.Signals): boolean => process.kill(process.pid, name)

  test('the first of several is told by name, and nobody listens any more', async () => {
    await run(function* () {
      const waiting = spawn(waitSignal('SIGUSR2', 'SIGHUP'))
      yield* sleep(1)
      expect(listeners()).toBe(2)
      raise('SIGHUP')
      expect(yield* waiting).toBe('SIGHUP')
      expect(listeners()).toBe(0)
    })
  })

  test('one after another, none missed while work is done, each once', async () => {
    await run(function* () {
      const got: string[] = []
      const loop = spawn(
        each(waitSignal('SIGUSR2', 'SIGHUP'), function* (name) {
          got.push(name)
          yield* sleep(20)
        }),
      )
      yield* sleep(1)
      raise('SIGUSR2')
      yield* waitPromise(eventually(() => got.length === 1))
      for (const name of ['SIGHUP', 'SIGHUP', 'SIGHUP'] as const) {
        raise(name)
        yield* sleep(2)
      }
      yield* waitPromise(eventually(() => got.length === 2))
      yield* sleep(30)
      expect(got).toEqual(['SIGUSR2', 'SIGHUP'])
      yield* kill(loop)
      expect(listeners()).toBe(0)
    })
  })

  test('a wait that is cancelled leaves no listener', async () => {
    await run(function* () {
      expect(yield* moveOnAfter(5, waitSignal('SIGUSR2'), 'none')).toBe('none')
      expect(listeners()).toBe(0)
    })
  })

  test('what is no signal is refused', () => {
    for (const name of ['SIGKILL', 'SIGSTOP', 'term'] as NodeJS.Signals[])
      expect(() => waitSignal(name)).toThrow(expect.objectContaining({ code: 'GYRE_BAD_OPTION' }))
    expect(() => (waitSignal as () => unknown)()).toThrow(expect.objectContaining({ code: 'GYRE_BAD_OPTION' }))
  })

  test('waiting keeps the process alive until the signal has come', async () => {
    const program = `
      import { run, waitSignal } from '${new URL('../../dist/index.js', import.meta.url).href}'
      const waiting = run(waitSignal('SIGUSR2'))
      setTimeout(() => console.log('waits'), 50)
      console.log(await waiting)`
    const child = spawnChild(process.execPath, ['--input-type=module', '-e', program])
    let text = ''
    child.stdout.on('data', (bytes) => (text += String(bytes)))
    await eventually(() => text === 'waits\n')
    await new Promise((resolve) => setTimeout(resolve, 20))
    child.kill('SIGUSR2')
    expect(await once(child, 'close')).toEqual([0, null])
    expect(text).toBe('waits\nSIGUSR2\n')
  })
})
