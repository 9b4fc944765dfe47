/*
 * The log: what an operator should know that no answer says. One line an event, with the code of the
 * errors table.
 */
import type { Blame } from '../base/index.ts'

/** One event. */
export interface LogEvent {
  /** A code of the errors table. */
  readonly code: string
  /** The status of the answer; 0 where there was none. */
  readonly status: number
  /** Whose fault it is. */
  readonly blame: Blame
  /** What happened, in words, free of control characters. */
  readonly reason: string
  /** The client's address and port, where one is concerned. */
  readonly remote?: string
  /** The error underneath. */
  readonly error?: unknown
}

/** Takes events. */
export type Logger = (event: LogEvent) => void

/** More lines a second than this say nothing more, and writing them would slow the server down. */
const LINES_PER_SECOND = 10
const SECOND = 1000

/**
 * The logger that is used where none is given: lines on standard error, at most ten a second; what
 * was left out is counted.
 *
 * @param now - a clock in milliseconds
 * @param write - takes each line
 */
export function lineLogger(now: () => number, write: (line: string) => void): Logger {
  let since = -Infinity
  let lines = 0
  let left = 0
  return (event) => {
    const time = now()
    if (time - since >= SECOND) {
      if (left > 0) write(`gyre: ${left} more of the like\n`)
      since = time
      lines = 0
      left = 0
    }
    if (++lines > LINES_PER_SECOND) left++
    else write(`${formatEvent(event)}\n`)
  }
}

/** @returns an event as one line; the stack of a failed handler, indented, on the lines below it */
export function formatEvent(event: LogEvent): string {
  const status = event.status === 0 ? '-' : event.status
  const line = `gyre: ${status} ${event.code} ${escapeControls(event.remote ?? '-')} ${escapeControls(event.reason)}`
  const stack = event.blame === 'app' && event.error instanceof Error ? event.error.stack : undefined
  if (stack === undefined) return line
  // The message stands there once more, and may quote what a client has sent: no line of it looks like an event.
  const below = stack.split('\n').map((one) => `  ${escapeControls(one)}`)
  return [line, ...below].join('\n')
}

/** Keeps a client from writing lines, or escape sequences, of its own into a log (CVE-2020-7694). */
function escapeControls(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
