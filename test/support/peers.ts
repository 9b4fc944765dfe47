/*
 * Debian's programs against a server, and the good client beside them.
 */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'

/** @returns whether a program is there; where it is not, says so, and which package of Debian has it */
export function hasProgram(name: string, debian: string): boolean {
  if (['/usr/bin', '/usr/sbin', '/bin', '/sbin'].some((folder) => existsSync(`${folder}/${name}`))) return true
  process.stderr.write(`TESTS ARE SKIPPED: ${name} is missing (package ${debian})\n`)
  return false
}

/** @returns whether tests that take long are wanted; where they are not, says so */
export function takesLong(what: string): boolean {
  if (process.env['GYRE_LONG_TESTS'] !== undefined) return true
  process.stderr.write(`TESTS ARE SKIPPED: ${what} takes long; GYRE_LONG_TESTS=1, as .ci/run has it, runs it\n`)
  return false
}

/** @returns whether strace is there and may look into other processes */
export function canInject(): boolean {
  if (!hasProgram('strace', 'strace')) return false
  const child = spawn('sleep', ['5'])
  const { status } = spawnSync('timeout', [
    '-s',
    'INT',
    '0.5',
    'strace',
    '-qq',
    '-o',
    '/dev/null',
    '-p',
    String(child.pid),
  ])
  child.kill()
  if (status === 124 || status === 130) return true
  process.stderr.write('TESTS ARE SKIPPED: strace (package strace) may not attach to processes here\n')
  return false
}

/** Faults of the operating system, made by strace in the main thread of a process. */
export class Injection {
  private readonly child: ChildProcess
  private readonly log: string

  private constructor(child: ChildProcess, log: string) {
    this.child = child
    this.log = log
  }

  /**
   * @param calls - the system calls, with commas between
   * @param fault - what strace's `inject` takes: `error=EMFILE:when=2..5`
   */
  static async start(pid: number | undefined, calls: string, fault: string): Promise<Injection> {
    const log = `${mkdtempSync('/tmp/gyre-strace-')}/log`
    const args = ['-p', String(pid), '-o', log, '-e', `trace=${calls}`, '-e', `inject=${calls}:${fault}`]
    const child = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    await new Promise<void>((resolve, reject) => {
      let said = ''
      child.stderr.on('data', (bytes) => {
        said += String(bytes)
        if (said.includes('attached')) resolve()
      })
      child.once('exit', () => {
        reject(new Error(`strace ended: ${said}`))
      })
    })
    return new Injection(child, log)
  }

  /** Ends it. @returns how many calls were made to fail */
  async stop(): Promise<number> {
    const gone = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGINT')
    await gone
    return readFileSync(this.log, 'utf8').split('(INJECTED)').length - 1
  }
}

/** What a good client has seen. */
export interface Pulse {
  /** Answers that were right. */
  good: number
  /** What was not, in words. */
  lost: string[]
  /** The time under which 99 of 100 answers came, and the longest, in milliseconds. */
  p99: number
  longest: number
}

/** Asks a fixed number of times a second, by turns on a connection that is kept and on one of its own. */
export class GoodClient {
  private readonly times: number[] = []
  private readonly lost: string[] = []
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 2 })
  private readonly timer: NodeJS.Timeout
  private waiting = 0
  private asked = 0

  constructor(port: number, body: string, perSecond = 50) {
    this.timer = setInterval(() => {
      this.ask(port, body)
    }, 1000 / perSecond)
  }

  private ask(port: number, body: string): void {
    const begun = performance.now()
    const settled = (failure?: string): void => {
      this.waiting--
      if (failure === undefined) this.times.push(performance.now() - begun)
      else this.lost.push(failure)
    }
    this.waiting++
    const agent = this.asked++ % 2 === 0 ? this.agent : false
    const get = request({ port, host: '127.0.0.1', path: '/good', agent }, (response) => {
      let text = ''
      response.on('data', (bytes) => (text += String(bytes)))
      response.on('end', () => {
        settled(response.statusCode === 200 && text === body ? undefined : `${String(response.statusCode)} ${text}`)
      })
    })
    get.on('error', (error) => {
      settled(error.message)
    })
    get.end()
  }

  /** Ends it, once all answers are there. */
  async stop(): Promise<Pulse> {
    clearInterval(this.timer)
    for (let tries = 0; this.waiting > 0 && tries < 500; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10))
    if (this.waiting > 0) this.lost.push(`${this.waiting} without an answer`)
    this.agent.destroy()
    const times = this.times.sort((one, other) => one - other)
    return {
      good: times.length,
      lost: this.lost,
      p99: times[Math.floor(times.length * 0.99)] ?? Infinity,
      longest: times.at(-1) ?? Infinity,
    }
  }
}
