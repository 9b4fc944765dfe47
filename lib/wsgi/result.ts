/*
 * What an application returns: an iterable, its chunks, and its end (W20, W21, W22).
 */
import { GyreError, stackOf } from '../base/index.ts'
import type { WsgiErrors } from './types.ts'

/**
 * @throws GyreError `GYRE_WSGI_APP` for what is no iterable of chunks
 */
export function iteratorOf(result: unknown): Iterator<unknown, unknown> {
  disarm(result)
  // A string or bytes can be iterated too, one letter at a time, and are always a mistake.
  if (typeof result !== 'object' || result === null || result instanceof Uint8Array || !(Symbol.iterator in result))
    throw new GyreError('GYRE_WSGI_APP', 'an application returns an iterable of chunks, such as an array of buffers')
  return (result as Iterable<unknown, unknown>)[Symbol.iterator]()
}

/** An async function is no application; if it fails, its promise must not end the process besides. */
function disarm(result: unknown): void {
  if (result instanceof Promise) result.catch(() => undefined)
}

/** @returns the `close` of a result, where it has one */
export function closeOf(result: unknown): (() => void) | undefined {
  const close = typeof result === 'object' && result !== null && 'close' in result ? result.close : undefined
  return typeof close === 'function' ? (close as () => void) : undefined
}

/**
 * W21: ends a result: by its own `close`, or by ending a generator that was left half way.
 *
 * @param unfinished - its iterator, where that was not exhausted
 * @param failed - whether an error is on its way already: what `close` throws besides must not take its place, and
 *   is written to `errors`
 */
export function closeResult(
  result: unknown,
  unfinished: Iterator<unknown, unknown> | undefined,
  failed: boolean,
  errors: WsgiErrors,
): void {
  try {
    const own = closeOf(result)
    if (own !== undefined) own.call(result)
    else unfinished?.return?.()
  } catch (error) {
    if (!failed) throw error
    errors.write(`close() of a WSGI result has failed besides: ${stackOf(error)}\n`)
  }
}

/** W24: the one chunk of an array, which is an answer of known length; undefined for every other result. */
export function onlyChunkOf(result: unknown): unknown {
  return Array.isArray(result) && result.length === 1 && closeOf(result) === undefined ? result[0] : undefined
}
