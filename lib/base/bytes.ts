/*
 * Node's direct ways between strings and bytes. `buffer.toString('latin1')` and `buffer.write` come
 * down to these after looking at their arguments, which costs as much again for the short strings of
 * a head. They are part of Buffer in every Node, and of no type declaration.
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
