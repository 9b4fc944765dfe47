/*
 * What a program tells of its tasks, seen from outside: programs of their own, signals, and what they write.
 */
import { spawn as spawnChild } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { onUnobserved, openBackdoor, run, spawn, stopInspection, taskTree } from '../../lib/index.ts'
import { Queue, giveWay, inspectTasks, sleep } from '../../lib/index.ts'
import { eventually } from '../support/serve.ts'

const folder = mkdtempSync(join(tmpdir(), 'gyre-debugging-'))
const gyre = new URL('../../dist/index.js', import.meta.url).href
afterAll(() => {
  rmSync(folder, { recursive: true })
})
afterEach(stopInspection)

interface Program {
  readonly child: ChildProcess
  /** All that it has written to standard error. */
  readonly errors: () => string
  /** Waits until it has written something to standard output. */
  readonly told: (text: string) => Promise<void>
}

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** Starts a program. Its first line is line 2 of the file. */
function start(name: string, source: string): Program {
  const path = join(folder, name)
  writeFileSync(path, `import * as gyre from '${gyre}'\n${source.replace(/^\n/, '')}`)
  const child = spawnChild(process.execPath, ['--expose-gc', path], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  let [output, errors] = ['', '']
  child.stdout.on('data', (bytes) => (output += String(bytes)))
  child.stderr.on('data', (bytes) => (errors += String(bytes)))
  return {
    child,
    errors: () => errors,
    told: (text) => eventually(() => output.includes(text), `"${text}"\n${errors}`),
  }
}

test('a signal shows every task, with the chain of its generators, its reason, and what it works on', async () => {
  const { child, errors, told } = start(
    'site.mjs',
    `
const lock = new gyre.Lock()
function* query(table) {
  yield* gyre.sleep(60_000)
}
function* page() {
  gyre.spawn(query('stock'), { name: 'stock' })
  yield* gyre.holding(lock, query('users'))
}
gyre.dumpTasksOn('SIGUSR2')
const server = gyre.createServer(function* (request, response) {
  if (request.path === '/slow') yield* page()
  response.text('x')
})
const { url } = await server.listen({ port: 0, host: '127.0.0.1' })
for (const path of ['slow', 'slow']) fetch(url + path).catch(() => {})
setInterval(() => {
  const waiting = (what) => gyre.formatTaskTree().split(what + ' (GET /slow): waits').length - 1
  if (waiting('connection') === 2 && waiting('stock') === 2) console.log('ready')
}, 5)
`,
  )
  await told('ready')
  child.kill('SIGUSR2')
  await eventually(() => errors().split('spawned at page').length > 2)
  const text = errors().replace(/\((?:file:)?[^()]*\/([^/()]+):(\d+):\d+\)/g, '$1:$2')
  expect(text).toMatch(
    /#\d+ connection \(GET \/slow\): waits for sleep\(60000\), \d+ ms old\n +at query site\.mjs:4\n +at (?:Module\.)?holding holding\.js:\d+\n +at page site\.mjs:8\n +at .*site\.mjs:12/,
  )
  expect(text).toMatch(
    /connection \(GET \/slow\): waits for a lock, [^]*?at Lock\.acquire .*\n +at (?:Module\.)?holding .*\n +at page/,
  )
  expect(text).toMatch(
    /#\d+ stock \(GET \/slow\): waits for sleep\(60000\), .*\n +at query site\.mjs:4\n +spawned at page site\.mjs:7/,
  )
  expect(child.exitCode).toBeNull()
})

test('an operation that a handler makes and never runs is told, with its file and line', async () => {
  const { errors, told } = start(
    'forgotten.mjs',
    `
gyre.inspectTasks()
const server = gyre.createServer(function* (request, response) {
  request.text()
  gyre.sleep(5); queue.put('x')
  yield* gyre.sleep(1)
  response.text(await_(request.text()) ?? 'x')
})
function await_(operation) { for (const _ of []) operation; keep = operation }
let keep
const queue = new gyre.Queue()
await gyre.run(queue.put('y'))
await gyre.run(gyre.holding(new gyre.Lock(), queue.get()))
const { url } = await server.listen({ port: 0, host: '127.0.0.1' })
await (await fetch(url)).text()
setInterval(gc, 10)
console.log('ready')
`,
  )
  await told('ready')
  await eventually(() => errors().split('never run').length > 3)
  expect(errors()).toMatch(
    /gyre: the operation of Request\.text\(\) was made and never run: is a yield\* missing\?\n +at .*forgotten\.mjs:4:11/,
  )
  expect(errors()).toMatch(/gyre: the operation of sleep\(\) was made .*\n +at .*forgotten\.mjs:5:8/)
  expect(errors()).toMatch(/gyre: the operation of put\(\) was made .*\n +at .*forgotten\.mjs:5:24/)
  expect(errors().split('never run').length).toBe(4)
  // What is run, and what somebody still holds, is not told.
  expect(errors()).not.toContain('forgotten.mjs:6')
  expect(errors()).not.toContain('forgotten.mjs:7')
})

test('a failure that nobody waits for is told with the calls that led to the spawn', async () => {
  const { child, errors } = start(
    'unobserved.mjs',
    `
gyre.inspectTasks()
function bake() {
  gyre.spawn(function* () {
    yield* gyre.sleep(1)
    throw new Error('no flour')
  }, { name: 'baker' })
}
bake()
`,
  )
  expect((await once(child, 'exit'))[0]).toBe(1)
  expect(errors()).toMatch(
    /task baker failed, and nothing was waiting for it:\nError: no flour\n[^]*it was spawned\n +at bake \(.*unobserved\.mjs:4:8\)/,
  )
})

test('a process that ends in a deadlock says so', async () => {
  const { child, errors } = start(
    'deadlock.mjs',
    `
gyre.inspectTasks()
const [one, two] = [new gyre.Lock(), new gyre.Lock()]
const both = (first, second) => gyre.holding(first, function* () {
  yield* gyre.sleep(1)
  yield* gyre.holding(second, gyre.sleep(1))
})
gyre.spawn(both(one, two), { name: 'ada' })
gyre.spawn(both(two, one), { name: 'bob' })
`,
  )
  await once(child, 'exit')
  expect(errors()).toContain(
    'gyre: the process ends, and tasks wait for each other:\n' +
      '  task ada waits for a lock, which depends on task bob\n' +
      '  task bob waits for a lock, which depends on task ada\n',
  )
  expect(errors().split('the process ends').length).toBe(2)
})

describe('failures that nobody waits for', () => {
  const failing = (name: string): void => {
    spawn(
      function* () {
        yield* giveWay()
        throw new Error(`${name} failed`)
      },
      { name },
    )
  }

  test('reach the listener instead of standard error, until it is disposed of', async () => {
    const told: unknown[] = []
    const outer = onUnobserved(({ task }) => told.push(`outer ${task.name}`))
    const inner = onUnobserved(({ error, task, doing, spawnedAt }) => {
      told.push([(error as Error).message, task.name, doing, spawnedAt])
    })
    failing('one')
    await eventually(() => told.length === 1)
    inner[Symbol.dispose]()
    failing('two')
    await eventually(() => told.length === 2)
    outer[Symbol.dispose]()
    expect(told).toEqual([['one failed', 'one', undefined, []], 'outer two'])
    expect(process.exitCode ?? 0).toBe(0)
  })

  test('have the stack of the spawn while tasks are inspected', async () => {
    inspectTasks()
    let spawnedAt: readonly string[] = []
    const hook = onUnobserved((failure) => ({ spawnedAt } = failure))
    failing('one')
    await eventually(() => spawnedAt.length > 0)
    hook[Symbol.dispose]()
    expect(spawnedAt[0]).toMatch(/^failing \(.*debugging\.test\.ts:\d+:\d+\)$/)
  })
})

test('tasks that are older than inspection are known at once, those that have ended are not', async () => {
  const older = spawn(sleep(60_000), { name: 'older' })
  await spawn(sleep(1), { name: 'ended' })
  inspectTasks()
  const names = taskTree().map(({ name }) => name)
  older.cancel()
  expect(names).toContain('older')
  expect(names).not.toContain('ended')
})

describe('a backdoor', () => {
  /** Sends lines, and gives all that comes until the session ends. */
  async function ask(path: string, ...lines: string[]): Promise<string> {
    const socket = connect(path)
    let text = ''
    socket.on('data', (bytes) => (text += String(bytes)))
    socket.write(lines.map((line) => `${line}\n`).join(''))
    await once(socket, 'close')
    return text
  }

  test('is a REPL for its owner alone, that knows the names it was given, the tasks and the counts', async () => {
    const path = join(folder, 'door')
    const queue = new Queue<string>()
    await using door = await openBackdoor(path, { queue, answer: 42 })
    const nap = spawn(
      function* napping() {
        yield* sleep(60_000)
      },
      { name: 'nap' },
    )
    expect(door.path).toBe(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const text = await ask(path, 'answer + 1', 'queue.tryPut("bread")', '.tasks', '.deadlock', '.statistics', '.exit')
    nap.cancel()
    expect(text).toMatch(/^gyre> 43\n/)
    expect(queue.size).toBe(1)
    expect(text).toMatch(/#\d+ nap: waits for sleep\(60000\), \d+ ms old\n +at napping /)
    expect(text).toContain('no tasks wait for each other')
    expect(text).toMatch(/kernel: \{ tasks: \d+, [^]*queue: \{\s+size: 1,/)
    await door.close()
    expect(() => statSync(path)).toThrow('ENOENT')
  })

  test('takes several at a time, each with names of its own, and closing ends them', async () => {
    const door = await openBackdoor(join(folder, 'several'))
    const sockets: Socket[] = []
    const texts: string[] = []
    for (const index of [0, 1]) {
      const socket = connect(door.path)
      socket.on('data', (bytes) => (texts[index] = `${texts[index] ?? ''}${String(bytes)}`))
      socket.write(`var own = ${index}\nown\n`)
      sockets.push(socket)
    }
    await eventually(() => [0, 1].every((index) => texts[index]?.includes(`gyre> ${index}\n`)))
    expect(door.statistics()).toEqual({ sessions: 2, accepted: 2 })
    const closed = Promise.all(sockets.map((socket) => once(socket, 'close')))
    await door.close()
    await closed
  })

  test('a client that goes in the middle takes nothing with it', async () => {
    await using door = await openBackdoor(join(folder, 'gone'))
    const socket = connect(door.path)
    await once(socket, 'data')
    socket.destroy()
    expect(await ask(door.path, '1 + 1', '.exit')).toContain('gyre> 2\n')
  })

  test('is refused where everybody could enter, where another listens, and where it may not be', async () => {
    await expect(openBackdoor('@door')).rejects.toMatchObject({ code: 'GYRE_BAD_OPTION' })
    await expect(openBackdoor('')).rejects.toMatchObject({ code: 'GYRE_BAD_OPTION' })
    await using door = await openBackdoor(join(folder, 'taken'))
    await expect(openBackdoor(door.path)).rejects.toMatchObject({ code: 'GYRE_ADDRESS_IN_USE' })
    await expect(run(openBackdoor(join(folder, 'no/such/folder')))).rejects.toMatchObject({ blame: 'operator' })
  })
})
