/*
 * Every error that Gyre raises has one row here: its code, the status it deserves when it meets a
 * client, whose fault it is and what it means. Docs and types are made from this table.
 *
 * The status 0 means that no answer can be given, because nobody is there to read it or because
 * no request is concerned.
 */

/** Whose fault an error is: the peer's, the handler's, the person's who configured the server, or Gyre's own. */
export type Blame = 'client' | 'app' | 'operator' | 'server'

/** One row of the errors table. */
export interface ErrorRow {
  /** HTTP status of the answer; 0 where there is none. */
  readonly status: number
  /** Whose fault it is. */
  readonly blame: Blame
  /** What it means, in one sentence. */
  readonly text: string
  /** The row of the limits table that was hit, where it is one. */
  readonly limit?: string
}

const client = (status: number, text: string, limit?: string): ErrorRow => row(status, 'client', text, limit)
const app = (status: number, text: string, limit?: string): ErrorRow => row(status, 'app', text, limit)
const operator = (text: string): ErrorRow => ({ status: 0, blame: 'operator', text })
const elsewhere = (status: number, text: string): ErrorRow => ({ status, blame: 'server', text })

function row(status: number, blame: Blame, text: string, limit: string | undefined): ErrorRow {
  return limit === undefined ? { status, blame, text } : { status, blame, text, limit }
}

