/*
 * The Date field (RFC 9110 section 6.6.1), made anew once a second and not per response.
 */
const SECOND = 1_000

let second = -1
let line = ''

/**
 * The Date field as a line of the head (RFC 9110 section 6.6.1). It is made once a second.
 *
 * @param time - milliseconds since 1970
 * @returns the line, with its end
 * @example
 * ```ts
 * console.log(dateLine(784_111_777_000).trim()) // Date: Sun, 06 Nov 1994 08:49:37 GMT
 * ```
 */
export function dateLine(time: number): string {
  const now = Math.floor(time / SECOND)
  if (now !== second) {
    second = now
    line = `Date: ${httpDate(time)}\r\n`
  }
  return line
}

/**
 * A time as IMF-fixdate (RFC 9110 section 5.6.7), for fields such as Last-Modified and Expires.
 *
 * @param time - milliseconds since 1970
 * @returns the time, to the second
 * @example
 * ```ts
 * console.log(httpDate(784_111_777_000)) // Sun, 06 Nov 1994 08:49:37 GMT
 * ```
 */
export function httpDate(time: number): string {
  return new Date(time).toUTCString()
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/**
 * A time as access logs write it, in the Common Log Format, always of UTC.
 *
 * @param time - milliseconds since 1970
 * @returns the time, to the second, without brackets
 * @example
 * ```ts
 * console.log(logTime(971_186_136_000)) // 10/Oct/2000:13:55:36 +0000
 * ```
 */
export function logTime(time: number): string {
  const date = new Date(time)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()] ?? ''}/${date.getUTCFullYear()}`
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`
}

/**
 * A time as RFC 3339 writes it.
 *
 * @param time - milliseconds since 1970
 * @returns the time, to the millisecond
 * @throws RangeError for a time that no date has, such as NaN
 * @example
 * ```ts
 * console.log(isoTime(971_186_136_000)) // 2000-10-10T13:55:36.000Z
 * ```
 */
export function isoTime(time: number): string {
  return new Date(time).toISOString()
}
