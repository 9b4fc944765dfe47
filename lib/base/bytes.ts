/*
 * Node's direct ways between strings and bytes. `buffer.toString('latin1')` and `buffer.write` come
 * down to these after looking at their arguments, which costs as much again for the short strings of
 * a head. They are part of Buffer in every Node, and of no type declaration. A call out of JavaScript is some 40 ns in
 * itself, though: what is shorter than that is written here, letter by letter.
 */
interface DirectBuffer {
  latin1Slice(start: number, end: number): string
  latin1Write(text: string, at: number): number
  utf8Write(text: string, at: number): number
}

/** The bytes `[start, end)` as text, one character each. */
export function latin1Text(bytes: Buffer, start: number, end: number): string {
  return (bytes as unknown as DirectBuffer).latin1Slice(start, end)
}

/** Writes text one byte a character, as far as there is room. @returns how many bytes were written */
export function writeLatin1(bytes: Buffer, text: string, at: number): number {
  return (bytes as unknown as DirectBuffer).latin1Write(text, at)
}

/** Writes text as UTF-8, as far as there is room. @returns how many bytes were written */
export function writeUtf8(bytes: Buffer, text: string, at: number): number {
  return (bytes as unknown as DirectBuffer).utf8Write(text, at)
}

/** Text up to here is written in less time than the call would take that does it at once. */
const SHORT = 32
const LAST_ASCII = 0x7f

/**
 * Writes text that is ASCII; there must be room.
 *
 * @returns the place behind it; -1 where it is not ASCII, and what was written means nothing
 */
export function writeAscii(bytes: Buffer, text: string, at: number): number {
  const { length } = text
  if (length > SHORT) return Buffer.byteLength(text) === length ? at + writeLatin1(bytes, text, at) : -1
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code > LAST_ASCII) return -1
    bytes[at + index] = code
  }
  return at + length
}

const ZERO = 0x30
const TEN = 10

/** Writes a number, whole and not negative, in decimal digits; there must be room. @returns the place behind it */
export function writeDigits(bytes: Buffer, number: number, at: number): number {
  let end = at + 1
  for (let rest = number; rest >= TEN; rest = Math.floor(rest / TEN)) end++
  for (let place = end - 1, rest = number; place >= at; place--, rest = Math.floor(rest / TEN))
    bytes[place] = ZERO + (rest % TEN)
  return end
}
