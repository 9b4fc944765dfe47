/*
 * Header fields.
 *
 * Facts about fields (RFC 9110 section 5): names are case-insensitive tokens; order matters among
 * fields of one name; a field that is a list may be sent as several lines, which mean the same as one
 * line joined by ", ". Set-Cookie is the exception on the way out, Cookie on the way in (RFC 6265
 * section 5.4: joined by "; ").
 *
 * Those of a request are a view over the text of its head: nothing is cut out before it is asked for.
 * Those of a response are checked on their way in, so that what is sent can neither break a line nor
 * end the head (response splitting; CVE-2016-2216: a character above U+00FF cut to a CR).
 */
import { GyreError } from '../../base/index.ts'

/**
 * Whether two names of header fields are the same: they differ in nothing but case (RFC 9110 section 5.1).
 *
 * @param one - a name
 * @param other - another; both are tokens
 * @returns whether they name the same field
 * @example
 * ```ts
 * console.log(sameName('ETag', 'etag'), sameName('ETag', 'Tag')) // true false
 * ```
 */
export function sameName(one: string, other: string): boolean {
  if (one === other) return true
  const { length } = one
  if (length !== other.length) return false
  for (let at = 0; at < length; at++) if (!sameLetter(one.charCodeAt(at), other.charCodeAt(at))) return false
  return true
}

const CASE_BIT = 0x20

function sameLetter(one: number, other: number): boolean {
  if (one === other) return true
  const lower = one | CASE_BIT
  return lower === (other | CASE_BIT) && lower >= 0x61 && lower <= 0x7a
}

/**
 * The header fields of a request, in the order and the case in which they were sent.
 *
 * @example
 * ```ts
 * const fields = RequestFields.from([['Accept', 'text/html'], ['accept', 'text/plain'], ['Host', 'a']])
 * console.log(fields.get('ACCEPT'), fields.count) // text/html, text/plain 3
 * for (const [name, value] of fields) console.log(`${name}=${value}`)
 * // Accept=text/html
 * // accept=text/plain
 * // Host=a
 * ```
 */
export class RequestFields implements Iterable<[name: string, value: string]> {
  private readonly text: string
  /** Four numbers for each field: where its name begins, its length, where its value begins, its length. */
  private readonly spans: readonly number[]

  /**
   * For parsers; `RequestFields.from` makes them of pairs.
   *
   * @param text - what the spans point into
   * @param spans - four numbers for each field
   */
  constructor(text: string, spans: readonly number[]) {
    this.text = text
    this.spans = spans
  }

  /**
   * Makes fields of pairs, for front doors that have no head and for tests. Nothing is checked.
   *
   * @param pairs - names and values, in order
   * @returns the fields
   */
  static from(pairs: Iterable<readonly [name: string, value: string]>): RequestFields {
    let text = ''
    const spans: number[] = []
    for (const [name, value] of pairs) {
      spans.push(text.length, name.length, text.length + name.length, value.length)
      text += name + value
    }
    return new RequestFields(text, spans)
  }

  /** How many fields there are, repeated ones counted each. */
  get count(): number {
    return this.spans.length / 4
  }

  /**
   * The value of a field.
   *
   * @param name - in any case
   * @returns the value, several joined by `, ` (Cookie by `; `); undefined where there is none
   * @example
   * ```ts
   * const answer = await inject((request, response) => {
   *   response.text(request.headers.get('user-agent') ?? 'nobody')
   * }, { headers: { 'User-Agent': 'a browser' } })
   * console.log(answer.text()) // a browser
   * ```
   */
  get(name: string): string | undefined {
    let found: string | undefined
    for (let at = this.find(name, 0); at >= 0; at = this.find(name, at + 4)) {
      const value = this.slice(at + 2)
      found = found === undefined ? value : found + separatorOf(name) + value
    }
    return found
  }

  /** The values of all fields of a name, in order. */
  getAll(name: string): string[] {
    const values: string[] = []
    for (let at = this.find(name, 0); at >= 0; at = this.find(name, at + 4)) values.push(this.slice(at + 2))
    return values
  }

  /** Whether there is a field of the name. */
  has(name: string): boolean {
    return this.find(name, 0) >= 0
  }

  /** The name of a field, as it was sent. @param index - from 0 to below `count` */
  nameAt(index: number): string {
    return this.slice(index * 4)
  }

  /** The value of a field. @param index - from 0 to below `count` */
  valueAt(index: number): string {
    return this.slice(index * 4 + 2)
  }

  /** The fields in order, as pairs of name and value. */
  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    for (let index = 0; index < this.count; index++) yield [this.nameAt(index), this.valueAt(index)]
  }

  /** Names and values in turn, like `rawHeaders` of Node. */
  toRaw(): string[] {
    const raw: string[] = []
    for (let index = 0; index < this.count; index++) raw.push(this.nameAt(index), this.valueAt(index))
    return raw
  }

  /** An object without prototype, its keys the names in lower case, its values as of `get`. */
  toObject(): Record<string, string> {
    const object = Object.create(null) as Record<string, string>
    // One pass: to look each name up would cost the square of their number (CVE-2025-67725).
    for (let index = 0; index < this.count; index++) {
      const name = this.nameAt(index).toLowerCase()
      const before = object[name]
      const value = this.valueAt(index)
      object[name] = before === undefined ? value : before + separatorOf(name) + value
    }
    return object
  }

  /** As `toObject`, for `JSON.stringify`. */
  toJSON(): Record<string, string> {
    return this.toObject()
  }

  /** @returns where the record of the next field of that name begins, from `from` on; -1 where there is none */
  private find(name: string, from: number): number {
    const { text, spans } = this
    const { length } = name
    for (let at = from; at < spans.length; at += 4) {
      if (spans[at + 1] !== length) continue
      const start = spans[at] as number
      let same = 0
      while (same < length && sameLetter(text.charCodeAt(start + same), name.charCodeAt(same))) same++
      if (same === length) return at
    }
    return -1
  }

  private slice(at: number): string {
    const start = this.spans[at] as number
    return this.text.slice(start, start + (this.spans[at + 1] as number))
  }
}