/** The errors table: every code that Gyre raises. */
export const ERRORS = {
  // The request head (RFC 9112 sections 2 to 5)
  GYRE_MALFORMED_HEAD: client(400, 'The request line or a header field breaks the grammar of HTTP/1.1.'),
  GYRE_BAD_TARGET: client(400, 'The request target has a form that its method does not allow.'),
  GYRE_BAD_HOST: client(400, 'The Host header field is missing, repeated or malformed.'),
  GYRE_BAD_FRAMING: client(400, 'Content-Length and Transfer-Encoding do not say where the body ends without doubt.'),
  GYRE_UNKNOWN_CODING: client(501, 'The body has a transfer coding other than chunked.'),
  GYRE_UNKNOWN_VERSION: client(505, 'The protocol version is neither HTTP/1.0 nor HTTP/1.1.'),
  GYRE_UNKNOWN_EXPECTATION: client(417, 'The Expect header field asks for something other than 100-continue.'),
  GYRE_TARGET_TOO_LONG: client(414, 'The request target is longer than the limit targetBytes.', 'targetBytes'),
  GYRE_HEAD_TOO_LARGE: client(431, 'The request head is larger than the limit headBytes.', 'headBytes'),
  GYRE_TOO_MANY_FIELDS: client(431, 'The request head has more fields than the limit fieldCount.', 'fieldCount'),
  GYRE_FIELD_TOO_LARGE: client(431, 'A header field is larger than the limit fieldBytes.', 'fieldBytes'),
  GYRE_HEAD_TIMEOUT: client(408, 'The request head was not complete within headTime.', 'headTime'),

  // The request body
  GYRE_MALFORMED_BODY: client(400, 'The chunked body breaks its grammar.'),
  GYRE_FORBIDDEN_TRAILER: client(400, 'A trailer field has a name that belongs into the head.'),
  GYRE_TRAILERS_TOO_LARGE: client(431, 'The trailer fields are more than fieldCount or larger than headBytes.'),
  GYRE_BODY_TOO_LARGE: client(413, 'The body is larger than the limit bodyBytes.', 'bodyBytes'),
  GYRE_BODY_TIMEOUT: client(408, 'No byte of the body came for bodyIdleTime.', 'bodyIdleTime'),
  GYRE_BODY_TOO_SLOW: client(408, 'The body came more slowly than the limit bodyRate.', 'bodyRate'),
  GYRE_BODY_TRUNCATED: client(400, 'The connection ended before the body did.'),
  GYRE_BODY_NOT_JSON: client(400, 'The body is not valid JSON.'),
  GYRE_BODY_USED: app(500, 'The body was read before, and is not kept.'),

  // The peer
  GYRE_PEER_GONE: client(0, 'The peer closed or reset its connection.'),
  GYRE_WRITE_TIMEOUT: client(0, 'The client read nothing of the answer for writeStallTime.', 'writeStallTime'),
  GYRE_WRITE_TOO_SLOW: client(0, 'The client read the answer more slowly than the limit writeRate.', 'writeRate'),
  GYRE_OUTPUT_SHED: client(
    0,
    'Answers to slow clients held more memory than outputTotal; this one held most for longest.',
    'outputTotal',
  ),
  GYRE_ADDRESS_FULL: client(
    503,
    'The client has as many connections as connectionsPerAddress allows.',
    'connectionsPerAddress',
  ),
  GYRE_CONNECTIONS_FULL: client(503, 'The server holds as many connections as its limit allows.', 'connections'),
  GYRE_TLS_HANDSHAKE: client(0, 'The TLS handshake failed.'),
  GYRE_HANDSHAKE_TIMEOUT: client(0, 'The TLS handshake took longer than handshakeTime.', 'handshakeTime'),
  GYRE_HANDSHAKE_SHED: client(0, 'There was room for no more TLS handshakes, and this client had the most of them.'),
  GYRE_NOT_TLS: client(400, 'This port speaks HTTPS, and the client spoke plain HTTP.'),
  GYRE_NOT_FOUND: client(404, 'Nothing is mounted at this path.'),
  GYRE_METHOD_REFUSED: client(405, 'This server does not serve the method.'),
  GYRE_ANSWER_BROKEN: {
    status: 502,
    blame: 'server',
    text: 'What a server sent is not a whole answer of HTTP/1.1.',
  },

  // The handler
  GYRE_HANDLER_FAILED: app(500, 'The handler threw something that carries no status.'),
  GYRE_HANDLER_TIMEOUT: app(503, 'The handler was not done within the limit handlerTime.', 'handlerTime'),
  GYRE_OUTPUT_TOO_LARGE: app(
    500,
    'An answer in one piece is larger than the limit outputBytes; stream it with write().',
    'outputBytes',
  ),
  GYRE_NO_UPGRADE: client(426, 'The resource speaks another protocol, for which the client has not asked.'),
  GYRE_HANDLER_RESULT: app(500, 'The handler returned neither nothing, nor a generator, nor a promise.'),
  GYRE_RESPONSE_STARTED: app(500, 'The head of the response was sent already and cannot be changed.'),
  GYRE_RESPONSE_ENDED: app(500, 'The response was finished already.'),
  GYRE_BAD_STATUS: app(500, 'The response status is not a whole number from 200 to 599.'),
  GYRE_BAD_PAYLOAD: app(500, 'A body is neither text nor bytes.'),
  GYRE_BAD_HEADER: app(500, 'A response header has a name or a value that HTTP does not allow.'),
  GYRE_LENGTH_MISMATCH: app(500, 'The body of the response is not as long as its Content-Length says.'),

  // WSGI (PEP 3333)
  GYRE_WSGI_APP: app(500, 'The WSGI application or its result is not what PEP 3333 asks for.'),
  GYRE_WSGI_START: app(500, 'start_response was called with wrong arguments, twice, or too late.'),
  GYRE_WSGI_CHUNK: app(500, 'The WSGI application gave a chunk that is not bytes.'),
  GYRE_WSGI_INPUT: app(500, 'wsgi.input was read in a way that it cannot be read in.'),
  GYRE_WSGI_LINT: app(500, 'One side of the WSGI interface broke a rule that lint() checks.'),
  GYRE_WSGI_MODULE: app(
    500,
    'The module of a WSGI application in threads cannot be loaded, or exports no application.',
  ),
  GYRE_WSGI_BUSY: app(503, 'No thread was free for the WSGI application within requestTime.'),
  GYRE_WSGI_THREAD: app(502, 'The thread that ran the WSGI application has crashed.'),
  GYRE_WSGI_TIMEOUT: app(504, 'The WSGI application was not done within requestTime; its thread was ended.'),

  // Tasks
  GYRE_TIMEOUT: app(503, 'A scope with a deadline did not finish in time.'),
  GYRE_CANCEL_IGNORED: app(500, 'A cancelled task went on waiting after its grace was over, and was dropped.'),
  GYRE_TASK_MISUSE: app(500, 'A task or a scope was used in a way that its rules forbid.'),
  GYRE_QUEUE_CLOSED: app(503, 'The queue or the channel was shut down.'),

  // Streams and descriptors
  GYRE_STREAM_CLOSED: app(500, 'The stream was closed on this side.'),
  GYRE_IO_FAILED: { status: 500, blame: 'server', text: 'The operating system refused a read, a write or a wait.' },

  GYRE_LOOP_STALLED: app(0, 'A step of a task took longer than the limit stallTime.', 'stallTime'),
  GYRE_STREAM_ENDED: client(0, 'The stream ended before what was to be read was whole.'),
  GYRE_READ_LIMIT: client(0, 'A separator did not come within the limit of bytes that the reader has set.'),
  GYRE_STREAM_LEFTOVER: client(0, 'Bytes came before encryption was begun, and may have been slipped in.'),

  // Connecting to others
  GYRE_CONNECT_REFUSED: elsewhere(502, 'Nobody takes connections at that address.'),
  GYRE_CONNECT_UNREACHABLE: elsewhere(502, 'No way leads to that address, or this process may not take it.'),
  GYRE_CONNECT_TIMEOUT: elsewhere(504, 'A connection was not made in time.'),
  GYRE_NAME_UNKNOWN: elsewhere(502, 'The name of a host has no address.'),
  GYRE_CONNECT_TLS: elsewhere(502, 'The TLS handshake with a server failed, or its certificate is not trusted.'),

  // Threads and processes
  GYRE_THREAD_WORK: app(500, 'What was to run in a thread is no function that can be moved there.'),
  GYRE_THREAD_DATA: app(500, 'An argument or a result cannot be copied from one thread to another.'),
  GYRE_THREAD_LOST: app(500, 'A thread ended before its work was done.'),
  GYRE_PROCESS_START: app(500, 'A program could not be started.'),

  // Shutting down
  GYRE_SHUTDOWN: { status: 503, blame: 'server', text: 'The server shut down before the handler was done.' },

  GYRE_NOT_SERVED: { status: 0, blame: 'server', text: 'The connection ended before the turn of this request came.' },

  // Setting up
  GYRE_UNSAFE_LIMITS: operator('Limits were set so that one of them protects nothing any more.'),
  GYRE_BAD_OPTION: operator('An option is unknown or out of its range.'),
  GYRE_ADDRESS_IN_USE: operator('Another program listens at that address.'),
  GYRE_ADDRESS_DENIED: operator('The operating system does not allow this process to listen at that address.'),
  GYRE_ADDRESS_UNKNOWN: operator('The address does not exist on this machine.'),
  GYRE_NO_SOCKET: operator('The listening socket that was to be inherited was not passed, or does not listen.'),
  GYRE_TLS_CERTIFICATE: operator('A certificate or a key cannot be read, or they do not belong together.'),
  GYRE_IO_UNAVAILABLE: operator('The kind of io that was asked for cannot be had here.'),
  GYRE_SERVER_STATE: operator('The server is not in the state that this call needs.'),
} as const satisfies Record<string, ErrorRow>

