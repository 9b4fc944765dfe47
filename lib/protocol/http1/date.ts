/*
 * The Date field (RFC 9110 section 6.6.1), made anew once a second and not per response.
 */
const SECOND = 1_000

let second = -1
let line = ''

/**
 * The Date field as a line of the head.
 *
 * @param time - milliseconds since 1970
 */
export function dateLine(time: number): string {
  const now = Math.floor(time / SECOND)
  if (now !== second) {
    second = now
    line = `Date: ${httpDate(time)}\r\n`
  }
  return line
}

/** A time as IMF-fixdate (RFC 9110 section 5.6.7), such as `Sun, 06 Nov 1994 08:49:37 GMT`. @param time - milliseconds since 1970 */
export function httpDate(time: number): string {
  return new Date(time).toUTCString()
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A time as access logs write it: `10/Oct/2000:13:55:36 +0000`. @param time - milliseconds since 1970 */
export function logTime(time: number): string {
  const date = new Date(time)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()] ?? ''}/${date.getUTCFullYear()}`
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`
}

/** A time as RFC 3339 writes it: `2000-10-10T13:55:36.000Z`. @param time - milliseconds since 1970 */
export function isoTime(time: number): string {
  return new Date(time).toISOString()
}
