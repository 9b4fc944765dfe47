/*
 * Room: base, the ground floor.
 * For: the two tables that every floor reads, errors and limits.
 * Never: knows HTTP messages, tasks or sockets; imports anything, not even `node:`.
 * Floor: ground. May import: nothing.
 * Suite: test/base. Page: docs/errors.md, docs/limits.md.
 */
export { latin1Text, writeAscii, writeDigits, writeLatin1, writeUtf8 } from './bytes.ts'
export { ERRORS, GyreError, describeError, isExposed, stackOf, statusOf } from './errors.ts'
export type { Blame, ErrorCode, ErrorRow } from './errors.ts'
export {
  LIMITS,
  SIZES,
  WSGI_LIMITS,
  defaultLimits,
  effectiveLimits,
  resolveLimits,
  resolveWsgiLimits,
  unsafeCombinations,
} from './limits.ts'
export type { EffectiveLimit, LimitName, LimitRow, Limits, WsgiLimitName, WsgiLimits } from './limits.ts'
