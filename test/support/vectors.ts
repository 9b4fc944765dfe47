/*
 * Vectors are Markdown: a heading with the rule in parentheses, a block with what is sent, a block with what becomes
 * of it. A line of the first ends with CRLF; `\r`, `\n`, `\t`, `\0`, `\\` and `\xNN` are what they are elsewhere, and
 * `\{3:ab}` is `ababab`.
 */
import { readFileSync } from 'node:fs'

export interface Vector {
  readonly name: string
  readonly bytes: Buffer
  readonly log: string
}

const PATTERN = /^### (.+)\n+```http\n([^]*?)\n```\n+```log\n([^]*?)\n?```$/gm
const CHARACTERS: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' }

function unescape(text: string): string {
  return text.replace(
    /\\(?:\{(\d+):([^}]*)\}|x([0-9a-f]{2})|([rnt0\\]))/g,
    (_all, times: string | undefined, what: string, hex: string | undefined, char: string) => {
      if (times !== undefined) return unescape(what).repeat(Number(times))
      return hex === undefined ? String(CHARACTERS[char]) : String.fromCharCode(Number.parseInt(hex, 16))
    },
  )
}

/** @param file - below test/vectors/http1 */
export function readVectors(file: string): Vector[] {
  const text = readFileSync(new URL(`../vectors/http1/${file}`, import.meta.url), 'utf8')
  return [...text.matchAll(PATTERN)].map(([, name = '', request = '', log = '']) => ({
    name,
    bytes: Buffer.from(unescape(request.replaceAll('\n', '\r\n')), 'latin1'),
    log,
  }))
}
