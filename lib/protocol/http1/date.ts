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
