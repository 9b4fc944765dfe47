/*
 * The scanner of plain heads against llhttp: what it takes, llhttp must take as well, and read alike. What it does not
 * take proves nothing, and is not looked at.
 */
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { GyreError, resolveLimits } from '../../lib/base/index.ts'
import { faultAt, headEnd, judgedHead, plainHead } from '../../lib/protocol/http1/head.ts'
import { input } from '../../lib/protocol/index.ts'
import type { HeadLimits, RequestHead } from '../../lib/protocol/index.ts'

const { headBytes, targetBytes, fieldCount, fieldBytes } = resolveLimits({})
export const usual = { headBytes, targetBytes, fieldCount, fieldBytes }
const BROWSER = readFileSync(new URL('../../bench/load/browser.txt', import.meta.url), 'latin1').trim()
export const browser = `GET /json?a=b HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n${BROWSER.replaceAll('\n', '\r\n')}\r\n\r\n`
export const plain = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'HEAD /a;b=c?d=/e?&%20[]{}|^`~+*@:$,() HTTP/1.1\r\nhOsT:a:80\r\n\r\n',
  'GET //a HTTP/1.1\r\nHOST:\t a \t\r\nConnection: keep-alive\r\nX: \xe9\xff \t"\\<>\r\n\r\n',
  "GET / HTTP/1.1\r\nA: 1\r\na: 2\r\n!#$%&'*+-.^_`|~09azAZ: ?\r\nHost: [::1]\r\nConnection: close\r\nContent-Type: b\r\nConnector: a\r\n\r\n",
  `GET /${'long/'.repeat(40)} HTTP/1.1\r\n${'Long-'.repeat(20)}: ${'a value '.repeat(60)}\r\nHost: a.example\r\n\r\n`,
  browser,
]

/** What comes of reading, as text: the head with all that it holds, or the refusal, and where it ended. */
function outcome(read: () => RequestHead | undefined): string {
  try {
    const head = read()
    return head === undefined ? 'none' : JSON.stringify([head, [...head.fields], headEnd()])
  } catch (error) {
    if (!(error instanceof GyreError)) throw error
    return `${error.code} ${error.message} ${faultAt()}`
  }
}

/** Reads what lies there in both ways. @returns whether the scanner took what lies there */
export function compare(start: number, end: number, limits: HeadLimits = usual): boolean {
  const most = Math.min(end, start + limits.headBytes + 1)
  const scanned = outcome(() => plainHead(start, most, limits))
  if (scanned === 'none') return false
  const judged = outcome(() => judgedHead(start, most, limits))
  if (scanned !== judged) expect(scanned, JSON.stringify(input.bytes.toString('latin1', start, end))).toBe(judged)
  return true
}

export const write = (text: string, at: number = 0): number => at + input.bytes.write(text, at, 'latin1')
