/*
 * A server in a process of its own, for what is measured from outside: memory, descriptors, ends.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import type { CloseReport } from '../../lib/index.ts'

const dist = new URL('../../dist/', import.meta.url).href

/** What a server tells of its end. */
export interface Closed {
  report: CloseReport
  /** How all of its requests have ended; and how those that had when the close began. */
  outcomes: CloseReport['outcomes']
  before: CloseReport['outcomes']
  /** Whatever the handler has put into `globalThis.notes`. */
  notes: Record<string, number>
}

/** How the process of a server differs from a plain one. */
export interface ProcessOptions {
  /** How many descriptors it may have open, from where it serves on: the loading of modules alone takes about a hundred. */
  descriptors?: number
  /** For node. */
  flags?: readonly string[]
  /** The source of the options of `listen`. */
  listen?: string
  /** It closes on signals, and tells how that went. */
  closing?: boolean
}

export interface ServerProcess {
  child: ChildProcess
  port: number
  /** Asks the process for its statistics. */
  statistics(): Promise<{
    connections: number
    running: number
    io: { kind: string }
    rss: number
    heap: number
    limitsHit: Readonly<Record<string, number>>
    kernel: { tasks: number }
  }>
  /** Resident memory in bytes, after a collection. */
  memory: () => Promise<number>
  descriptors(): number
  /** What it has written on standard error. */
  errors(): string
  /** What it tells at the end of `closeOnSignals`, where it was started with `closing`; null when it ended without. */
  closed: Promise<Closed | null>
  /** How the process ends: its exit code, and the signal that ended it. */
  exited: Promise<[code: number | null, signal: NodeJS.Signals | null]>
  /** Asks it to stop, and waits for its end. @returns its exit code */
  stop(): Promise<number | null>
}

/** Files that are held for nothing, so that a limit high enough to load under leaves no more room than a low one. */
const BALLAST = 1000
const HOLD_BALLAST = `
  const { openSync } = await import('node:fs')
  for (let held = 0; held < ${BALLAST}; held++) openSync('/dev/null')`

const CLOSING = `
  globalThis.notes = {}
  let before
  server.closing.addEventListener('abort', () => (before = server.statistics().outcomes))
  server.closeOnSignals().then((report) => {
    const { outcomes } = server.statistics()
    process.send({ report, before, outcomes, notes }, () => process.disconnect())
  })`

/**
 * Starts a server.
 *
 * @param handler - the source of a handler; `gyre` holds what the package exports
 */
export async function startServer(handler: string, options = '{}', how: ProcessOptions = {}): Promise<ServerProcess> {
  const program = `
    import * as gyre from '${dist}index.js'
    import { createHash } from 'node:crypto'
    const server = gyre.createServer(${options}, ${handler})
    process.on('message', (question) => {
      if (question === 'stop') return void server.close().then(() => process.disconnect())
      globalThis.gc(); globalThis.gc()
      const { rss, heapUsed, external } = process.memoryUsage()
      process.send({ ...server.statistics(), rss, heap: heapUsed + external })
    })
    ${how.closing === true ? CLOSING : ''}
    ${how.descriptors === undefined ? '' : HOLD_BALLAST}
    const { port } = await server.listen(${how.listen ?? "{ port: 0, host: '127.0.0.1' }"})
    process.send({ port })`
  const node = [process.execPath, '--expose-gc', ...(how.flags ?? []), '--input-type=module', '-e', program]
  const [command, ...args] =
    how.descriptors === undefined
      ? node
      : ['sh', '-c', `ulimit -n ${how.descriptors + BALLAST}; exec "$@"`, 'sh', ...node]
  const child = spawn(command as string, args, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] })
  let errors = ''
  child.stderr?.on('data', (bytes) => (errors += String(bytes)))
  const exited: ServerProcess['exited'] = new Promise((resolve) =>
    child.once('exit', (code, signal) => {
      resolve([code, signal])
    }),
  )
  const closed = new Promise<Closed | null>((resolve) => {
    child.on('message', (value) => {
      if (typeof value === 'object' && 'report' in value) resolve(value as Closed)
    })
    child.once('exit', () => {
      resolve(null)
    })
  })
  const message = <T>(): Promise<T> =>
    new Promise((resolve) =>
      child.once('message', (value) => {
        resolve(value as T)
      }),
    )
  const { port } = await Promise.race([
    message<{ port: number }>(),
    exited.then(([code]) => {
      throw new Error(`The server ended with ${String(code)} before it listened: ${errors}`)
    }),
  ])
  const statistics: ServerProcess['statistics'] = () => {
    const answer = message<Awaited<ReturnType<ServerProcess['statistics']>>>()
    child.send('statistics')
    return answer
  }
  return {
    child,
    port,
    statistics,
    async memory() {
      return (await statistics()).rss
    },
    descriptors: () => readdirSync(`/proc/${String(child.pid)}/fd`).length,
    errors: () => errors,
    closed,
    exited,
    async stop() {
      if (child.connected) child.send('stop')
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
      const [code] = await exited
      clearTimeout(timer)
      return code
    },
  }
}

/** Processor time that a process has used, in milliseconds. */
export function cpuTime(pid: number | undefined): number {
  const fields =
    readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
      .split(') ')[1]
      ?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}
