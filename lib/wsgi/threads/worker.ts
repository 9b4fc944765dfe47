/*
 * The thread's side: runs an application in which everything is truly synchronous.
 *
 * It claims requests as long as there are any, and only then turns back to its own event loop, where timers and
 * connections that the application keeps may go on. While a request runs, the thread belongs to it: a read of
 * wsgi.input that finds nothing, and a chunk for which there is no room, stop the thread in Atomics.wait until the loop
 * has brought the one or made the other.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { GyreError } from '../../base/index.ts'
import { ResponseFields, isBodiless } from '../../protocol/index.ts'
import { environOf } from '../environ.ts'
import type { MountFacts } from '../environ.ts'
import { threadErrors } from '../errors-stream.ts'
import { WsgiInput, immediate } from '../input.ts'
import type { Pull } from '../input.ts'
import { closeResult, iteratorOf, onlyChunkOf } from '../result.ts'
import { Starter, mustBeBytes, mustHaveStarted } from '../start-response.ts'
import type { Head } from '../start-response.ts'
import type { WsgiApp } from '../types.ts'
import { BOARD, Board, CLOCK, DESK, IDLENESS, INPUT, monotonic } from './mailbox.ts'
import type { BoardMemory, DeskMemory } from './mailbox.ts'
import { hearRequest, tellFailure, tellHead } from './messages.ts'
import { RECORD, RecordWriter } from './records.ts'

/** What a thread is started with. */
export interface ThreadData {
  readonly thread: number
  readonly module: string
  readonly board: BoardMemory
  readonly desk: DeskMemory
  readonly multithread: boolean
  readonly multiprocess: boolean
  /** Whether it waits for a word before it takes its first request. */
  readonly held: boolean
}

/** What a thread says of its start; everything else goes through shared memory, and a bare 0 says: look there. */
export type ThreadWord = { readonly ready: true } | { readonly failed: string; readonly stack: string | undefined } | 0

const data = workerData as ThreadData
const port = parentPort as MessagePort
const board = new Board(data.board)
const desk = new Int32Array(data.desk.words)
const clock = new Float64Array(data.desk.clock)
const output = new RecordWriter(desk, data.desk.output)
const inputArea = Buffer.from(data.desk.input)
const mount: MountFacts = {
  way: 'threads',
  multithread: data.multithread,
  multiprocess: data.multiprocess,
  errors: threadErrors,
}
const NOTHING: readonly Uint8Array[] = []
/** Of an answer in one record, the head and the body may each have so many bytes. */
const MOST = Math.floor(output.longest / 2) - Int32Array.BYTES_PER_ELEMENT

let app: WsgiApp

import(data.module).then(
  (module: { default?: unknown }) => {
    if (typeof module.default !== 'function')
      return failToStart(new TypeError('the module has no default export that is a function'))
    app = module.default as WsgiApp
    port.on('message', work)
    say({ ready: true })
    if (!data.held) work()
  },
  (error: unknown) => {
    failToStart(error)
  },
)

function failToStart(error: unknown): void {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  say({ failed: message, stack })
}

function say(word: ThreadWord): void {
  port.postMessage(word)
}

/** Tells the loop to look, unless it was told and has not looked yet. */
function ring(): void {
  if (Atomics.exchange(board.words, BOARD.rung, 1) === 0) say(0)
}

/** Works until nothing waits. */
function work(): void {
  Atomics.store(desk, DESK.idleness, IDLENESS.busy)
  for (;;) {
    if (Atomics.load(desk, DESK.retire) === 1) process.exit()
    const slot = board.claim(data.thread)
    if (slot >= 0) serve(slot)
    else {
      Atomics.store(desk, DESK.idleness, IDLENESS.idle)
      // Who published meanwhile has seen us busy, and has woken nobody: look once more.
      if (board.waiting === 0) return
      Atomics.store(desk, DESK.idleness, IDLENESS.busy)
    }
  }
}

function serve(slot: number): void {
  const { job, facts, length, held } = hearRequest(board.bytesOf(slot))
  clock[CLOCK.started] = monotonic()
  clock[CLOCK.waited] = 0
  // A piece may lie here that the last application was not there to take.
  Atomics.store(desk, DESK.input, INPUT.none)
  Atomics.store(desk, DESK.job, job)
  board.giveBack(slot)
  try {
    mustNotBeAborted(job)
    const more = length === undefined || length === held.length ? null : pullInput(job)
    answer(job, new WsgiInput(held, more), facts, length)
  } catch (error) {
    tryPut(job, RECORD.failure, [tellFailure(error)])
  }
  Atomics.store(desk, DESK.job, 0)
  ring()
}

