/*
 * Gathering a body before an application is called: in memory as long as it is small, in a temporary file
 * beyond. CONTENT_LENGTH has to be known by then (PEP 3333 knows no body without), and one who sends slowly keeps
 * nothing busy but his own connection.
 */
import { SIZES } from '../base/index.ts'
import type { WsgiLimits } from '../base/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import type { Request } from '../server/index.ts'
import { DiskFile } from './disk-file.ts'
import { immediate } from './input.ts'
import type { Pull } from './input.ts'

/** A body that has come in whole. */
export interface Spooled {
  readonly length: number
  /** What of it lies in memory; the rest is to be pulled. */
  readonly held: Buffer
  readonly pull: Pull | null
  /** Gives the file back, if there is one. */
  close(): void
}

const NOTHING = (): void => undefined
const EMPTY = Buffer.alloc(0)

/** A body that lies in memory. */
export function inMemory(held: Buffer): Spooled {
  return { length: held.length, held, pull: null, close: NOTHING }
}

/** @returns the length that the client has announced; undefined where it sends in chunks */
export function announcedLength(request: Request): number | undefined {
  const text = request.headers.get('content-length')
  return text === undefined ? undefined : Number(text)
}

/**
 * Reads a whole body.
 *
 * @throws GyreError as `request.read`
 */
export function* spool(request: Request, limits: WsgiLimits): Coroutine<Spooled> {
  const most = limits.inputMemory
  if ((announcedLength(request) ?? Infinity) <= most) return inMemory(yield* request.bytes())
  let held: Buffer = EMPTY
  let length = 0
  let file: DiskFile | null = null
  try {
    for (let piece; (piece = yield* request.read()) !== null; length += piece.length) {
      if (file === null && length + piece.length > most) {
        file = DiskFile.temporary()
        file.write(held.subarray(0, length))
        held = EMPTY
      }
      if (file !== null) file.write(piece)
      else {
        if (length + piece.length > held.length) held = enlarged(held, length, length + piece.length)
        piece.copy(held, length)
      }
    }
    if (file === null) return inMemory(held.subarray(0, length))
    const whole = fromFile(file, length)
    file = null
    return whole
  } finally {
    file?.close()
  }
}

function fromFile(file: DiskFile, length: number): Spooled {
  file.seek(0)
  const pull = () => {
    const piece = file.read(SIZES.wsgiInput)
    return immediate(piece.length === 0 ? null : piece)
  }
  return { length, held: EMPTY, pull, close: () => file.close() }
}

/** Into one buffer that doubles: a body in pieces of one byte must not cost a Buffer for each. */
function enlarged(bytes: Buffer, used: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafe(Math.max(needed, used * 2))
  bytes.copy(larger, 0, 0, used)
  return larger
}
