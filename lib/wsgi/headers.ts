/*
 * wsgiref.headers.Headers: a list of header pairs to work on like a map, without regard to case. It changes the very
 * list that it was given, which is the one that goes to start_response.
 */
import { sameName } from '../protocol/index.ts'

type Pair = [name: string, value: string]

/**
 * Header fields over a list of pairs, as wsgiref.headers has them.
 *
 * @example
 * ```ts
 * const headers = new Headers([['Content-Type', 'text/plain']])
 * headers.set('content-type', 'text/html')
 * headers.setDefault('Cache-Control', 'no-store')
 * console.log(headers.pairs.join(' ')) // content-type,text/html Cache-Control,no-store
 * ```
 */
export class Headers implements Iterable<Pair> {
  /** The list itself, for start_response. */
  readonly pairs: Pair[]

  /** @param pairs - is worked on where it is */
  constructor(pairs: Pair[] = []) {
    this.pairs = pairs
  }

  /** How many fields there are, repeated ones counted each. */
  get length(): number {
    return this.pairs.length
  }

  /** The first value of a name; null where there is none. */
  get(name: string): string | null {
    return this.pairs.find(([other]) => sameName(other, name))?.[1] ?? null
  }

  /** All values of a name, in order. */
  getAll(name: string): string[] {
    return this.pairs.filter(([other]) => sameName(other, name)).map(([, value]) => value)
  }

  /** Whether there is a field of the name. */
  has(name: string): boolean {
    return this.pairs.some(([other]) => sameName(other, name))
  }

  /** Sets a field; what was set under that name before is taken out. */
  set(name: string, value: string): void {
    this.delete(name)
    this.pairs.push([name, value])
  }

  /** Sets a field unless it is set. @returns the value that it has then */
  setDefault(name: string, value: string): string {
    const former = this.get(name)
    if (former !== null) return former
    this.pairs.push([name, value])
    return value
  }

  /** Takes all fields of a name out. */
  delete(name: string): void {
    for (let at = this.pairs.length - 1; at >= 0; at--)
      if (sameName((this.pairs[at] as Pair)[0], name)) this.pairs.splice(at, 1)
  }

  /**
   * Adds a field with parameters, and leaves others of its name.
   *
   * @param name - in any case
   * @param value - what stands before the parameters; may be empty
   * @param parameters - by name; `_` becomes `-`; null adds the name alone
   * @example
   * ```ts
   * const headers = new Headers()
   * headers.add('Content-Disposition', 'attachment', { filename: 'a "b".txt' })
   * console.log(headers.get('content-disposition')) // attachment; filename="a \"b\".txt"
   * ```
   */
  add(name: string, value: string, parameters: Readonly<Record<string, string | null>> = {}): void {
    const parts = value === '' ? [] : [value]
    for (const [key, text] of Object.entries(parameters)) {
      const parameter = key.replaceAll('_', '-')
      parts.push(text === null ? parameter : `${parameter}="${text.replace(/[\\"]/g, '\\$&')}"`)
    }
    this.pairs.push([name, parts.join('; ')])
  }

  /** All names, in order. */
  keys(): string[] {
    return this.pairs.map(([name]) => name)
  }

  /** All values, in order. */
  values(): string[] {
    return this.pairs.map(([, value]) => value)
  }

  /** The pairs, in order. */
  [Symbol.iterator](): Iterator<Pair> {
    return this.pairs[Symbol.iterator]()
  }

  /** The fields as they go over the wire, with the empty line behind them. */
  toString(): string {
    return `${this.pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  }
}
