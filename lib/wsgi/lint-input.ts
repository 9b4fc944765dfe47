/*
 * What lint checks of reads and of what is written for the operator. The lines that begin with `//#` are the rules, as
 * in lint.ts.
 */
import { GyreError } from '../base/index.ts'
import { must } from './lint-must.ts'
import { WsgiInput } from './input.ts'
import type { WsgiErrors } from './types.ts'

/** `wsgi.input`, watched: what the application asks, and what the server gives. */
export class LintInput extends WsgiInput {
  private readonly inner: WsgiInput

  constructor(inner: WsgiInput) {
    super()
    this.inner = inner
  }

  override read(...given: unknown[]): Buffer {
    //# ## wsgi.input
    //# W9: read and readline take one size at most, readlines one hint; each a whole number.
    checkSize('read()', given)
    return checkBytes(this.inner.read(...(given as [number])), given)
  }

  override readline(...given: unknown[]): Buffer {
    checkSize('readline()', given)
    const line = checkBytes(this.inner.readline(...(given as [number])), given)
    //# W9: a line has one line end at most, and that at its end.
    must(!line.subarray(0, -1).includes(LF), 'readline() gave more than a line')
    return line
  }

  override readlines(...given: unknown[]): Buffer[] {
    checkSize('readlines()', given)
    return this.inner.readlines(...(given as [number])).map((line) => checkBytes(line, []))
  }

  close(): never {
    //# W9: it cannot be closed.
    return mustNotClose('wsgi.input')
  }
}

/** What an application must not close. */
function mustNotClose(what: string): never {
  throw new GyreError('GYRE_WSGI_LINT', `${what} is not the application's to close`)
}

const LF = 0x0a

function checkSize(call: string, given: readonly unknown[]): void {
  must(given.length <= 1, `${call} takes one argument, not ${given.length}`)
  must(given.length === 0 || Number.isInteger(given[0]), `${call} takes a whole number`)
}

function checkBytes(bytes: unknown, [size]: readonly unknown[]): Buffer {
  //# W9: what is read is bytes, and never more than was asked for.
  must(Buffer.isBuffer(bytes), 'the server reads something that is not bytes')
  must(typeof size !== 'number' || size < 0 || bytes.length <= size, 'the server gave more than was asked for')
  return bytes
}

/** `wsgi.errors`, watched. */
export function lintErrors(inner: WsgiErrors): WsgiErrors & { close(): never } {
  return {
    write(...given: unknown[]) {
      //# ## wsgi.errors
      //# W10: write takes one string, writelines strings, flush nothing. It cannot be closed.
      must(given.length === 1 && typeof given[0] === 'string', 'write() of wsgi.errors takes one string')
      inner.write(given[0])
    },
    writelines(lines) {
      for (const line of lines) this.write(line)
    },
    flush(...given: unknown[]) {
      must(given.length === 0, 'flush() takes nothing')
      inner.flush()
    },
    close: () => mustNotClose('wsgi.errors'),
  }
}
