/*
 * Writing access records: as lines of the Combined format that all log tools read, or as JSON.
 *
 * What a client has sent is escaped on its way into a line, so that nobody writes lines or terminal
 * sequences of his own into the log (CVE-2020-7694).
 */
import { GyreError, SIZES } from '../base/index.ts'
import { giveWay } from '../kernel/index.ts'
import type { Coroutine, Kernel } from '../kernel/index.ts'
import { isoTime, logTime } from '../protocol/index.ts'
import type { AccessRecord, AccessWriter } from './record.ts'

/** What the option `access` takes: a format, written to standard output, or a function that takes records. */
export type AccessOption = 'combined' | 'json' | AccessWriter

/**
 * A record as a line of the Combined Log Format of Apache and nginx, without line end. Behind it stand the
 * duration in milliseconds and the outcome, which that format does not know; tools overlook what follows.
 *
 * @param record - what became of a request
 * @returns the line, in which what a client has sent is escaped (CVE-2020-7694)
 * @example
 * ```ts
 * const lines: string[] = []
 * const access = (record: AccessRecord): void => void lines.push(combinedLine(record))
 * await inject((_request, response) => response.text('hi'), { path: '/a?b' }, { server: { access } })
 * console.log(/"(.*?)" (\d+) (\d+)/.exec(lines[0] ?? '')?.[0]) // "GET /a?b HTTP/1.1" 200 2
 * ```
 */
export function combinedLine(record: AccessRecord): string {
  const { remote, method, target, httpVersion, status, bytesOut, headers, duration, outcome, code } = record
  // Nothing that stands for an address may look like two fields.
  const address = remote.address === '' ? '-' : quoted(remote.address).replaceAll(' ', '\\x20')
  const line = method === '' ? '-' : `${method} ${quoted(target)} HTTP/${httpVersion}`
  const referer = quoted(headers?.get('referer') ?? '-')
  const agent = quoted(headers?.get('user-agent') ?? '-')
  const end = code === null ? outcome : `${outcome}:${code}`
  return `${address} - - [${logTime(record.time)}] "${line}" ${status} ${bytesOut} "${referer}" "${agent}" ${duration.toFixed(1)} ${end}`
}

/**
 * A record as one line of JSON, without line end. Times are in milliseconds, `time` as RFC 3339 has it.
 *
 * @param record - what became of a request
 * @returns the line
 * @example
 * ```ts
 * const lines: string[] = []
 * const access = (record: AccessRecord): void => void lines.push(jsonLine(record))
 * await inject((_request, response) => response.text('hi'), {}, { server: { access } })
 * const { method, status, outcome } = JSON.parse(lines[0] ?? '')
 * console.log(method, status, outcome) // GET 200 ok
 * ```
 */
export function jsonLine(record: AccessRecord): string {
  const { remote, headers, time, duration, clientTime, ...rest } = record
  const line = JSON.stringify({
    time: isoTime(time),
    remote: remote.address,
    port: remote.port,
    ...rest,
    duration: round(duration),
    clientTime: round(clientTime),
    referer: headers?.get('referer') ?? null,
    userAgent: headers?.get('user-agent') ?? null,
  })
  // JSON leaves DEL and the controls above it as they are; some terminals obey those too (ECMA-48).
  return line.replace(/[\u007f-\u009f]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`)
}

/**
 * Makes the writer that an option asks for.
 *
 * @param write - takes text for standard output; lines of one turn come together
 * @throws GyreError `GYRE_BAD_OPTION`
 */
export function accessWriter(option: AccessOption, kernel: Kernel, write: (text: string) => void): AccessWriter {
  if (typeof option === 'function') return option
  const format = { combined: combinedLine, json: jsonLine }[option] as ((record: AccessRecord) => string) | undefined
  if (format === undefined)
    throw new GyreError(
      'GYRE_BAD_OPTION',
      `access must be 'combined', 'json' or a function, not ${JSON.stringify(option)}`,
    )
  let text = ''
  function* flush(): Coroutine<void> {
    yield* giveWay()
    const lines = text
    text = ''
    write(lines)
  }
  return (record) => {
    if (text === '') kernel.spawn(flush(), { name: 'access log' })
    text += `${format(record)}\n`
  }
}

/** What Apache escapes inside quotes: the quote, the backslash, controls and what is not ASCII. */
function quoted(text: string): string {
  return text.replace(/["\\\u0000-\u001f\u007f-\uffff]/g, (char) => {
    if (char === '"' || char === '\\') return `\\${char}`
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}

/** Microseconds are the last that mean anything. */
function round(milliseconds: number): number {
  return Math.round(milliseconds * SIZES.second) / SIZES.second
}
