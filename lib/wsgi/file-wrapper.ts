/*
 * `wsgi.file_wrapper`: a file as an iterable of blocks (W31). Nothing is read before the server asks for it, so a file
 * of any size costs one block of memory; it begins where the file stands, and its `close` closes the file.
 */
import { SIZES } from '../base/index.ts'
import type { FileLike } from './disk-file.ts'

/**
 * Sends a file, block by block: what `environ['wsgi.file_wrapper']` makes (PEP 3333, W31).
 *
 * @example
 * ```ts
 * const file = DiskFile.temporary()
 * file.write(Buffer.from('bread and milk'))
 * file.seek(0)
 * console.log([...new FileWrapper(file, 5)].map(String).join('|')) // bread| and |milk
 * ```
 */
export class FileWrapper implements Iterable<Uint8Array>, Iterator<Uint8Array> {
  /** What is sent. */
  readonly file: FileLike
  private readonly blockSize: number

  /**
   * @param file - is read from where it stands
   * @param blockSize - how many bytes are read at a time
   */
  constructor(file: FileLike, blockSize: number = SIZES.wsgiInput) {
    this.file = file
    this.blockSize = blockSize
  }

  /** It is iterated once. */
  [Symbol.iterator](): this {
    return this
  }

  /** Reads the next block. */
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
