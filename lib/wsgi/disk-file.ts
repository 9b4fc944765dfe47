/*
 * A file that is read and written at once, without waiting: what a synchronous application works with, and where
 * a body goes that is too large for memory.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GyreError, SIZES } from '../base/index.ts'
import type { Coroutine } from '../kernel/index.ts'
import type { Response } from '../server/index.ts'

/** Something that `wsgi.file_wrapper` can send: anything with a `read`, and maybe a `close`. */
export interface FileLike {
  /** @returns up to so many bytes from where it stands; none at the end */
  read(size: number): Uint8Array
  /** Called when it was sent, or will not be. */
  close?(): void
}

const OWNER_ONLY = 0o600
const NAME_BYTES = 12

/**
 * An open file, with the place where it stands. Its calls block.
 *
 * @example
 * ```ts
 * const file = DiskFile.temporary()
 * file.write(Buffer.from('bread and milk'))
 * file.seek(10)
 * console.log(String(file.read())) // milk
 * file.close()
 * ```
 */
export class DiskFile implements FileLike {
  private readonly number: number
  private position = 0
  private open = true

  private constructor(descriptor: number) {
    this.number = descriptor
  }

  /** Its number in the operating system. @throws GyreError `GYRE_STREAM_CLOSED` after `close()` */
  get descriptor(): number {
    this.mustBeOpen()
    return this.number
  }

  /**
   * Opens a file for reading.
   *
   * @param path - a path or a file URL
   * @returns the file, which stands at its beginning
   * @throws the error of the operating system, such as ENOENT
   * @example
   * ```ts
   * const app: WsgiApp = (environ, startResponse) => {
   *   startResponse('200 OK', [['Content-Type', 'application/octet-stream']])
   *   return environ['wsgi.file_wrapper'](DiskFile.open(process.execPath))
   * }
   * console.log((await inject(wsgi(app))).body.length > 1_000_000) // true
   * ```
   */
  static open(path: string | URL): DiskFile {
    return new DiskFile(openSync(path, 'r'))
  }

  /** Makes a file that nobody else can open, and that is gone with its descriptor, even if the process is killed. */
  static temporary(): DiskFile {
    const path = join(tmpdir(), `gyre-${randomBytes(NAME_BYTES).toString('hex')}`)
    // O_EXCL: whoever guesses the name and lays a link there gains nothing.
    const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, OWNER_ONLY)
    unlinkSync(path)
    return new DiskFile(descriptor)
  }

  /**
   * Reads.
   *
   * @param size - at most so many bytes; all of the rest below 0
   * @returns the bytes; none at the end
   * @throws GyreError `GYRE_STREAM_CLOSED` after `close()`
   */
  read(size: number = -1): Buffer {
    if (size >= 0) return this.readUpTo(size)
    const parts: Buffer[] = []
    for (let part; (part = this.readUpTo(SIZES.wsgiInput)).length > 0;) parts.push(part)
    return Buffer.concat(parts)
  }

  /** Writes all of it where the file stands. */
  write(bytes: Uint8Array): void {
    this.mustBeOpen()
    for (let at = 0; at < bytes.length;) {
      const count = writeSync(this.number, bytes, at, bytes.length - at, this.position)
      at += count
      this.position += count
    }
  }

  /**
   * Sends what comes next as the next part of an answer, and goes on behind it.
   *
   * @param most - how many bytes
   * @returns how many bytes; fewer, or none, where the rest is to be read and written
   */
  *sendTo(response: Response, most: number): Coroutine<number> {
    this.mustBeOpen()
    const sent = yield* response.writeFile(this, this.position, most)
    this.position += sent
    return sent
  }

  /** Goes to a place. @param position - bytes from the beginning */
  seek(position: number): void {
    this.position = position
  }

  /** Closes; a second time does nothing. */
  close(): void {
    if (!this.open) return
    this.open = false
    closeSync(this.number)
  }

  /** Once closed, the number of the descriptor may be another's file, such as the body of another request. */
  private mustBeOpen(): void {
    if (!this.open) throw new GyreError('GYRE_STREAM_CLOSED', 'the file is closed')
  }

  private readUpTo(size: number): Buffer {
    this.mustBeOpen()
    const bytes = Buffer.allocUnsafe(size)
    const count = readSync(this.number, bytes, 0, size, this.position)
    this.position += count
    return bytes.subarray(0, count)
  }
}
