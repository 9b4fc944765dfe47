/*
 * The file of a unix socket. The operating system makes it at bind() and never removes it, so a server
 * that was killed leaves one that nobody listens at, and the next start has to tell it from one in use.
 *
 * A refused connection tells them apart only if whatever has the name listens. So a socket is bound under a
 * name of its own, put to listen, and moved to its path then. Who moves holds a claim, a file that one process
 * alone can make, and looks again under it: of several that found the same dead file, one takes its place.
 */
import { closeSync, lstatSync, openSync, renameSync, unlinkSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { GyreError, SIZES } from '../base/index.ts'
import { sleep } from '../kernel/index.ts'
import type { Kernel } from '../kernel/index.ts'
import { addressError } from './address-error.ts'
import type { UnixAddress } from './listener.ts'

/** sizeof(sun_path) and its final NUL. Node cuts longer paths off without a word. */
const LONGEST_PATH = 107
const RANDOM_BYTES = 4
const OWNER_ONLY = 0o600

/** @returns whether it is a name without a file */
export function isAbstract(path: string): boolean {
  return path.startsWith('\0')
}

/** The file that a listener makes. Told apart by its inode from one that another made since under the same name. */
export class SocketFile {
  readonly path: string
  /** The name to bind; the file is there until it is published. */
  readonly boundAt: string
  private readonly where: UnixAddress
  private readonly claim: string
  private inode: string | null = null

  private constructor(where: UnixAddress, boundAt: string) {
    this.where = where
    this.path = where.path
    this.boundAt = boundAt
    this.claim = `${where.path}.claim`
  }

  /**
   * @returns the file to make; null where the address has none
   * @throws GyreError `GYRE_BAD_OPTION` for a path that is too long
   */
  static for(where: UnixAddress): SocketFile | null {
    const { path } = where
    checkLength(path, path)
    // Pipes of Windows are no files.
    if (isAbstract(path) || process.platform === 'win32') return null
    const random = randomBytes(RANDOM_BYTES).toString('hex')
    // Such tools as ss go on to show the name that was bound, so it begins with the path where there is room.
    const long = `${path}.${random}`
    const boundAt = Buffer.byteLength(long) <= LONGEST_PATH ? long : `${dirname(path)}/${random}`
    checkLength(boundAt, path)
    return new SocketFile(where, boundAt)
  }

  /** The socket was bound. */
  made(): void {
    this.inode = identityOf(this.boundAt)
  }

  /**
   * Gives the file its path, once its socket listens. One that nobody listens at makes way; whatever else has
   * that name stays.
   *
   * @throws GyreError `GYRE_ADDRESS_IN_USE` where somebody listens, or might, or where the file is no socket
   */
  async publish(kernel: Kernel): Promise<void> {
    const until = kernel.host.now() + SIZES.claimTime
    let abandoned: string | null = null
    for (;;) {
      const stale = await this.findStale()
      if (this.replace(stale)) return
      const claim = stampOf(this.claim)
      abandoned ??= claim
      if (kernel.host.now() > until) {
        // A claim is held for three system calls: this one's holder was killed between them.
        const removed = claim !== null && claim === abandoned && tryFile(() => unlinkSync(this.claim))
        if (!removed)
          throw new GyreError(
            'GYRE_ADDRESS_IN_USE',
            `${this.path} is being taken by others: see who else is started there, and remove ${this.claim} if it is nobody`,
          )
      }
      await kernel.spawn(sleep(SIZES.claimPause))
    }
  }

  /** Removes the file, if it is still the one that was made. To be called while its socket listens. */
  remove(): void {
    for (const name of [this.boundAt, this.path])
      // One that is gone meanwhile, or no longer ours to remove: closing goes on either way.
      if (this.inode !== null && identityOf(name) === this.inode) tryFile(() => unlinkSync(name))
  }

  /** @returns the stamp of a socket that nobody listens at; null where there is no file */
  private async findStale(): Promise<string | null> {
    const found = await lstat(this.path, { bigint: true }).catch(() => null)
    if (found === null) return null
    if (!found.isSocket())
      throw new GyreError(
        'GYRE_ADDRESS_IN_USE',
        `${this.path} is a file and no socket: move it away, or choose another path`,
      )
    const answer = await probe(this.path)
    // Only a refusal is a proof: a full queue or a lack of permission leaves it open whether somebody listens.
    if (answer === 'ECONNREFUSED') return stampText(found)
    if (answer === 'ENOENT') return null
    throw addressError(this.where, 'EADDRINUSE', '')
  }

  /** @returns false where another holds the claim, or has changed what is at the path */
  private replace(expected: string | null): boolean {
    try {
      closeSync(openSync(this.claim, 'wx', OWNER_ONLY))
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
      throw addressError(this.where, codeOf(error), String(error))
    }
    try {
      if (stampOf(this.path) !== expected) return false
      renameSync(this.boundAt, this.path)
      return true
    } catch (error) {
      throw addressError(this.where, codeOf(error), String(error))
    } finally {
      tryFile(() => unlinkSync(this.claim))
    }
  }
}

function checkLength(name: string, path: string): void {
  const over = Buffer.byteLength(name) - LONGEST_PATH
  if (over <= 0) return
  const advice =
    name === path
      ? `this one has ${Buffer.byteLength(path)}: choose a shorter one`
      : `and for one of ours beside it, which has ${over} too many: choose a shorter folder`
  throw new GyreError('GYRE_BAD_OPTION', `the path of a unix socket has room for ${LONGEST_PATH} bytes, ${advice}`)
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

interface Stamp {
  readonly dev: bigint
  readonly ino: bigint
  readonly ctimeNs: bigint
}

/** Numbers of a device and an inode, as one text: enough while the file is held open, as ours is. */
function identityOf(path: string): string | null {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? null : `${found.dev}:${found.ino}`
}

/** With the time, because the inode of a file that is gone is given to another. */
function stampOf(path: string): string | null {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? null : stampText(found)
}

function stampText({ dev, ino, ctimeNs }: Stamp): string {
  return `${dev}:${ino}:${ctimeNs}`
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

function tryFile(change: () => void): boolean {
  try {
    change()
    return true
  } catch {
    return false
  }
}