/** The code of a row of the errors table. */
export type ErrorCode = keyof typeof ERRORS

/**
 * An error of Gyre's own, with a code, the status it deserves and whose fault it is.
 *
 * @example
 * ```ts
 * const answer = await inject(() => {
 *   throw new GyreError('GYRE_NOT_FOUND', 'no such page')
 * })
 * console.log(answer.status, answer.text().trim()) // 404 404 Not Found: no such page
 * ```
 */
export class GyreError extends Error {
  /** The row of the errors table (docs/errors.md). */
  readonly code: ErrorCode
  /** HTTP status of the answer; 0 where there is none. */
  readonly status: number
  /** Whose fault it is. */
  readonly blame: Blame

  /**
   * @param code - a row of the errors table
   * @param detail - what happened here in particular; the text of the row is used without it
   * @param cause - the error underneath, if there is one
   */
  constructor(code: ErrorCode, detail?: string, cause?: unknown) {
    const row = ERRORS[code]
    super(detail ?? row.text, cause === undefined ? undefined : { cause })
    this.name = 'GyreError'
    this.code = code
    this.status = row.status
    this.blame = row.blame
  }
}

const LOWEST_ERROR_STATUS = 400
const HIGHEST_ERROR_STATUS = 599

/**
 * The HTTP status that a thrown value asks for: its `status` property where that is from 400 to 599, else 500.
 * Only of errors that are meant as answers, which say so by a property `expose` (HttpError, http-errors): the
 * errors of many clients have a status too, and it is that of somebody else's answer.
 *
 * @param error - anything that was thrown
 * @returns a status from 400 to 599
 */
export function statusOf(error: unknown): number {
  try {
    if (typeof error === 'object' && error !== null && 'status' in error && isAnswer(error)) {
      const status = error.status
      if (
        typeof status === 'number' &&
        Number.isInteger(status) &&
        status >= LOWEST_ERROR_STATUS &&
        status <= HIGHEST_ERROR_STATUS
      )
        return status
    }
  } catch {
    // A getter of the application's that fails: what it guards is no status.
  }
  return ERRORS.GYRE_HANDLER_FAILED.status
}

/**
 * @returns what a thrown value says of itself; never throws, whatever it is
 */
export function describeError(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error)
  } catch {
    // An object without prototype, or with a toString of its own that fails.
    return 'something that cannot be written down'
  }
}

/** @returns the stack of what was thrown, or what it says of itself; never throws, whatever it is */
export function stackOf(error: unknown): string {
  try {
    if (error instanceof Error && typeof error.stack === 'string') return error.stack
  } catch {
    // As above.
  }
  return describeError(error)
}

/** @returns whether a thrown value is meant as an answer */
function isAnswer(error: object): boolean {
  return error instanceof GyreError || ('expose' in error && typeof error.expose === 'boolean')
}

/** @returns whether the message of a thrown value is meant for the client; never throws */
export function isExposed(error: unknown): boolean {
  try {
    if (error instanceof GyreError) return error.blame === 'client'
    return error instanceof Error && 'expose' in error && error.expose === true
  } catch {
    return false
  }
}
