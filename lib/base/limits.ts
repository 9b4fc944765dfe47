/*
 * Every limit of the server is one row of this table: its name, default, unit, reason, and what
 * others chose. Options, checks and docs are made from it; no size or time stands anywhere else.
 * Times are in milliseconds, sizes in bytes.
 */
import { GyreError } from './errors.ts'

/** One row of the limits table. */
export interface LimitRow {
  /** What holds where nobody says otherwise. */
  readonly value: number
  /** What it is counted in. */
  readonly unit: 'bytes' | 'ms' | 'count' | 'bytes/s'
  /** Why there is a limit and why this one. */
  readonly why: string
  /** What comparable servers do. */
  readonly precedent: string
  /** The highest value that can be asked for, where the construction sets one. */
  readonly most: number
  /** The lowest value that makes sense. */
  readonly least: number
}

/** The largest head that can be asked for, in bytes. Heads are parsed where they are read to, so it must fit there. */
const HEAD = 65_536
/** Fields that the record of a head has room for. */
const FIELD_RECORDS = 2_048

function row(
  value: number,
  unit: LimitRow['unit'],
  why: string,
  precedent: string,
  { most = Infinity, least = 1 }: { readonly most?: number; readonly least?: number } = {},
): LimitRow {
  return { value, unit, why, precedent, most, least }
}

/** The limits table: every limit that a user may set, with its default. */
export const LIMITS = {
  headBytes: row(
    16_384,
    'bytes',
    'A head is held in memory until it is whole.',
    'node 16 KB, h11 16 KB, Tornado 64 KB',
    { most: HEAD },
  ),
  targetBytes: row(
    8_192,
    'bytes',
    'RFC 9112 section 3 recommends to support 8,000 octets.',
    'nginx 8 KB, gunicorn 4,094',
  ),
  fieldCount: row(
    100,
    'count',
    'Fields cost more than their bytes.',
    'gunicorn 100, Apache 100, node 2,000 (drops the rest)',
    { most: FIELD_RECORDS },
  ),
  fieldBytes: row(
    8_192,
    'bytes',
    'One field, its name and its value, must not take the whole head.',
    'nginx 8 KB, Apache 8,190, gunicorn 8,190',
  ),
  bodyBytes: row(
    1_048_576,
    'bytes',
    'A body that is gathered lies in memory.',
    'Fastify 1 MiB, nginx 1 MB, Tornado 100 MB',
  ),
  headTime: row(30_000, 'ms', 'A head that never ends holds a connection.', 'node 60 s, cheroot 10 s, Apache 20 s'),
  handshakeTime: row(
    10_000,
    'ms',
    'A TLS handshake that never ends holds a connection.',
    'nginx 60 s, Go 10 s by its header time, node 120 s between packets',
  ),
  bodyIdleTime: row(30_000, 'ms', 'A body that stops coming holds a handler.', 'Apache 20 s, nginx 60 s between reads'),
  bodyRate: row(
    240,
    'bytes/s',
    'A body that dribbles holds a handler too. Only time spent waiting for the client counts, after bodyIdleTime.',
    'Kestrel 240, Apache 500, uWebSockets.js 16 KB',
  ),
  handlerTime: row(
    Infinity,
    'ms',
    'Only the application knows how long its handlers may take. One that takes longer is cancelled, and 503 is sent.',
    'gunicorn 30 s (kills the worker), Fastify and node none',
  ),
  stallTime: row(
    Infinity,
    'ms',
    'While one step runs, everything else waits: one that takes longer is logged, and told on gyre.loop.stall. To watch costs two looks at the clock a step.',
    'gevent 100 ms (off by default), asyncio 100 ms (debug mode)',
  ),
  keepAliveTime: row(
    75_000,
    'ms',
    'More than the 60 s of common load balancers, so that they close first.',
    'nginx 75 s, Fastify 72 s, node 5 s',
  ),
  writeStallTime: row(
    60_000,
    'ms',
    'A reader that reads nothing holds a handler and its memory.',
    'nginx 60 s between writes',
  ),
  writeRate: row(
    240,
    'bytes/s',
    'A reader that takes one byte now and then never stalls. Only time spent waiting for it counts, after writeStallTime.',
    'Kestrel 240, others none',
  ),
  outputBytes: row(
    104_857_600,
    'bytes',
    'An answer in one piece lies in memory until the slowest client has read it; write() streams.',
    'Tornado 100 MB, others none',
  ),
  outputTotal: row(
    268_435_456,
    'bytes',
    'What answers to slow clients may hold in memory together; beyond it the largest and slowest is cut.',
    'none has it',
  ),
  connections: row(
    16_384,
    'count',
    'Descriptors and memory end somewhere; better to say so.',
    'nginx 512 a worker, waitress 100, node none',
  ),
  connectionsPerAddress: row(
    4_096,
    'count',
    'One address (of IPv6: one /64) may not take them all. This machine itself is not counted.',
    'nginx none by default, HAProxy none by default',
  ),
  requestsPerConnection: row(
    100_000,
    'count',
    'A client that never leaves stays with one process, however many there are.',
    'nginx 1,000, Apache 100, node none',
  ),
  pipelineDepth: row(
    64,
    'count',
    'Heads read ahead of the running request lie in memory.',
    'waitress reads on without bound, Tornado 1',
  ),
  drainBytes: row(
    65_536,
    'bytes',
    'A small unread rest is cheaper to read than a new connection.',
    'Go 256 KB, gunicorn 64 KB, hono 64 MB',
  ),
  lingerTime: row(
    1_000,
    'ms',
    'The client must read our last answer before its bytes make us reset (RFC 9112 9.6).',
    'nginx 5 s, Go 0.5 s',
  ),
  closeDelay: row(
    0,
    'ms',
    'How long close() goes on taking connections after server.ready is false, so that balancers notice.',
    'kubernetes: a sleep in preStop',
    { least: 0 },
  ),
  lastCallTime: row(
    200,
    'ms',
    'A request that was on its way when close() began is still answered, with Connection: close.',
    'none has it; others lose it',
    { least: 0 },
  ),
  closeTime: row(10_000, 'ms', 'How long close() lets running requests go on.', 'gunicorn 30 s, uWSGI 60 s'),
  cancelGrace: row(
    5_000,
    'ms',
    'How long the cleanup of a cancelled task may wait for things.',
    'none has it; trio leaves it to each shield',
  ),
} as const satisfies Record<string, LimitRow>

