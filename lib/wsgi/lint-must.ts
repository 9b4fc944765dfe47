/*
 * How lint says no.
 */
import { GyreError } from '../base/index.ts'

/** @throws GyreError `GYRE_WSGI_LINT` where a condition does not hold */
export function must(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new GyreError('GYRE_WSGI_LINT', rule)
}
