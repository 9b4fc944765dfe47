/*
 * Bodies between our streams and those of the web.
 */
import { waitPromise } from '../../kernel/index.ts'
import type { Coroutine } from '../../kernel/index.ts'
import type { Request } from '../../server/index.ts'

type Piece = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>

/** @returns the body of a request as a stream that reads no more than it is asked for */
export function readableBody(request: Request): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      async pull(controller) {
        const chunk = await request.read()
        if (chunk === null) controller.close()
        // Of the standard's own kind: a Buffer's methods differ, `slice` first of all.
        else controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
      },
    },
    { highWaterMark: 0 },
  )
}

/** What a stream has brought so far. */
export interface Begun {
  readonly first: Uint8Array | null
  /** The next piece; null where there is none. */
  readonly next: Promise<Piece> | null
}

/** How many turns of promises a stream has to say that its first piece was its last. */
const TURNS = 4

/** Reads the first piece of a stream, and sees whether that is all: most streams of answers are a text in one piece. */
export async function begin(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Begun> {
  const first = await reader.read()
  if (first.done) return { first: null, next: null }
  const next = reader.read()
  let second: Piece | undefined
  next.then(
    (piece) => (second = piece),
    // Whoever goes on reading is told.
    () => undefined,
  )
  for (let turn = 0; turn < TURNS && second === undefined; turn++) await Promise.resolve()
  return { first: first.value, next: second?.done === true ? null : next }
}

/** The pieces that follow. @param each - is run for each of them, and waited for */
export function* readOn(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  next: Promise<Piece>,
  each: (piece: Uint8Array) => Coroutine<void>,
): Coroutine<void> {
  for (let piece = yield* waitPromise(next); !piece.done; piece = yield* waitPromise(reader.read()))
    yield* each(piece.value)
}
