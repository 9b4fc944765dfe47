/*
 * lint: stands between a container and an application, and holds both to PEP 3333. It checks all that
 * wsgiref.validate checks, and what that cannot see: chunks that are no bytes, reads after the end, an iterable that
 * is left half way, start_response that comes too late, middleware that holds chunks back. In one thing it is less
 * strict: empty chunks may come before start_response, because that is how an application gives way. When a chunk goes
 * out on the wire cannot be seen from here: the conformance rules try that over a socket (W18).
 *
 * The lines that begin with `//#` are the rules. docs/wsgi.md is made of them (.ci/make-wsgi-rules.mjs).
 */
import { checkEnviron } from './lint-environ.ts'
import { isHopByHop } from './hop-by-hop.ts'
import { LintInput, lintErrors } from './lint-input.ts'
import { must } from './lint-must.ts'
import { closeOf } from './result.ts'
import type {
  Environ,
  Middleware,
  StartResponse,
  WsgiApp,
  WsgiErrors,
  WsgiHeaders,
  WsgiResult,
  WriteChunk,
} from './types.ts'

/**
 * Wraps an application so that every breach of the interface, on either side of it, throws where it happens. For
 * tests and development; it costs some microseconds for each request.
 *
 * @param app - the application
 * @returns an application that does the same
 * @throws GyreError `GYRE_WSGI_LINT`, from inside a call that breaks a rule
 * @example
 * ```ts
 * const app: WsgiApp = (_environ, startResponse) => {
 *   startResponse('200', [['Content-Type', 'text/plain']])
 *   return [Buffer.from('hello')]
 * }
 * try {
 *   lint(app)(setupTestingDefaults({}), () => () => {})
 * } catch (error) {
 *   console.log((error as GyreError).code) // GYRE_WSGI_LINT
 * }
 * ```
 */
export function lint(app: WsgiApp): WsgiApp {
  return (...given: unknown[]): WsgiResult => {
    //# ## The call
    //# W1: the application is called with two positional arguments, environ and start_response.
    must(given.length === 2, `the application is called with ${given.length} arguments instead of two`)
    const [environ, startResponse] = given as [Environ, StartResponse]
    must(typeof startResponse === 'function', 'start_response is not a function')
    checkEnviron(environ)
    const state = new LintState(environ['wsgi.errors'])
    environ['wsgi.input'] = new LintInput(environ['wsgi.input'])
    environ['wsgi.errors'] = lintErrors(environ['wsgi.errors'])
    const result: unknown = app(environ, lintStart(state, startResponse))
    return new LintResult(result, state)
  }
}

/** What is known of one call. */
class LintState {
  starts = 0
  /** A chunk that is not empty went out: it is too late for another head. */
  sent = false
  over = false
  bodiless = false
  /** Where to say what comes too late to be thrown. */
  readonly errors: WsgiErrors

  constructor(errors: WsgiErrors) {
    this.errors = errors
  }
}

/** Told when a result is garbage: a server that has forgotten it cannot be thrown at any more. */
const forgotten = new FinalizationRegistry<LintState>(({ errors }) => {
  errors.write('lint: a result was dropped, and its close() was never called (W21)\n')
})

function lintStart(state: LintState, startResponse: StartResponse): StartResponse {
  return (...given: unknown[]) => {
    //# ## start_response
    //# W11: it takes two or three positional arguments.
    must(given.length === 2 || given.length === 3, `start_response is called with ${given.length} arguments`)
    const [status, headers, error] = given as [string, WsgiHeaders, unknown]
    //# W14: it is called once; again only with exc_info, for an error.
    must(
      state.starts === 0 || (error !== undefined && error !== null),
      'start_response is called again without exc_info',
    )
    //# W15: exc_info is an error, or a triple with one in the middle.
    must(
      error === undefined || error === null || error instanceof Error || (Array.isArray(error) && error.length === 3),
      'exc_info is neither an error nor a triple',
    )
    //# It is not called after the iterable was closed.
    must(!state.over, 'start_response is called after the end')
    checkStatus(status)
    checkHeaders(headers)
    checkContentType(Number(status.slice(0, 3)), headers)
    state.starts++
    state.bodiless = isBodiless(Number(status.slice(0, 3)))
    const write = error === undefined ? startResponse(status, headers) : startResponse(status, headers, error)
    //# W11: it returns a function `write`.
    must(typeof write === 'function', 'start_response returns no write()')
    return lintWrite(state, write)
  }
}

