/*
 * One thread, as the loop sees it: its start, its desk, its end.
 */
import { Worker } from 'node:worker_threads'
import { SIZES } from '../../base/index.ts'
import type { WsgiLimits } from '../../base/index.ts'
import type { Job } from './job.ts'
import { BOARD, CLOCK, DESK, IDLENESS, INPUT, makeDesk, monotonic } from './mailbox.ts'
import type { Board, BoardMemory } from './mailbox.ts'
import { RecordReader, tell } from './records.ts'
import type { ThreadData, ThreadWord } from './worker.ts'

/** Whom a thread tells what becomes of it. */
export interface ThreadKeeper {
  readonly board: Board
  readonly memory: BoardMemory
  readonly limits: WsgiLimits
  readonly module: string
  readonly multiprocess: boolean
  /** The application is loaded. */
  started(thread: Thread): void
  /** Some thread has put something out. */
  rung(): void
  /** It has ended. @param error - why, where it was not asked to */
  ended(thread: Thread, error: unknown): void
}

/** Where a thread is in its life. */
export type ThreadState = 'starting' | 'working' | 'ending' | 'ended'

const WORKER = new URL('./worker.js', import.meta.url)

export class Thread {
  /** Its place in the pool, which its successor takes over; its number is its own. */
  readonly index: number
  readonly number: number
  readonly reader: RecordReader
  state: ThreadState = 'starting'
  /** Whether its application was ever loaded. */
  loaded = false
  /** Whether it was asked to end. */
  dismissed = false
  /** True while it must not begin, because its predecessor has not ended. */
  held: boolean
  /** Requests that it was seen to have answered. */
  served = 0
  private readonly desk: Int32Array
  private readonly clock: Float64Array
  private readonly inputArea: Buffer
  private readonly worker: Worker
  private readonly keeper: ThreadKeeper
  private failure: unknown = null

  constructor(keeper: ThreadKeeper, index: number, number: number, held: boolean) {
    const memory = makeDesk()
    this.held = held
    this.keeper = keeper
    this.index = index
    this.number = number
    this.desk = new Int32Array(memory.words)
    this.clock = new Float64Array(memory.clock)
    this.inputArea = Buffer.from(memory.input)
    this.reader = new RecordReader(this.desk, memory.output)
    const workerData: ThreadData = {
      thread: number,
      module: keeper.module,
      board: keeper.memory,
      desk: memory,
      multithread: keeper.limits.threads > 1,
      multiprocess: keeper.multiprocess,
      held,
    }
    this.worker = new Worker(WORKER, {
      workerData,
      name: `wsgi ${index}`,
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(keeper.limits.threadMemory / SIZES.megabyte) },
    })
    this.worker.on('message', (word: ThreadWord) => {
      if (word === 0) keeper.rung()
      else if ('ready' in word) this.hasStarted()
      else {
        this.failure = Object.assign(new Error(word.failed), { stack: word.stack ?? word.failed })
        this.end()
      }
    })
    this.worker.on('error', (error) => {
      this.failure ??= error
    })
    this.worker.on('exit', () => {
      this.state = 'ended'
      keeper.ended(this, this.failure)
    })
  }

  /** The number of the request that it works on; 0 for none. */
  get job(): number {
    return Atomics.load(this.desk, DESK.job)
  }

  /** True while it could take a request at once. */
  get free(): boolean {
    return this.state === 'working' && Atomics.load(this.desk, DESK.idleness) !== IDLENESS.busy
  }

  /** How long it has worked on its request, in milliseconds, the time left out in which it waited for the client. */
  get age(): number {
    const { clock, desk } = this
    if (Atomics.load(desk, DESK.waiting) === 1) return 0
    return monotonic() - (clock[CLOCK.started] as number) - (clock[CLOCK.waited] as number)
  }

  /** Wakes it, if it idles. @returns whether it did */
  tryWake(): boolean {
    if (this.state !== 'working') return false
    if (Atomics.compareExchange(this.desk, DESK.idleness, IDLENESS.idle, IDLENESS.woken) !== IDLENESS.idle) return false
    this.worker.postMessage(0)
    return true
  }

  /** Whether a record of that job is at hand. */
  has(job: Job): boolean {
    return this.reader.peek() && this.reader.job === job.number
  }

  /** Brings a piece of the body; null for its end. */
  giveInput(piece: Buffer | null): void {
    const { desk } = this
    if (piece !== null) piece.copy(this.inputArea)
    Atomics.store(desk, DESK.inputLength, piece === null ? 0 : piece.length)
    Atomics.store(desk, DESK.input, piece === null ? INPUT.end : INPUT.piece)
    tell(desk)
  }

  /** Nobody waits for the answer to that request any more: its application is to unwind. */
  abort(job: number): void {
    Atomics.store(this.desk, DESK.aborted, job)
    tell(this.desk)
  }

  /** Lets it end after the request that it works on. */
  retire(): void {
    Atomics.store(this.desk, DESK.retire, 1)
    this.dismissed = true
    this.state = 'ending'
    this.worker.postMessage(0)
  }

  /** Lets it begin, where it was held. */
  go(): void {
    if (!this.held) return
    this.held = false
    this.worker.postMessage(0)
  }

  /** Ends it at once, whatever it does. */
  end(): void {
    if (this.state === 'ended') return
    this.dismissed = true
    this.state = 'ending'
    void this.worker.terminate()
  }

  /** The process may end while it idles. */
  release(): void {
    this.worker.unref()
  }

  private hasStarted(): void {
    if (this.state !== 'starting') return
    this.state = 'working'
    this.loaded = true
    this.keeper.started(this)
  }
}

/** Lets threads ring again. To be called before looking at what they have put out. */
export function answerRing(board: Board): void {
  Atomics.store(board.words, BOARD.rung, 0)
}