/** What joins several fields of a name. */
function separatorOf(name: string): string {
  return sameName(name, 'cookie') ? '; ' : ', '
}

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** RFC 9110 section 5.5, without the obsolete folding: SP, HTAB, VCHAR and obs-text. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Names that were found good before. Bounded, because a handler may make names of what clients send. */
const goodNames = new Set<string>()
const GOOD_NAMES = 256

function checkName(name: string): void {
  if (goodNames.has(name)) return
  if (typeof name !== 'string' || !TOKEN.test(name))
    throw new GyreError('GYRE_BAD_HEADER', `${JSON.stringify(name)} is not the name of a header field`)
  if (goodNames.size < GOOD_NAMES) goodNames.add(name)
}

/** @throws GyreError `GYRE_BAD_HEADER` */
export function checkValue(name: string, value: string): string {
  if (!VALUE.test(value))
    throw new GyreError('GYRE_BAD_HEADER', `${name} holds a control character or one above U+00FF`)
  return value
}

/** What a header field may be set to. */
export type FieldValue = string | number | readonly string[]

/**
 * The header fields of a response.
 *
 * @example
 * ```ts
 * const fields = new ResponseFields()
 * fields.set('Content-Type', 'text/plain')
 * fields.set('content-type', 'text/html')
 * fields.append('Set-Cookie', 'a=1')
 * fields.append('Set-Cookie', 'b=2')
 * for (const [name, value] of fields) console.log(`${name}: ${value}`)
 * // content-type: text/html
 * // Set-Cookie: a=1
 * // Set-Cookie: b=2
 * ```
 */
export class ResponseFields implements Iterable<[name: string, value: string]> {
  private readonly names: string[] = []
  private readonly values: string[] = []

  /** How many fields there are, repeated ones counted each. */
  get count(): number {
    return this.names.length
  }

  /**
   * Sets a field; what was set under that name before is replaced.
   *
   * @param name - in any case; it is sent as it is written here
   * @param value - text, a number, or a list that is sent as one line each
   * @throws GyreError `GYRE_BAD_HEADER` for a name or a value that HTTP does not allow
   * @example
   * ```ts
   * const answer = await inject((_request, response) => {
   *   response.headers.set('Cache-Control', 'no-store')
   *   response.text('today')
   * })
   * console.log(answer.headers.get('cache-control')) // no-store
   * ```
   */
  set(name: string, value: FieldValue): void {
    if (typeof value === 'object') {
      this.delete(name)
      for (const line of value) this.append(name, line)
      return
    }
    checkName(name)
    const text = checkValue(name, String(value))
    const at = this.find(name)
    if (at < 0) {
      this.names.push(name)
      this.values.push(text)
      return
    }
    this.removeFrom(at + 1, name)
    this.names[at] = name
    this.values[at] = text
  }

  /**
   * Adds a field and leaves those of the same name where they are.
   *
   * @param name - in any case
   * @param value - text or a number
   * @throws GyreError as `set`
   */
  append(name: string, value: string | number): void {
    checkName(name)
    this.values.push(checkValue(name, String(value)))
    this.names.push(name)
  }

  /** The value of a field, several joined by `, `; undefined where there is none. */
  get(name: string): string | undefined {
    const all = this.getAll(name)
    return all.length === 0 ? undefined : all.join(', ')
  }

  /** The values of all fields of a name, in order. */
  getAll(name: string): string[] {
    return this.values.filter((_value, at) => sameName(this.names[at] as string, name))
  }

  /** Whether there is a field of the name. */
  has(name: string): boolean {
    return this.find(name) >= 0
  }

  /** Takes all fields of a name out. */
  delete(name: string): void {
    this.removeFrom(0, name)
  }

  /** Takes all fields out. */
  clear(): void {
    this.names.length = 0
    this.values.length = 0
  }

  /** The name of a field, as it was set. @param index - from 0 to below `count` */
  nameAt(index: number): string {
    return this.names[index] as string
  }

  /** The value of a field. @param index - from 0 to below `count` */
  valueAt(index: number): string {
    return this.values[index] as string
  }

  /** The fields in order, as pairs of name and value. */
  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    for (let at = 0; at < this.names.length; at++) yield [this.nameAt(at), this.valueAt(at)]
  }

  private find(name: string): number {
    for (let at = 0; at < this.names.length; at++) if (sameName(this.names[at] as string, name)) return at
    return -1
  }

  private removeFrom(first: number, name: string): void {
    for (let at = this.names.length - 1; at >= first; at--) {
      if (!sameName(this.names[at] as string, name)) continue
      this.names.splice(at, 1)
      this.values.splice(at, 1)
    }
  }
}
