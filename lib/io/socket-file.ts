/*
 * The file of a unix socket. The operating system makes it at bind() and never removes it, so a server
 * that was killed leaves one that nobody listens at, and the next start has to tell it from one in use.
 */
import { linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs'
import { lstat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { GyreError } from '../base/index.ts'

/** sizeof(sun_path) and its final NUL. Node cuts longer paths off without a word. */
const LONGEST_PATH = 107

/**
 * Makes way for a socket's file: one that nobody listens at is removed. Whatever else has that name stays.
 *
 * @throws GyreError `GYRE_BAD_OPTION` for a path that is too long; `GYRE_ADDRESS_IN_USE` where somebody
 *   listens, or might, or where the file is no socket
 */
export async function clearStaleSocket(path: string): Promise<void> {
  const { length } = Buffer.from(path)
  if (length > LONGEST_PATH)
    throw new GyreError(
      'GYRE_BAD_OPTION',
      `the path of a unix socket has room for ${LONGEST_PATH} bytes, this one has ${length}: choose a shorter one`,
    )
  if (isAbstract(path)) return
  const found = await lstat(path).catch(() => null)
  if (found === null) return
  if (!found.isSocket())
    throw new GyreError('GYRE_ADDRESS_IN_USE', `${path} is a file and no socket: move it away, or choose another path`)
  const answer = await probe(path)
  // Only a refusal is a proof: a full queue or a lack of permission leaves it open whether somebody listens.
  if (answer === 'ECONNREFUSED') await unlink(path).catch(() => undefined)
  else if (answer !== 'ENOENT')
    throw new GyreError(
      'GYRE_ADDRESS_IN_USE',
      `${path} is in use: stop the program that listens there, or choose another path`,
    )
}

/** @returns whether it is a name without a file */
export function isAbstract(path: string): boolean {
  return path.startsWith('\0')
}

/** @returns what connecting came to: the name of the errno, or nothing where somebody listens */
function probe(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(undefined)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code)
    })
  })
}

/** The file that a listener made. Told apart by its inode from one that another made since under the same name. */
export class SocketFile {
  private readonly path: string
  private readonly inode: string

  private constructor(path: string, inode: string) {
    this.path = path
    this.inode = inode
  }

  /** @returns the file that was just made; null for an abstract name, which has none */
  static of(path: string): SocketFile | null {
    const inode = inodeOf(path)
    return inode === null ? null : new SocketFile(path, inode)
  }

  /** Removes the file, if it is still the one that was made. */
  remove(): void {
    if (inodeOf(this.path) !== this.inode) return
    try {
      unlinkSync(this.path)
    } catch {
      // Gone meanwhile, or no longer ours to remove: closing goes on either way.
    }
  }

  /** Runs a close that removes whatever has the name, as libuv's does, and keeps what is not ours. */
  removeBy(close: () => void): void {
    const spare = `${this.path}.${process.pid}`
    const keep = inodeOf(this.path) !== this.inode && tryFile(() => linkSync(this.path, spare))
    close()
    if (keep) tryFile(() => renameSync(spare, this.path))
  }
}

/** Numbers of a device and an inode, as one text. */
function inodeOf(path: string): string | null {
  if (isAbstract(path)) return null
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? null : `${found.dev}:${found.ino}`
}

function tryFile(change: () => void): boolean {
  try {
    change()
    return true
  } catch {
    return false
  }
}