/** The name of a row of the limits table. */
export type LimitName = keyof typeof LIMITS

/** A complete set of limits. */
export type Limits = { readonly [Name in LimitName]: number }

/**
 * Limits of a WSGI mount: they belong to the mount, not to the server, because one server may host a quick application
 * beside one that computes for minutes.
 */
export const WSGI_LIMITS = {
  inputMemory: row(
    262_144,
    'bytes',
    'A body that must be whole before the application is called lies in memory up to this, and in a temporary file beyond.',
    'waitress 512 KB, nginx 16 KB',
    { least: 0 },
  ),
  threads: row(
    4,
    'count',
    'How many requests run at once, each in a thread with a memory of its own.',
    'waitress 4, gunicorn 1',
    { most: 256 },
  ),
  queue: row(
    128,
    'count',
    'Requests that wait for a thread; one more is answered with 503. A long queue only makes all wait in vain.',
    'uWSGI 100, waitress none, mod_wsgi 100',
    { most: 1_024 },
  ),
  requestTime: row(
    30_000,
    'ms',
    'A thread that works longer on one request is ended and replaced: nothing else stops code that never waits.',
    'gunicorn 30 s, uWSGI none',
  ),
  requestsPerThread: row(
    Infinity,
    'count',
    'A thread whose application leaks is replaced after so many requests, a tenth more or less.',
    'gunicorn and uWSGI none by default',
  ),
  threadMemory: row(
    536_870_912,
    'bytes',
    'The JavaScript heap of one thread; what needs more ends its own thread instead of the process.',
    'uWSGI none by default, Node 2 to 4 GB',
    { least: 16_777_216 },
  ),
  startTime: row(30_000, 'ms', 'How long a thread may take to load the application.', 'gunicorn 30 s'),
  stopTime: row(10_000, 'ms', 'How long close() lets requests in threads go on.', 'gunicorn 30 s', { least: 0 }),
  retryAfter: row(
    1_000,
    'ms',
    'What Retry-After says when the queue is full, rounded up to seconds.',
    'nginx and uWSGI send none',
  ),
} as const satisfies Record<string, LimitRow>