function answer(
  job: number,
  input: WsgiInput,
  facts: Parameters<typeof environOf>[0],
  length: number | undefined,
): void {
  const head = new ThreadHead()
  const starter = new ThreadStarter(job, head)
  const result = app(environOf(facts, mount, input, length), starter.startResponse)
  const only = onlyChunkOf(result)
  if (only !== undefined && head.stage === 'open') {
    mustBeBytes(only)
    mustHaveStarted(starter)
    starter.sendOnly(starter.cut(only))
    starter.over = true
    return
  }
  let iterator: Iterator<unknown, unknown> | undefined
  let exhausted = false
  let failed = true
  try {
    iterator = iteratorOf(result)
    for (;;) {
      const { done, value } = iterator.next()
      mustNotBeAborted(job)
      if (done === true) {
        exhausted = true
        break
      }
      mustBeBytes(value)
      if (value.length === 0) continue
      mustHaveStarted(starter)
      const chunk = starter.cut(value)
      if (chunk.length === 0) break
      starter.send(chunk)
    }
    mustHaveStarted(starter)
    failed = false
  } finally {
    starter.over = true
    closeResult(result, exhausted ? undefined : iterator, failed, threadErrors)
  }
  starter.finish()
}

/** A head that is made here, and told of when it is to leave. */
class ThreadHead implements Head {
  status = 0
  reason: string | undefined = undefined
  stage: Head['stage'] = 'open'
  readonly headers = new ResponseFields()

  told(): Buffer {
    const bytes = tellHead(this.status, this.reason, this.headers)
    if (bytes.length > MOST) throw new GyreError('GYRE_WSGI_START', `a head of ${bytes.length} bytes is too large`)
    return bytes
  }
}

/** start_response in a thread: what is written goes out at once, and waits where there is no room. */
class ThreadStarter extends Starter {
  private readonly job: number
  private readonly made: ThreadHead

  constructor(job: number, made: ThreadHead) {
    super(made)
    this.job = job
    this.made = made
  }

  protected override deliver(chunk: Uint8Array): void {
    this.send(chunk)
  }

  /** Sends a chunk, and the head before the first. */
  send(chunk: Uint8Array): void {
    this.sendHead()
    let at = 0
    for (; chunk.length - at > output.longest; at += output.longest)
      put(this.job, RECORD.part, [chunk.subarray(at, at + output.longest)])
    put(this.job, RECORD.chunk, [chunk.subarray(at)])
    ring()
  }

  /** Sends an answer of one piece, whose length is known by that (W24). */
  sendOnly(body: Uint8Array): void {
    const { made } = this
    if (body.length > MOST) {
      // What has no body has no length either: where the application tells one, it is of what was not sent.
      if (!isBodiless(made.status) && !made.headers.has('content-length'))
        made.headers.append('Content-Length', body.length)
      this.send(body)
      return this.finish()
    }
    const head = made.told()
    const length = Buffer.allocUnsafe(Int32Array.BYTES_PER_ELEMENT)
    length.writeInt32LE(head.length)
    put(this.job, RECORD.answer, [length, head, body])
  }

  finish(): void {
    this.sendHead()
    put(this.job, RECORD.end, NOTHING)
  }

  private sendHead(): void {
    const { made } = this
    if (made.stage !== 'open') return
    put(this.job, RECORD.head, [made.told()])
    made.stage = 'started'
  }
}

/** Puts a record out, waiting for room where there is none. */
function put(job: number, kind: number, parts: readonly Uint8Array[]): void {
  let length = 0
  for (const part of parts) length += part.length
  if (!output.fits(length)) waitUntil(job, () => output.fits(length))
  output.write(kind, job, parts)
}

/** Puts a record out, unless nobody waits for it. */
function tryPut(job: number, kind: number, parts: readonly Uint8Array[]): void {
  try {
    put(job, kind, parts)
  } catch (error) {
    if (!(error instanceof GyreError && error.code === 'GYRE_PEER_GONE')) throw error
  }
}

/** Brings the next piece of the body from the loop; the thread stands still meanwhile. */
function pullInput(job: number): Pull {
  return () => {
    // Who has kept the input of a request that is over would stand here for ever: nobody feeds it.
    if (Atomics.load(desk, DESK.job) !== job) throw new GyreError('GYRE_WSGI_INPUT', 'the request is over')
    put(job, RECORD.wantInput, NOTHING)
    waitUntil(job, () => Atomics.load(desk, DESK.input) !== INPUT.none)
    const piece = Buffer.allocUnsafe(Atomics.load(desk, DESK.inputLength))
    inputArea.copy(piece)
    const ended = Atomics.exchange(desk, DESK.input, INPUT.none) === INPUT.end
    return immediate(ended ? null : piece)
  }
}

/** Stands still until a condition holds. @throws GyreError `GYRE_PEER_GONE` when the client has gone */
function waitUntil(job: number, holds: () => boolean): void {
  // First, so that one who goes on asking after the end does not seem to wait for his client.
  mustNotBeAborted(job)
  const from = monotonic()
  Atomics.store(desk, DESK.waiting, 1)
  ring()
  try {
    for (;;) {
      const news = Atomics.load(desk, DESK.news)
      mustNotBeAborted(job)
      if (holds()) return
      Atomics.wait(desk, DESK.news, news)
    }
  } finally {
    clock[CLOCK.waited] = (clock[CLOCK.waited] as number) + monotonic() - from
    Atomics.store(desk, DESK.waiting, 0)
  }
}

/** N1: whatever has ended the request unwinds its application, at its next chunk or read. */
function mustNotBeAborted(job: number): void {
  if (Atomics.load(desk, DESK.aborted) === job)
    throw new GyreError('GYRE_PEER_GONE', 'nobody waits for this answer any more')
}
