/*
 * `wsgi.file_wrapper`: a file as an iterable of blocks (W31). Nothing is read before the server asks for it, so a file
 * of any size costs one block of memory; it begins where the file stands, and its `close` closes the file.
 */
import { SIZES } from '../base/index.ts'
import type { FileLike } from './disk-file.ts'

/** Sends a file, block by block. */
export class FileWrapper implements Iterable<Uint8Array>, Iterator<Uint8Array> {
  readonly file: FileLike
  private readonly blockSize: number

  /** @param blockSize - how many bytes are read at a time */
  constructor(file: FileLike, blockSize: number = SIZES.wsgiInput) {
    this.file = file
    this.blockSize = blockSize
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<Uint8Array, undefined> {
    const block = this.file.read(this.blockSize)
    return block.length === 0 ? { done: true, value: undefined } : { done: false, value: block }
  }

  /** Closes the file, if it can be closed. */
  close(): void {
    this.file.close?.()
  }
}

/** What an application finds as `environ['wsgi.file_wrapper']`. */
export function wrapFile(file: FileLike, blockSize?: number): FileWrapper {
  return new FileWrapper(file, blockSize)
}