/** The name of a row of the table of WSGI limits. */
export type WsgiLimitName = keyof typeof WSGI_LIMITS

/** A complete set of limits of a WSGI mount. */
export type WsgiLimits = { readonly [Name in WsgiLimitName]: number }

/** Sizes and times that are measured facts of the construction, not options. */
export const SIZES = {
  /** Bytes taken by one read: 64 KB of body together with their head, and the system has said that there are no more. */
  input: 131_072,
  fieldRecords: FIELD_RECORDS,
  /** What a chunked body may have in bytes that are not body, whatever its size... */
  chunkOverhead: 16_384,
  /** ...and for each byte of body. A chunk of one byte needs five. */
  chunkOverheadRatio: 6,
  /** Digits of the size of a chunk, leading zeros among them: as many as a number of 64 bits has. */
  chunkSizeDigits: 16,
  /** Bytes of the extensions of one chunk. Those that sign each chunk need 85. */
  chunkExtension: 1_024,
  /** Bytes of the extensions of a whole body, besides as many as the body has itself (CVE-2023-39326). */
  chunkExtensions: 16_384,
  /** The highest number of a port. */
  highestPort: 65_535,
  /** Bytes of output that are gathered before they are sent. */
  output: 65_536,
  /** Bytes of one chunk of a body that is read straight into memory of its own. */
  bodyChunk: 65_536,
  /** Connections accepted in one go, so that those already open are not starved. */
  acceptBatch: 64,
  /** Rest after the operating system had no descriptor or memory for a new connection. */
  acceptPause: 100,
  /** Rest between two attempts to connect to addresses of one name (RFC 8305 section 5 recommends 250). */
  attemptDelay: 250,
  /** Bytes of a line, or of whatever else is read up to a separator, unless the reader says otherwise. */
  line: 65_536,
  /** How long a process may take to end after SIGTERM, before SIGKILL; less than the grace of its scope. */
  processGrace: 3_000,
  /** Length of the queue of connections that the operating system completed and we did not accept yet. */
  backlog: 4_096,
  /** Bytes of a stream that are written before other tasks have their turn, and what each write counts as besides. */
  turn: 262_144,
  turnPerWrite: 4_096,
  /** Connections turned away that get time to read why, at once. */
  farewells: 256,
  /** Bytes that are read and dropped of a connection whose last answer is out. */
  lingerBytes: 4_194_304,
  /** Bytes that Node may hold for one connection, beyond what the operating system holds. */
  nodeOutput: 262_144,
  /**
   * Bytes that the kernel holds unsent for one connection, beyond what is on its way (TCP_NOTSENT_LOWAT). It
   * holds 4 MB without, and a slow reader's progress is then seen in steps so large that it looks stalled. At
   * half a megabyte 2,000 slow readers took more than a gigabyte of the kernel, and all others waited for seconds.
   */
  unsent: 65_536,
  /** The same for a client that has shown that it reads: less made large writes to it cost a third more. */
  unsentFast: 524_288,
  /** How often room came before a client counts as one that reads; some 32 KB are taken each time. */
  unsentAfter: 8,
  /** Milliseconds after which a claim on the path of a unix socket counts as left behind by a killed process... */
  claimTime: 5_000,
  /** ...and between two looks at it. */
  claimPause: 10,
  /** TLS handshakes that are under way at one listener at once; each holds some 50 KB. */
  handshakes: 1_024,
  /** Milliseconds in which the peer of a closed socket of Node's must take something of what was written before... */
  closeStall: 10_000,
  /** ...and in which it must have taken all. */
  closeTotal: 60_000,
  /** Milliseconds of the longest timer of Node; 25 days. */
  longestTimer: 2_147_483_647,
  /** Bytes that a WSGI application in a thread may be ahead of its client, and that its input is handed over in. */
  wsgiOutput: 262_144,
  wsgiInput: 65_536,
  /** Room for one request that waits for a thread: its head, and its body where that is small. */
  wsgiSlot: 98_304,
  /** Numbers of requests in threads begin again behind this one: it fits a word of shared memory. */
  wsgiNumbers: 1_073_741_823,
  /** A thread that has claimed a request and not said so yet is looked at again after so many milliseconds. */
  wsgiSecondLook: 10,
  /** Bytes in what V8 counts heaps in. */
  megabyte: 1_048_576,
  /** Milliseconds in a second. */
  second: 1_000,
  /** Events taken from one epoll_wait. */
  epollEvents: 1_024,
} as const

