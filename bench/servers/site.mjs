/*
 * What the pages of every measured server hold, so that all do the same work:
 *
 *   GET /         text
 *   GET /last     the same, asked for on a connection that is to be closed
 *   GET /json     an object with two of the request's fields in it
 *   POST /upload  the number of bytes that came
 *   GET /stream   10 MiB in pieces of 64 KiB, their length announced
 */
export const HELLO = 'Hello, World!'
export const TEXT = 'text/plain; charset=utf-8'
export const PIECE = Buffer.alloc(65_536, 'x')
export const PIECES = 160
export const STREAM_SIZE = PIECE.length * PIECES

/** @param field - gives a field of the request by its name in small letters */
export const jsonPage = (field) => ({
  message: HELLO,
  agent: field('user-agent'),
  language: field('accept-language'),
})

/** All bytes of an answer, for servers that make none. */
export const wholeAnswer = (body, type, lines = '') =>
  `HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: ${type}\r\n` +
  `Content-Length: ${Buffer.byteLength(body)}\r\n${lines}\r\n${body}`

/** The last argument of every server. */
export const port = Number(process.argv.at(-1))
export const host = '127.0.0.1'