function lintWrite(state: LintState, write: WriteChunk): WriteChunk {
  return (...given: unknown[]) => {
    //# ## write
    //# W20: it takes one argument, and that is bytes.
    must(given.length === 1, `write() is called with ${given.length} arguments`)
    const chunk = checkChunk(given[0])
    //# It is not used once the application has returned its iterable and that was closed.
    must(!state.over, 'write() is called after the end')
    if (chunk.length > 0) state.sent = true
    write(chunk)
  }
}

function checkStatus(status: unknown): asserts status is string {
  //# ## Status and headers
  //# W12: the status is a string: three digits, a space, a reason without control characters; not below 100.
  must(typeof status === 'string', `the status is ${typeof status}, not a string`)
  must(/^[1-5]\d\d [\x20-\x7e\x80-\xff]*$/.test(status), `the status ${JSON.stringify(status)} is not like "200 OK"`)
  //# No 1xx: those are the server's.
  must(!status.startsWith('1'), `the status ${status} is no final one`)
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

function checkHeaders(headers: unknown): void {
  //# W12: the headers are an array of pairs of strings.
  must(Array.isArray(headers), 'the headers are not an array')
  for (const pair of headers as unknown[]) {
    must(Array.isArray(pair) && pair.length === 2, 'a header is not a pair')
    const [name, value] = pair as unknown[]
    must(typeof name === 'string' && typeof value === 'string', 'a header is not made of strings')
    //# W12: a name is a token, and does not end with `-` or `_`.
    must(TOKEN.test(name), `${JSON.stringify(name)} is not the name of a header`)
    must(!/[-_]$/.test(name), `the name ${name} ends with - or _`)
    //# `Status` is no header.
    must(name.toLowerCase() !== 'status', 'Status is the first argument, not a header')
    //# W5, W12: a value has no control characters, and none above U+00FF.
    must(/^[\t\x20-\x7e\x80-\xff]*$/.test(value), `the value of ${name} holds a control character, or one above U+00FF`)
    //# W13: no hop-by-hop headers.
    must(!isHopByHop(name), `${name} is about the connection, which is the server's`)
  }
}

function isBodiless(status: number): boolean {
  return status === 204 || status === 304
}

function checkContentType(status: number, headers: WsgiHeaders): void {
  const has = (wanted: string): boolean => headers.some(([name]) => name.toLowerCase() === wanted)
  //# A Content-Type is there, unless the status is 204 or 304: then it is not.
  if (isBodiless(status)) must(!has('content-type'), `Content-Type with status ${status}, which has no body`)
  else must(has('content-type'), 'there is no Content-Type')
  //# A Content-Length is there once at most, and is a number.
  const lengths = headers.filter(([name]) => name.toLowerCase() === 'content-length')
  must(lengths.length < 2 && lengths.every(([, value]) => /^\d+$/.test(value)), 'Content-Length is not one number')
}

function checkChunk(chunk: unknown): Uint8Array {
  must(chunk instanceof Uint8Array, `a chunk is ${typeof chunk}, not bytes`)
  return chunk
}

/** An application's result, and its iterator, watched. */
class LintResult implements Iterable<Uint8Array>, Iterator<Uint8Array> {
  private readonly result: Iterable<unknown, unknown>
  private readonly state: LintState
  private iterator: Iterator<unknown, unknown> | null = null
  private exhausted = false

  constructor(result: unknown, state: LintState) {
    //# ## The result
    //# W20: it is an iterable of chunks, and neither text nor bytes nor a promise.
    must(typeof result === 'object' && result !== null && Symbol.iterator in result, 'the result is no iterable')
    must(!(result instanceof Uint8Array), 'the result is bytes: wrap them in an array')
    this.result = result as Iterable<unknown, unknown>
    this.state = state
    forgotten.register(this, state, state)
  }

  [Symbol.iterator](): this {
    //# The server iterates once.
    must(this.iterator === null, 'the server iterates a second time')
    this.iterator = this.result[Symbol.iterator]()
    return this
  }

  next(): IteratorResult<Uint8Array, undefined> {
    const { state, iterator } = this
    //# The server asks for nothing after the end, and nothing after close.
    must(!state.over, 'the server reads after close()')
    must(iterator !== null && !this.exhausted, 'the server reads after the end')
    const { done, value } = iterator.next()
    if (done === true) {
      this.exhausted = true
      //# W17: start_response is called by the end.
      must(state.starts > 0, 'start_response was not called')
      return { done: true, value: undefined }
    }
    const chunk = checkChunk(value)
    if (chunk.length > 0) {
      //# W17: start_response is called before the first chunk that is not empty.
      must(state.starts > 0, 'a chunk came before start_response')
      //# No body with 204 and 304.
      must(!state.bodiless, 'a body where the status allows none')
      state.sent = true
    }
    return { done: false, value: chunk }
  }

  close(): void {
    const { state } = this
    //# W21: close is called exactly once, whatever has ended the answer: its end, an error, the client.
    //# W21: where it is never called, wsgi.errors is told as soon as the result is collected as garbage.
    must(!state.over, 'close() is called twice')
    state.over = true
    forgotten.unregister(state)
    const own = closeOf(this.result)
    if (own !== undefined) own.call(this.result)
    else if (!this.exhausted) this.iterator?.return?.()
  }
}

/**
 * Wraps a middleware so that what it does between its server and its application is held to W32.
 *
 * @param middleware - the middleware
 * @returns a middleware that does the same
 * @throws GyreError `GYRE_WSGI_LINT`
 * @example
 * ```ts
 * const shout: Middleware = (app) => function* (environ, startResponse) {
 *   for (const chunk of app(environ, startResponse)) yield Buffer.from(String(chunk).toUpperCase())
 * }
 * const result = lintMiddleware(shout)(demoApp)(setupTestingDefaults({}), () => () => {})
 * try {
 *   for (const chunk of result) console.log(String(chunk).slice(0, 12)) // HELLO WORLD!
 *   result.close?.()
 * } catch (error) {
 *   console.log((error as GyreError).message) // middleware does not close the inner iterable
 * }
 * ```
 */
export function lintMiddleware(middleware: Middleware): Middleware {
  return (app) => {
    const watched = lint(app)
    let inner: Watched | null = null
    const wrapped = middleware((environ, startResponse) => (inner = new Watched(watched(environ, startResponse))))
    return (environ, startResponse) => {
      inner = null
      const outer = lint(wrapped)(environ, startResponse)
      return new Flow(outer, () => inner)
    }
  }
}

/** The inner iterable, counted. */
class Watched implements Iterable<Uint8Array>, Iterator<Uint8Array> {
  pulled = 0
  closed = false
  private readonly iterator: Iterator<Uint8Array>
  private readonly result: WsgiResult

  constructor(result: WsgiResult) {
    this.result = result
    this.iterator = result[Symbol.iterator]()
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<Uint8Array> {
    const step = this.iterator.next()
    if (step.done !== true) this.pulled++
    return step
  }

  close(): void {
    this.closed = true
    this.result.close?.()
  }
}

/** The outer iterable, compared with the inner one. */
class Flow implements Iterable<Uint8Array>, Iterator<Uint8Array> {
  private readonly outer: WsgiResult
  private readonly innerOf: () => Watched | null
  private iterator: Iterator<Uint8Array> | null = null

  constructor(outer: WsgiResult, innerOf: () => Watched | null) {
    //# ## Middleware
    //# W32: it returns at once: it reads nothing of the inner iterable before it is iterated itself.
    must((innerOf()?.pulled ?? 0) === 0, 'middleware reads the inner iterable before it returns its own')
    this.outer = outer
    this.innerOf = innerOf
  }

  [Symbol.iterator](): this {
    this.iterator = this.outer[Symbol.iterator]()
    return this
  }

  next(): IteratorResult<Uint8Array> {
    const before = this.innerOf()?.pulled ?? 0
    const step = (this.iterator as Iterator<Uint8Array>).next()
    //# W32: it yields at least once for each inner chunk, an empty chunk where it must wait for more.
    must(
      (this.innerOf()?.pulled ?? 0) - before <= 1,
      'middleware holds chunks back: it must yield for each inner chunk',
    )
    return step
  }

  close(): void {
    this.outer.close?.()
    //# W32: it calls close of the inner iterable.
    must(this.innerOf()?.closed ?? true, 'middleware does not close the inner iterable')
  }
}
