/*
 * `wsgi.input`: the body of a request as a file to read from. It ends where the body ends (W9), so a read never
 * waits for more than CONTENT_LENGTH.
 *
 * There are two kinds. WsgiInput answers at once: what it reads is there already, or its thread stands still until
 * it is. TaskInput, of the generator way, is read with `yield*`. Both are made of one cutting of pieces into lines
 * and lengths, written as operations; the first kind runs those to their end on the spot.
 */
import { GyreError } from '../base/index.ts'
import type { Coroutine, Operation } from '../kernel/index.ts'

const LF = 0x0a
const EMPTY = Buffer.alloc(0)

/** Brings the next piece of a body; null at its end. */
export type Pull = () => Operation<Buffer | null>

/** Cuts pieces as they are asked for. */
class Cutter {
  private held: Buffer
  private at = 0
  private pull: Pull | null

  constructor(held: Buffer, pull: Pull | null) {
    this.held = held
    this.pull = pull
  }

  *read(size: number): Coroutine<Buffer> {
    const parts: Buffer[] = []
    let wanted = wantedOf(size)
    do {
      const part = this.take(Math.min(this.held.length, this.at + wanted))
      parts.push(part)
      wanted -= part.length
    } while (wanted > 0 && (yield* this.more()))
    return joined(parts)
  }

  *readline(size: number): Coroutine<Buffer> {
    const parts: Buffer[] = []
    let wanted = wantedOf(size)
    do {
      const lineEnd = this.held.indexOf(LF, this.at)
      const end = lineEnd < 0 ? this.held.length : lineEnd + 1
      const part = this.take(Math.min(end, this.at + wanted))
      parts.push(part)
      wanted -= part.length
      if (lineEnd >= 0) break
    } while (wanted > 0 && (yield* this.more()))
    return joined(parts)
  }

  *readlines(hint: number): Coroutine<Buffer[]> {
    const lines: Buffer[] = []
    let sum = 0
    for (let line; (line = yield* this.readline(-1)).length > 0;) {
      lines.push(line)
      sum += line.length
      if (hint > 0 && sum >= hint) break
    }
    return lines
  }

  private take(end: number): Buffer {
    const from = this.at
    this.at = end
    return this.held.subarray(from, end)
  }

  /** Called when nothing is held any more. @returns whether there is more */
  private *more(): Coroutine<boolean> {
    if (this.pull === null) return false
    const piece = yield* this.pull()
    this.held = piece ?? EMPTY
    this.at = 0
    if (piece === null) this.pull = null
    return piece !== null
  }
}

/**
 * Python's None, and what is below 0, ask for all. What is no whole number is a mistake that would cut the body wrongly.
 *
 * @throws GyreError `GYRE_WSGI_INPUT`
 */
function wantedOf(size: number | null): number {
  if (size === null || size < 0 || size === Infinity) return Infinity
  if (!Number.isInteger(size)) throw new GyreError('GYRE_WSGI_INPUT', `${String(size)} is no number of bytes to read`)
  return size
}

function joined(parts: Buffer[]): Buffer {
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
}

/** Runs to its end what never waits. */
function complete<T>(work: Coroutine<T>): T {
  const step = work.next()
  if (step.done === true) return step.value
  throw new GyreError('GYRE_WSGI_INPUT', 'this input cannot wait')
}

/**
 * The body of a request, read at once: `wsgi.input` of the inline way and of threads (PEP 3333).
 *
 * @example
 * ```ts
 * const input = new WsgiInput(Buffer.from('bread\nmilk\ntea'))
 * console.log(String(input.readline()).trim(), String(input.read(4))) // bread milk
 * ```
 */
export class WsgiInput implements Iterable<Buffer> {
  private readonly cutter: Cutter

  /**
   * @param held - what is there of the body
   * @param pull - brings the rest, piece by piece, without waiting in any task; null where there is none
   */
  constructor(held: Uint8Array = EMPTY, pull: Pull | null = null) {
    this.cutter = new Cutter(Buffer.isBuffer(held) ? held : Buffer.from(held), pull)
  }

  /** Reads. @param size - at most so many bytes; all of the rest without it, or where it is below 0 */
  read(size: number = -1): Buffer {
    return complete(this.cutter.read(size))
  }

  /** Reads a line with its line end. @param size - at most so many bytes of it */
  readline(size: number = -1): Buffer {
    return complete(this.cutter.readline(size))
  }

  /** Reads lines. @param hint - stops after the line that brings the sum to so many bytes; 0 reads all */
  readlines(hint: number = 0): Buffer[] {
    return complete(this.cutter.readlines(hint))
  }

  /** Its lines, as `readline` reads them. */
  *[Symbol.iterator](): Iterator<Buffer> {
    for (let line = this.readline(); line.length > 0; line = this.readline()) yield line
  }
}

/**
 * The body of a request, read by an application of the generator way: `yield*` each call.
 *
 * @example
 * ```ts
 * const handler = wsgiGenerator(function* (environ, startResponse) {
 *   const line = yield* environ['wsgi.input'].readline()
 *   startResponse('200 OK', [['Content-Type', 'text/plain']])
 *   yield line
 * })
 * console.log((await inject(handler, { method: 'POST', body: 'bread\nmilk' })).text().trim()) // bread
 * ```
 */
export class TaskInput {
  private readonly cutter: Cutter

  /** For the container alone. @internal */
  constructor(held: Buffer, pull: Pull | null) {
    this.cutter = new Cutter(held, pull)
  }

  /** Reads. @param size - at most so many bytes; all of the rest without it, or where it is below 0 */
  read(size: number = -1): Operation<Buffer> {
    return this.cutter.read(size)
  }

  /** Reads a line with its line end. @param size - at most so many bytes of it */
  readline(size: number = -1): Operation<Buffer> {
    return this.cutter.readline(size)
  }

  /** Reads lines. @param hint - stops after the line that brings the sum to so many bytes; 0 reads all */
  readlines(hint: number = 0): Operation<Buffer[]> {
    return this.cutter.readlines(hint)
  }

  /** Hands each line to a function, which may be one of operations. */
  *each(take: (line: Buffer) => Operation<void> | undefined): Coroutine<void> {
    for (let line; (line = yield* this.readline()).length > 0;) {
      const rest = take(line)
      if (rest !== undefined) yield* rest
    }
  }
}

/** An operation that is done already. */
export function immediate<T>(value: T): Operation<T> {
  return { [Symbol.iterator]: () => ({ next: () => ({ done: true, value }) }) }
}
