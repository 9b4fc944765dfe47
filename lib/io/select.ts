/*
 * Which of the two kinds of io serves here, and why.
 */
import { isMainThread } from 'node:worker_threads'
import { GyreError } from '../base/index.ts'
import { loadSyscalls } from './epoll/syscalls.ts'

/** The kinds of io there are. */
export type IoKind = 'epoll' | 'node'

/** What may be asked for: a kind, or the best that can be had. */
export type IoWish = IoKind | 'auto'

/** A kind of io, and the reason for it. */
export interface IoChoice {
  /** The kind that serves. */
  readonly kind: IoKind
  /** Why it is this one, in words. */
  readonly why: string
}

const WISHES: readonly string[] = ['auto', 'epoll', 'node']

/**
 * Decides which io serves.
 *
 * @param wish - what the options ask for; the environment variable GYRE_IO decides where it is not given
 * @returns the kind and, in words, the reason
 * @throws GyreError `GYRE_BAD_OPTION` for a word that is no kind; `GYRE_IO_UNAVAILABLE` when epoll is
 *   asked for by name and cannot be had
 */
export function chooseIo(wish?: IoWish): IoChoice {
  const asked = wish ?? process.env['GYRE_IO'] ?? 'auto'
  const origin = wish === undefined && process.env['GYRE_IO'] !== undefined ? 'GYRE_IO' : 'the option io'
  if (!WISHES.includes(asked))
    throw new GyreError('GYRE_BAD_OPTION', `${origin} must be 'auto', 'epoll' or 'node', not '${asked}'`)
  if (asked === 'node') return { kind: 'node', why: `${origin} asks for it` }
  const obstacle = obstacleToEpoll()
  if (obstacle === undefined)
    return { kind: 'epoll', why: asked === 'epoll' ? `${origin} asks for it` : 'Linux, main thread, koffi loaded' }
  if (asked === 'epoll')
    throw new GyreError('GYRE_IO_UNAVAILABLE', `${origin} asks for epoll, but ${obstacle}; use 'auto' or 'node'`)
  return { kind: 'node', why: obstacle }
}

/** @returns in words what keeps epoll from being used here; undefined where nothing does */
export function obstacleToEpoll(): string | undefined {
  if (process.platform !== 'linux') return `epoll is Linux's, and this is ${process.platform}`
  // uv_default_loop() is the loop of the main thread; a worker's own loop is not to be had by name.
  if (!isMainThread) return 'a worker thread has no loop that epoll could be a guest of'
  const loaded = loadSyscalls()
  return loaded instanceof Error ? `koffi could not be loaded (${loaded.message.split('\n')[0] ?? ''})` : undefined
}
