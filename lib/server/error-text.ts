/*
 * What the answer says that an error becomes.
 */
import { describeError, isExposed } from '../base/index.ts'
import { reasonOf } from '../protocol/index.ts'

/**
 * What an error's answer says. Below 500 the message is meant for the client; above, it may tell what
 * nobody outside should know. What the client sent is not repeated.
 */
export function errorText(status: number, error: unknown): string {
  const reason = `${status} ${reasonOf(status)}`
  const message = status < 500 && isExposed(error) ? describeError(error) : ''
  return message === '' ? `${reason}\n` : `${reason}: ${message}\n`
}
