/*
 * `wsgi.errors`: takes any text, and never throws at the application (W10).
 */
import { writeSync } from 'node:fs'
import type { WsgiErrors } from './types.ts'

/** @param write - takes text for standard error */
function errorsTo(write: (text: string) => void): WsgiErrors {
  const tryWrite = (text: unknown): void => {
    try {
      write(String(text))
    } catch {
      // Standard error is closed or full: the application is not the one who can do something about it.
    }
  }
  return {
    write: tryWrite,
    writelines(lines) {
      for (const line of lines) tryWrite(line)
    },
    flush() {
      // Standard error is not held back.
    },
  }
}

/** On the loop, where a slow terminal must not stop everybody. */
export const loopErrors: WsgiErrors = errorsTo((text) => process.stderr.write(text))

const STANDARD_ERROR = 2

/** In a thread: the text is out when the call returns, and is not lost with the thread. */
export const threadErrors: WsgiErrors = errorsTo((text) => {
  writeSync(STANDARD_ERROR, text)
})
