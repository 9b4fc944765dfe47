/*
 * The parts of a request target (RFC 9112 section 3.2). Whether it may be what it is, ../policy.ts says.
 */

/** A target's two parts, percent-encoded as they were sent. */
export interface TargetParts {
  /** The path, with its first slash; `*` for the server as a whole. */
  readonly path: string
  /** What follows the first `?`; empty where there is none. */
  readonly query: string
}

/**
 * Cuts a target into path and query (RFC 9112 section 3.2). Of an absolute form, scheme and authority are left out.
 *
 * @param target - as it was sent
 * @returns its two parts
 * @example
 * ```ts
 * const { path, query } = splitTarget('/a/b?c=d')
 * console.log(path, query) // /a/b c=d
 * ```
 */
export function splitTarget(target: string): TargetParts {
  const local = target.charCodeAt(0) === SLASH || target === '*' ? target : localPart(target)
  const mark = local.indexOf('?')
  return mark < 0 ? { path: local, query: '' } : { path: local.slice(0, mark), query: local.slice(mark + 1) }
}

const SLASH = 0x2f

function localPart(target: string): string {
  const authority = target.indexOf('://')
  if (authority < 0) return ''
  const at = target.slice(authority + 3).search(/[/?]/)
  if (at < 0) return '/'
  const local = target.slice(authority + 3 + at)
  return local.startsWith('?') ? `/${local}` : local
}
