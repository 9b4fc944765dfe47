/*
 * A server in a process of its own, for what is measured from outside: memory, descriptors, ends.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'

const dist = new URL('../../dist/', import.meta.url).href

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
    kernel: { tasks: number }
  }>
  /** Resident memory in bytes, after a collection. */
  memory: () => Promise<number>
  descriptors(): number
  /** What it has written on standard error. */
  errors(): string
  /** Asks it to stop, and waits for its end. @returns its exit code */
  stop(): Promise<number | null>
}

/**
 * Starts a server.
 *
 * @param handler - the source of a handler; `gyre` holds what the package exports
 */
export async function startServer(
  handler: string,
  options = '{}',
  limits: { descriptors?: number; flags?: readonly string[] } = {},
): Promise<ServerProcess> {
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
    const { port } = await server.listen({ port: 0, host: '127.0.0.1' })
    process.send({ port })`
  const node = [process.execPath, '--expose-gc', ...(limits.flags ?? []), '--input-type=module', '-e', program]
  const [command, ...args] =
    limits.descriptors === undefined ? node : ['sh', '-c', `ulimit -n ${limits.descriptors}; exec "$@"`, 'sh', ...node]
  const child = spawn(command as string, args, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] })
  let errors = ''
  child.stderr?.on('data', (bytes) => (errors += String(bytes)))
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const message = <T>(): Promise<T> =>
    new Promise((resolve) =>
      child.once('message', (value) => {
        resolve(value as T)
      }),
    )
  const { port } = await message<{ port: number }>()
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
    async stop() {
      if (child.connected) child.send('stop')
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
      const code = await exited
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
