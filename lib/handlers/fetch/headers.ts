/*
 * The header fields of a request, as the Fetch standard has them: a view over what was sent, which becomes
 * real `Headers` (1 µs and more) when somebody changes it or walks through it.
 *
 * @see https://fetch.spec.whatwg.org/#headers-class
 */
import type { RequestFields } from '../../protocol/index.ts'
import { resemble } from './resemble.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

export class LightHeaders {
  private readonly fields: RequestFields
  private made: Headers | null = null

  constructor(fields: RequestFields) {
    this.fields = fields
  }

  get(name: string): string | null {
    return this.made === null ? (this.fields.get(checked(name)) ?? null) : this.made.get(name)
  }

  has(name: string): boolean {
    return this.made === null ? this.fields.has(checked(name)) : this.made.has(name)
  }

  getSetCookie(): string[] {
    return this.native.getSetCookie()
  }

  set(name: string, value: string): void {
    this.native.set(name, value)
  }

  append(name: string, value: string): void {
    this.native.append(name, value)
  }

  delete(name: string): void {
    this.native.delete(name)
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, receiver?: unknown): void {
    this.native.forEach((value, name) => {
      callback.call(receiver, value, name, this)
    })
  }

  entries(): ReturnType<Headers['entries']> {
    return this.native.entries()
  }

  keys(): ReturnType<Headers['keys']> {
    return this.native.keys()
  }

  values(): ReturnType<Headers['values']> {
    return this.native.values()
  }

  [Symbol.iterator](): ReturnType<Headers['entries']> {
    return this.native.entries()
  }

  /** The real one, which counts from here on. */
  get native(): Headers {
    if (this.made === null) {
      this.made = new Headers()
      for (const [name, value] of this.fields) this.made.append(name, value)
    }
    return this.made
  }
}

resemble(LightHeaders, Headers, new Headers())

/** @throws TypeError as Headers does */
function checked(name: string): string {
  if (!TOKEN.test(name)) throw new TypeError(`${JSON.stringify(name)} is not the name of a header field`)
  return name
}
