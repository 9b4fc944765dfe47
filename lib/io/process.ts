/*
 * Programs run beside this one: their streams as byte streams, their end as an operation. A process lives in
 * the scope that started it, like a task, and does not outlive it.
 */
import { spawn as startProcess } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { GyreError, SIZES } from '../base/index.ts'
import { Spot, currentTask, park } from '../kernel/index.ts'
import type { Coroutine, Scope } from '../kernel/index.ts'
import { AsyncResult, moveOnAfter } from '../sync/index.ts'
import { DuplexStream } from './node/stream.ts'
import type { ByteStream } from './stream.ts'

/** What one of the three streams of a process is: ours to use, that of this program, or none. */
export type ProcessStream = 'pipe' | 'inherit' | 'ignore'

/** How a process is started. */
export interface ProcessOptions {
  /** The folder that it runs in; that of this program without it. */
  readonly cwd?: string | URL
  /** Its environment; that of this program without it. */
  readonly env?: NodeJS.ProcessEnv
  /** What it reads: `'pipe'` without it, as for the other two. */
  readonly stdin?: ProcessStream
  /** What it writes. */
  readonly stdout?: ProcessStream
  /** What it complains about. */
  readonly stderr?: ProcessStream
  /** How long it may take to end after SIGTERM, before SIGKILL, in milliseconds: 3 s without it. */
  readonly grace?: number
}

/** How a process has ended: by itself with a code, or by a signal. */
export interface ProcessEnding {
  /** Its exit code; null where a signal ended it. */
  readonly code: number | null
  /** The signal that ended it; null where it ended by itself. */
  readonly signal: NodeJS.Signals | null
}

/**
 * A process that was started by `spawnProcess`.
 *
 * @example
 * ```ts
 * const sleeper = yield* spawnProcess('sleep', ['60'])
 * console.log(sleeper.pid > 0, sleeper.ending) // true undefined
 * console.log((yield* sleeper.stop()).signal) // SIGTERM
 * ```
 */
export class Process implements Disposable {
  /** Its number at the operating system. */
  readonly pid: number
  private readonly child: ChildProcess
  private readonly grace: number
  private readonly exit: AsyncResult<ProcessEnding>
  private readonly streams: readonly (DuplexStream | null)[]

  /** For `spawnProcess` alone. @internal */
  constructor(child: ChildProcess, pid: number, exit: AsyncResult<ProcessEnding>, scope: Scope, grace: number) {
    this.child = child
    this.pid = pid
    this.exit = exit
    this.grace = grace
    this.streams = child.stdio.slice(0, 3).map((pipe) => (pipe ? new DuplexStream(pipe as Duplex) : null))
    scope.kernel.spawn(this.keep(), { scope, name: `process ${pid}` })
  }

  /** What it reads: `shutdown()` is its end. @throws GyreError `GYRE_STREAM_CLOSED` where it is no pipe */
  get stdin(): ByteStream {
    return this.stream(0, 'stdin')
  }

  /** What it writes. @throws GyreError `GYRE_STREAM_CLOSED` where it is no pipe */
  get stdout(): ByteStream {
    return this.stream(1, 'stdout')
  }

  /** What it complains about. @throws GyreError `GYRE_STREAM_CLOSED` where it is no pipe */
  get stderr(): ByteStream {
    return this.stream(2, 'stderr')
  }

  /** How it has ended; undefined while it runs. */
  get ending(): ProcessEnding | undefined {
    return this.exit.tryGet()
  }

  /**
   * Waits until the process has ended. A program that writes more than a pipe holds (64 KB) ends only when
   * somebody reads it.
   *
   * @returns its exit code, or the signal that ended it
   */
  *wait(): Coroutine<ProcessEnding> {
    return yield* this.exit.get()
  }

  /**
   * Sends a signal, SIGTERM unless another is named. Does not wait.
   *
   * @returns false where the process has ended already
   */
  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    return this.exit.ready ? false : this.child.kill(signal)
  }

  /** Asks it to end, insists after the grace, and waits until it has. */
  *stop(): Coroutine<ProcessEnding> {
    try {
      this.kill()
      yield* moveOnAfter(this.grace, this.exit.get())
    } finally {
      this.kill('SIGKILL')
      this.closeStreams()
    }
    return yield* this.exit.get()
  }

  /** Ends it at once and closes its streams, for `using`. */
  [Symbol.dispose](): void {
    this.kill('SIGKILL')
    this.closeStreams()
  }

  /** Lives as long as the process, and ends it where the scope ends before. */
  private *keep(): Coroutine<void> {
    try {
      yield* this.exit.get()
    } finally {
      if (!this.exit.ready) yield* this.stop()
    }
  }

  private stream(index: number, name: string): ByteStream {
    const stream = this.streams[index]
    if (stream) return stream
    throw new GyreError(
      'GYRE_STREAM_CLOSED',
      `${name} of process ${this.pid} is no pipe: it was started with another ${name}`,
    )
  }

  private closeStreams(): void {
    for (const stream of this.streams) stream?.reset()
  }
}

/**
 * Starts a program. It lives in the scope of the calling task: when that ends or is cancelled before the
 * program does, it is sent SIGTERM, and SIGKILL after the grace.
 *
 * @param command - the program, looked for along PATH; no shell sees it
 * @param args - its arguments, as they are
 * @param options - folder, environment, streams
 * @returns the process, which runs by then
 * @throws GyreError `GYRE_PROCESS_START`
 * @example
 * ```ts
 * const sort = yield* spawnProcess('sort', ['-r'])
 * yield* writeAll(sort.stdin, Buffer.from('ada\nbob\n'))
 * sort.stdin.shutdown()
 * const output = new BufferedStream(sort.stdout)
 * console.log(yield* output.readLine()) // bob
 * console.log((yield* sort.wait()).code) // 0
 * ```
 */
export function* spawnProcess(
  command: string,
  args: readonly string[] = [],
  options: ProcessOptions = {},
): Coroutine<Process> {
  const { cwd, env, stdin = 'pipe', stdout = 'pipe', stderr = 'pipe', grace = SIZES.processGrace } = options
  const { scope } = currentTask()
  const stdio: StdioOptions = [stdin, stdout, stderr]
  const child = begin(command, args, { stdio, ...(cwd !== undefined && { cwd }), ...(env !== undefined && { env }) })
  const exit = new AsyncResult<ProcessEnding>()
  child.once('exit', (code, signal) => exit.set({ code, signal }))
  const spot = new Spot(`${command} to start`)
  // Later ones are about signals that could not be sent, to one who has ended.
  child.on('error', (error) => void spot.wakeThrow(startError(command, error)))
  if (child.pid === undefined) return yield* park<never>(spot)
  // Node tells of a start in the next turn, of a failure too; the process runs already.
  return new Process(child, child.pid, exit, scope, grace)
}

function begin(command: string, args: readonly string[], options: Parameters<typeof startProcess>[2]): ChildProcess {
  try {
    return startProcess(command, args, options)
  } catch (error) {
    throw startError(command, error)
  }
}

function startError(command: string, error: unknown): GyreError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const why =
    code === 'ENOENT'
      ? 'it is not found along PATH, or the folder to run in does not exist'
      : code === 'EACCES'
        ? 'this process may not execute it'
        : String(error)
  return new GyreError('GYRE_PROCESS_START', `${command} could not be started: ${why}`, error)
}
