/*
 * A backdoor: a REPL on a unix socket, into the process that runs. Whoever can open the socket can do whatever the
 * process can, so its file is for the user of the process alone, and there is none over TCP.
 */
import { PassThrough, Writable } from 'node:stream'
import { inspect } from 'node:util'
import type { REPLServer } from 'node:repl'
import { GyreError } from '../base/index.ts'
import {
  Spot,
  currentTask,
  findDeadlock,
  formatDeadlock,
  formatTaskTree,
  park,
  taskTree,
  waitPromise,
  withScope,
} from '../kernel/index.ts'
import type { Coroutine, Task } from '../kernel/index.ts'
import { AsyncResult, kill } from '../sync/index.ts'
import { BufferedStream } from './buffered.ts'
import { inspectTasks } from './inspect.ts'
import { homeKernel, run, spawn } from './runtime.ts'
import { serveTcp } from './serve-tcp.ts'
import type { StreamServer } from './serve-tcp.ts'
import { writeAll } from './stream.ts'
import type { ByteStream } from './stream.ts'

const OWNER_ONLY = 0o600

/**
 * A backdoor that is open, made by `openBackdoor`.
 *
 * @example
 * ```ts
 * const door = yield* openBackdoor(`/tmp/gyre-door-of-${process.pid}`)
 * console.log(door.statistics().sessions) // 0
 * yield* door.close()
 * stopInspection()
 * ```
 */
export class Backdoor {
  /** Where it is. */
  readonly path: string
  private readonly serving: Task
  private readonly server: StreamServer

  /** For `openBackdoor` alone. @internal */
  constructor(path: string, serving: Task, server: StreamServer) {
    this.path = path
    this.serving = serving
    this.server = server
  }

  /** @returns how many sessions are open, and how many ever were */
  statistics(): {
    /** Sessions that are open. */
    readonly sessions: number
    /** Sessions that were ever opened. */
    readonly accepted: number
  } {
    const { connections, accepted } = this.server.statistics()
    return { sessions: connections, accepted }
  }

  /** Ends all sessions, and removes the socket. @returns a task that ends when that is done */
  close(): Task {
    return spawn(kill(this.serving), { name: 'close backdoor' })
  }

  /** `await using door = await openBackdoor(…)` closes it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * Opens a REPL on a unix socket, whose file has the mode 0600: `socat - UNIX:/run/shop/door` enters it, `.exit` leaves.
 * `.tasks` shows all tasks, `.deadlock` whether some wait for each other, `.statistics` what the kernel and the objects
 * count. Switches inspection on. It holds the process until it is closed.
 *
 * @param path - of the socket, in a folder that only those can enter who may do what the process may
 * @param names - what the REPL knows by name, besides `run`, `spawn`, `kernel`, `taskTree` and `findDeadlock`
 * @returns a task: await it, or `yield*` it, for the open backdoor
 * @throws GyreError `GYRE_BAD_OPTION` for a path that is none, `GYRE_ADDRESS_IN_USE` and `GYRE_ADDRESS_DENIED`, through the
 *   task
 * @example
 * ```ts
 * const queue = new Queue<string>()
 * const door = yield* openBackdoor(`/tmp/gyre-door-${process.pid}`, { queue })
 * const stream = new BufferedStream(yield* connect({ path: door.path }))
 * yield* stream.writeAll('queue.statistics().size\n')
 * console.log(yield* stream.readLine()) // gyre> 0
 * stream.close()
 * yield* door.close()
 * stopInspection()
 * ```
 */
export function openBackdoor(path: string, names: Readonly<Record<string, unknown>> = {}): Task<Backdoor> {
  return spawn(open(path, names), { name: 'open backdoor' })
}

function* open(path: string, names: Readonly<Record<string, unknown>>): Coroutine<Backdoor> {
  if (path === '' || path.startsWith('@') || path.includes('\0'))
    throw new GyreError('GYRE_BAD_OPTION', 'a backdoor needs the path of a file: what has none is open to everybody')
  const listening = new AsyncResult<StreamServer>()
  const serving = spawn(serve(path, names, listening), { name: 'backdoor' })
  try {
    return new Backdoor(path, serving, yield* listening.get())
  } catch (error) {
    serving.cancel()
    throw error
  }
}

function* serve(
  path: string,
  names: Readonly<Record<string, unknown>>,
  listening: AsyncResult<StreamServer>,
): Coroutine<void> {
  try {
    const server = yield* serveTcp((stream) => talk(stream, names), { path, mode: OWNER_ONLY })
    inspectTasks()
    listening.set(server)
    yield* server.wait()
  } catch (error) {
    if (listening.ready) throw error
    listening.setError(error)
  }
}

/** One session. Ends when it is left, or when the client has gone and all that it has sent was worked through. */
function* talk(stream: ByteStream, names: Readonly<Record<string, unknown>>): Coroutine<void> {
  // Not before somebody comes: it loads what is better not loaded for nothing, such as node:domain.
  const { start } = yield* waitPromise(import('node:repl'))
  const { scope } = currentTask()
  const input = new PassThrough()
  const output = new Writable({
    write: (bytes: Buffer, _encoding, done) => {
      spawn(writeAll(stream, bytes), { scope, name: 'answer' }).then(
        () => done(),
        (error: unknown) => done(error as Error),
      )
    },
  })
  const session = start({
    prompt: 'gyre> ',
    input,
    output,
    terminal: false,
    ignoreUndefined: true,
    // Reports are text, to be read as it is.
    writer: (value) => (typeof value === 'string' ? value : inspect(value)),
  })
  Object.assign(session.context, { run, spawn, kernel: homeKernel(), taskTree, findDeadlock }, names)
  define(session, names)
  // The client has gone: there is nobody to be told.
  output.on('error', () => session.close())
  try {
    yield* withScope(function* (reading) {
      session.once('exit', () => reading.cancel('the session has ended'))
      const lines = new BufferedStream(stream)
      for (let bytes = yield* lines.readSome(); bytes !== null; bytes = yield* lines.readSome()) input.write(bytes)
      input.end()
      yield* park(new Spot('the end of a session at the backdoor'))
    })
    yield* waitPromise(new Promise<void>((resolve) => output.end(() => resolve())))
  } finally {
    session.close()
  }
}

function define(session: REPLServer, names: Readonly<Record<string, unknown>>): void {
  const command = (name: string, help: string, text: () => string): void => {
    session.defineCommand(name, {
      help,
      action() {
        session.output.write(`${text().trimEnd()}\n`)
        session.displayPrompt()
      },
    })
  }
  command('tasks', 'Show all tasks, with where each waits', formatTaskTree)
  command('deadlock', 'Show tasks that wait for each other', () => {
    const deadlock = findDeadlock()
    return deadlock === undefined ? 'no tasks wait for each other' : formatDeadlock(deadlock)
  })
  command('statistics', 'Show what the kernel and the named objects count', () =>
    inspect({ kernel: homeKernel().statistics(), ...statisticsOf(names) }, { depth: 3 }),
  )
}

function statisticsOf(names: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const [name, object] of Object.entries(names)) if (hasStatistics(object)) found[name] = object.statistics()
  return found
}

function hasStatistics(object: unknown): object is { statistics(): unknown } {
  return (
    typeof object === 'object' && object !== null && 'statistics' in object && typeof object.statistics === 'function'
  )
}
