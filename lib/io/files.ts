/*
 * Files, as operations over node:fs/promises. Nothing is invented here but what a cancel does: no
 * descriptor stays open.
 */
import { open, readFile as readWhole, writeFile as writeWhole } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { PathLike } from 'node:fs'
import { waitPromise } from '../kernel/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import { abortable } from '../sync/index.ts'
import { waitOwned } from './owned.ts'

/**
 * Reads a whole file.
 *
 * @param path - a path or a file URL
 * @returns its bytes; with an encoding, such as 'utf8', its text
 * @throws what `node:fs` throws, such as an error with the code ENOENT
 * @example
 * ```ts
 * const path = `/tmp/gyre-example-${process.pid}`
 * yield* writeFile(path, 'bread\n')
 * console.log((yield* readFile(path, 'utf8')).trim(), (yield* readFile(path)).length) // bread 6
 * ```
 */
export function readFile(path: PathLike): Coroutine<Buffer>
export function readFile(path: PathLike, encoding: BufferEncoding): Coroutine<string>
export function readFile(path: PathLike, encoding?: BufferEncoding): Coroutine<Buffer | string> {
  return abortable((signal) => waitPromise(readWhole(path, { signal, ...(encoding !== undefined && { encoding }) })))
}

/**
 * Writes a whole file, in the place of what it holds. A cancel leaves a part of it written.
 *
 * @param path - a path or a file URL
 * @param data - text, written as UTF-8, or bytes
 * @throws what `node:fs` throws
 * @example
 * ```ts
 * yield* writeFile(`/tmp/gyre-example-${process.pid}`, 'bread\n')
 * ```
 */
export function writeFile(path: PathLike, data: string | Uint8Array): Coroutine<void> {
  return abortable((signal) => waitPromise(writeWhole(path, data, { signal })))
}

/**
 * A file that is open, made by `openFile`.
 *
 * @example
 * ```ts
 * using file = yield* openFile(`/tmp/gyre-example-${process.pid}`, 'w+')
 * yield* file.write('bread\n')
 * yield* file.write('milk\n')
 * console.log((yield* file.read(100, 6))?.toString().trim()) // milk
 * ```
 */
export class OpenFile implements Disposable {
  private readonly handle: FileHandle

  /** For `openFile` alone. @internal */
  constructor(handle: FileHandle) {
    this.handle = handle
  }

  /**
   * Reads a piece.
   *
   * @param most - how many bytes at most
   * @param position - where from; behind the last piece without it
   * @returns the bytes, which may be fewer; null at the end of the file
   */
  *read(most: number, position?: number): Coroutine<Buffer | null> {
    // A buffer of its own, because a read that is cancelled still writes into it.
    const { bytesRead, buffer } = yield* waitPromise(
      this.handle.read(Buffer.allocUnsafe(most), 0, most, position ?? null),
    )
    return bytesRead === 0 ? null : buffer.subarray(0, bytesRead)
  }

  /**
   * Writes all of the data.
   *
   * @param data - text, written as UTF-8, or bytes, which must not be changed before this has ended
   * @param position - where to; behind the last piece without it
   */
  *write(data: string | Uint8Array, position?: number): Coroutine<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    for (let done = 0; done < bytes.length;) {
      const at = position === undefined ? null : position + done
      done += (yield* waitPromise(this.handle.write(bytes, done, bytes.length - done, at))).bytesWritten
    }
  }

  /** Waits until what was written is on the disk. */
  *sync(): Coroutine<void> {
    yield* waitPromise(this.handle.sync())
  }

  /** Closes. It is begun at once, so a cancel does not keep it from happening. */
  *close(): Coroutine<void> {
    yield* waitPromise(this.handle.close())
  }

  /** Closes without waiting for it, for `using`. */
  [Symbol.dispose](): void {
    this.handle.close().catch(() => undefined)
  }
}

/**
 * Opens a file.
 *
 * @param path - a path or a file URL
 * @param flags - 'r' to read, which is so without it; 'w' to write anew, 'a' to append, 'r+', 'wx' and the others of `node:fs`
 * @param mode - permission bits of a file that is made, such as 0o600
 * @returns the file; whoever has it closes it, best by `using`
 * @throws what `node:fs` throws
 * @example
 * ```ts
 * using file = yield* openFile(`/tmp/gyre-example-${process.pid}`, 'w+')
 * yield* file.write('bread and milk')
 * console.log((yield* file.read(5, 0))?.toString()) // bread
 * ```
 */
export function* openFile(path: PathLike, flags: string = 'r', mode?: number): Coroutine<OpenFile> {
  return new OpenFile(yield* waitOwned(open(path, flags, mode), (late) => late.close().catch(() => undefined)))
}