/** @returns the limits as they stand in the table. */
export function defaultLimits(): Limits {
  return resolveLimits({})
}

/**
 * The table's limits with some of them replaced.
 *
 * @param given - limits to replace, by name
 * @returns a complete, frozen set
 * @throws GyreError `GYRE_BAD_OPTION` for an unknown name or a value that is not a whole number
 *   (`Infinity` lifts a limit)
 */
export function resolveLimits(given: Partial<Limits>): Limits {
  return resolveRows(LIMITS, given) as Limits
}

/** The same for the limits of a WSGI mount. @throws GyreError `GYRE_BAD_OPTION` */
export function resolveWsgiLimits(given: Partial<WsgiLimits>): WsgiLimits {
  return resolveRows(WSGI_LIMITS, given) as WsgiLimits
}

function resolveRows(table: Readonly<Record<string, LimitRow>>, given: object): Readonly<Record<string, number>> {
  // At once: what is put together name by name is a hash table to V8, and each request asks for some ten of these.
  const limits = Object.fromEntries(Object.entries(table).map(([name, { value }]) => [name, value]))
  for (const [name, value] of Object.entries(given as Record<string, number | undefined>)) {
    if (!Object.hasOwn(table, name))
      throw new GyreError(
        'GYRE_BAD_OPTION',
        `limits.${name} is not a limit; there are: ${Object.keys(table).join(', ')}`,
      )
    if (value === undefined) continue
    const { most, least } = table[name] as LimitRow
    if (value !== Infinity && !(Number.isSafeInteger(value) && value >= least))
      throw new GyreError(
        'GYRE_BAD_OPTION',
        `limits.${name} must be a whole number from ${least} on or Infinity, not ${String(value)}`,
      )
    if (value > most) throw new GyreError('GYRE_BAD_OPTION', `limits.${name} cannot be more than ${most}`)
    limits[name] = value
  }
  return Object.freeze(limits)
}

/** A limit as it is in force. */
export interface EffectiveLimit extends Pick<LimitRow, 'unit' | 'why'> {
  /** Its row of the table. */
  readonly name: LimitName
  /** What holds; Infinity where it was lifted. */
  readonly value: number
  /** Whether somebody has set it to another value than the table's. */
  readonly changed: boolean
}

/** @returns every limit as it is in force, in the order of the table */
export function effectiveLimits(limits: Limits): EffectiveLimit[] {
  return (Object.keys(LIMITS) as LimitName[]).map((name) => {
    const { unit, why, value } = LIMITS[name]
    return { name, value: limits[name], unit, changed: limits[name] !== value, why }
  })
}

/** What load balancers commonly wait before they close an idle connection, in milliseconds. */
const BALANCER_IDLE = 60_000

/** @returns a sentence for each limit that makes another one useless, with what to do */
export function unsafeCombinations(limits: Limits): string[] {
  const found: string[] = []
  if (limits.keepAliveTime <= BALANCER_IDLE)
    found.push(
      `keepAliveTime (${limits.keepAliveTime} ms) is not above the 60 s that load balancers keep idle connections: ` +
        'requests will be lost now and then; raise it, or lower theirs',
    )
  if (limits.bodyIdleTime === Infinity || limits.bodyRate <= 1)
    found.push('bodyIdleTime or bodyRate is lifted: a client may hold a handler by sending a body slowly')
  if (limits.headTime === Infinity) found.push('headTime is lifted: connections that send nothing are never closed')
  if (limits.writeStallTime === Infinity)
    found.push('writeStallTime is lifted: a client that reads nothing holds its handler and its answer for ever')
  if (limits.connections === Infinity)
    found.push('connections is lifted: the operating system, not the server, decides who is turned away')
  if (limits.lastCallTime > limits.closeTime)
    found.push('lastCallTime is above closeTime: idle connections are cut instead of being let go')
  return found
}
