/*
 * The tokenizer of request heads: one head, whole, from the input area.
 *
 * The scanner tells plain heads, as most are, from all others (scanner.ts). Of these, llhttp checks the
 * grammar. What it lets through and HTTP/1.1 does not is refused here: versions, extra spaces and lines,
 * targets, Host, framing, counts (docs/http1.md).
 */
import { GyreError, latin1Text } from '../../base/index.ts'
import type { Limits } from '../../base/index.ts'
import { checkHost, checkTarget } from '../policy.ts'
import { RequestFields } from './fields.ts'
import { frameBody, isBlank, readConnection, trimWhitespace } from './framing.ts'
import type { Framing } from './framing.ts'
import * as llhttp from './llhttp.ts'
import { overfull, spanCount, spans } from './recorder.ts'

/** The limits that concern a head. */
export interface HeadLimits extends Pick<Limits, 'headBytes' | 'targetBytes' | 'fieldCount' | 'fieldBytes'> {
  /** Whether a dialect answers expectations that we do not know. */
  readonly anyExpectation?: boolean
  /** Whether a dialect answers requests of HTTP/1.1 that lack Host. */
  readonly hostOptional?: boolean
  /** Whether a dialect judges itself what targets hold, and names in Host. */
  readonly anyTarget?: boolean
  /** Whether any number of empty lines may stand before a request line, as after the body of the one before. */
  readonly linesBetween?: boolean
}

/**
 * A request head.
 *
 * @example
 * ```ts
 * const head = new RequestHead('GET', '/', 1, RequestFields.from([['Host', 'a']]))
 * console.log(head.method, head.framing, head.keepAlive) // GET none true
 * ```
 */
export class RequestHead {
  /** The method, as it was sent. */
  readonly method: string
  /** The target, as it was sent. */
  readonly target: string
  /** The version is 1.0 or 1.1. */
  readonly minor: 0 | 1
  /** The header fields. */
  readonly fields: RequestFields
  /** How the end of the body is told. */
  framing: Framing = 'none'
  /** The length of the body in bytes, where the framing is `length`. */
  contentLength = 0
  /** Whether the client wants the connection to go on. */
  keepAlive: boolean
  /** Whether the client waits for a 100 before it sends the body. */
  expectContinue = false
  /** What Expect asks for; null where there is none, or nobody heeds it. */
  expectation: string | null = null
  /** Whether there is a Host field. */
  hasHost = true
  /** Whether the client asks for another protocol. */
  upgrade = false

  /**
   * A head without a body, for tests and for front doors that read it elsewhere.
   *
   * @param method - as it was sent
   * @param target - as it was sent
   * @param minor - 1 for HTTP/1.1
   * @param fields - in order
   */
  constructor(method: string, target: string, minor: 0 | 1, fields: RequestFields) {
    this.method = method
    this.target = target
    this.minor = minor
    this.fields = fields
    this.keepAlive = minor === 1
  }
}

const GET_TARGET_AT = 'GET '.length
const CONTINUE = '100-continue'
const HOST = 'host'
const CR = 0x0d
const LF = 0x0a
const SP = 0x20
const ZERO = 0x30
const NINE = 0x39
const CASE_BIT = 0x20
const HTTP_1_DOT = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e] // "HTTP/1."
const MAJOR_AT = 5
const MINOR_AT = HTTP_1_DOT.length

let end = 0
/** Whether the last head was a plain one. */
let plain = false

/** @internal @returns where the parser stopped that has just refused a head */
export function faultAt(): number {
  return plain ? end : llhttp.stoppedAt()
}

/**
 * Where the head ended that `parseHead` has returned last: there the body begins, or the next head.
 *
 * @returns a place in `input.bytes`
 * @example
 * ```ts
 * const size = input.bytes.write('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next', 'latin1')
 * parseHead(0, size, { headBytes: 1_000, targetBytes: 100, fieldCount: 10, fieldBytes: 500 })
 * console.log(input.bytes.toString('latin1', headEnd(), size)) // GET /next
 * ```
 */
export function headEnd(): number {
  return end
}

/**
 * Parses one head that lies in `input.bytes[start, limit)` (RFC 9112 sections 2 to 6; docs/http1.md).
 *
 * @param start - the place of its first byte
 * @param limit - the place behind the last byte that has come
 * @param limits - sizes in bytes, and how many fields
 * @returns the head; undefined where it is not complete
 * @throws GyreError a refusal, with the status that it deserves
 * @example
 * ```ts
 * const size = input.bytes.write('GET /a?b HTTP/1.1\r\nHost: c\r\n\r\n', 'latin1')
 * const limits = { headBytes: 1_000, targetBytes: 100, fieldCount: 10, fieldBytes: 500 }
 * const head = parseHead(0, size, limits)
 * console.log(head?.method, head?.target, head?.fields.get('host')) // GET /a?b c
 * ```
 */
export function parseHead(start: number, limit: number, limits: HeadLimits): RequestHead | undefined {
  // No more is looked at than may be in a head, so that a head too large is refused alike however it comes.
  const most = Math.min(limit, start + limits.headBytes + 1)
  return plainHead(start, most, limits) ?? judgedHead(start, most, limits)
}

/** @internal @returns a head that needs no judge; undefined where it may need one, or is not complete (scanner.ts) */
export function plainHead(start: number, most: number, limits: HeadLimits): RequestHead | undefined {
  const { input, scanner } = llhttp
  const behind = scanner.scan(start, most, limits)
  plain = behind > 0
  if (!plain) return undefined
  end = behind
  const { targetAt, host } = scanner
  const text = latin1Text(input.bytes, start + targetAt, behind)
  const records = scanner.records()
  if (limits.anyTarget !== true)
    checkHost(text.slice(records[host + 2], (records[host + 2] as number) + (records[host + 3] as number)))
  const method = targetAt === GET_TARGET_AT ? 'GET' : 'HEAD'
  const head = new RequestHead(method, text.slice(0, scanner.targetSize), 1, new RequestFields(text, records))
  if (scanner.special !== 0) readSpecialFields(head, scanner.special, limits)
  return head
}

/** @internal @returns a head as llhttp reads it; undefined where it is not complete @throws GyreError a refusal */
export function judgedHead(start: number, most: number, limits: HeadLimits): RequestHead | undefined {
  const result = llhttp.executeHead(start, most)
  checkOpening(llhttp.input.bytes, start, most)
  const count = spanCount()
  checkTargetSize(count > 0 ? (spans[1] as number) : 0, limits)
  if (result === llhttp.OK) {
    checkHeadSize(most - start, limits)
    return undefined
  }
  if (result !== llhttp.PAUSED) {
    if (count === 0) checkTargetSize(targetBefore(llhttp.input.bytes, start, llhttp.stoppedAt()), limits)
    throw refusal(result, llhttp.refusalReason())
  }
  end = llhttp.stoppedAt()
  checkHeadSize(end - start, limits)
  if (overfull() || (count - 2) / 4 > limits.fieldCount)
    throw new GyreError('GYRE_TOO_MANY_FIELDS', `more than ${limits.fieldCount} header fields`)
  return readHead(start, count, limits)
}

/**
 * How long a target was before it was found to be wrong, of which the parser does not tell: one that is too long is
 * refused for that wherever it is cut, and one that came in pieces was told to be too long before its fault came.
 */
function targetBefore(bytes: Buffer, start: number, faultAt: number): number {
  let at = bytes.indexOf(SP, start)
  if (at < 0) return 0
  while (bytes[at] === SP) at++
  return faultAt - at
}

/** @internal @returns where something else than line ends begins */
export function skipLines(bytes: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && (bytes[at] === CR || bytes[at] === LF)) at++
  return at
}

/**
 * RFC 9112 section 2.2: one empty line before the request line is forgiven, and no more; llhttp takes any number of
 * them. Refused as soon as it is seen: who sends empty lines for ever would never get to a request.
 */
export function checkOpening(bytes: Buffer, start: number, end: number): void {
  const first = bytes[start]
  if ((first !== CR && first !== LF) || end === start) return
  const isLine = first === CR && (end - start < 2 || bytes[start + 1] === LF)
  const next = end - start < 3 ? 0 : bytes[start + 2]
  if (!isLine || next === CR || next === LF) throw malformed('more than one line before the request line')
}

/** @returns the error for what llhttp refuses */
export function refusal(result: number, reason: string): GyreError {
  // The preface of HTTP/2 (RFC 9113 section 3.4) is a well-formed request of a version that we do not speak.
  if (result === llhttp.HTTP2_PREFACE || (result === llhttp.INVALID_VERSION && reason === 'Invalid HTTP version'))
    return new GyreError('GYRE_UNKNOWN_VERSION')
  if (reason.includes('Content-Length') || reason.includes('Transfer-Encoding'))
    return new GyreError('GYRE_BAD_FRAMING', reason)
  return new GyreError('GYRE_MALFORMED_HEAD', reason)
}

/** RFC 9110 section 15.5.15. */
export function checkTargetSize(size: number, limits: HeadLimits): void {
  if (size > limits.targetBytes)
    throw new GyreError('GYRE_TARGET_TOO_LONG', `the target is longer than ${limits.targetBytes} bytes`)
}

/** RFC 6585 section 5. */
export function checkHeadSize(size: number, limits: HeadLimits): void {
  if (size > limits.headBytes)
    throw new GyreError('GYRE_HEAD_TOO_LARGE', `the head is larger than ${limits.headBytes} bytes`)
}

// Which of the fields that concern us a head has, as bits; scanner.wat has two of them.
const LENGTH = 1
const CODING = 2
const TYPE = 4
const CONNECTION = 8
const EXPECT = 16

/** @returns the bit of the field whose name lies there; 0 for all that are only the handler's business */
function bitOf(bytes: Buffer, at: number, length: number): number {
  // Most names are passed over by the comparison of their length.
  switch (length) {
    case 6:
      return isName(bytes, at, 'expect') ? EXPECT : 0
    case 10:
      return isName(bytes, at, 'connection') ? CONNECTION : 0
    case 12:
      return isName(bytes, at, 'content-type') ? TYPE : 0
    case 14:
      return isName(bytes, at, 'content-length') ? LENGTH : 0
    case 17:
      return isName(bytes, at, 'transfer-encoding') ? CODING : 0
    default:
      return 0
  }
}

function readHead(start: number, count: number, limits: HeadLimits): RequestHead {
  const { bytes } = llhttp.input
  const method = llhttp.methodName()
  // What may stand before the line, `checkOpening` has seen to.
  const line = bytes[start] === CR ? start + 2 : start
  const targetAt = spans[0] as number
  const targetEnd = targetAt + (spans[1] as number)
  if (targetAt !== line + method.length + 1) throw malformed('more than one space before the target')
  const minor = readVersion(bytes, targetEnd)

  const text = latin1Text(bytes, targetAt, end)
  const target = text.slice(0, targetEnd - targetAt)
  const records = new Array<number>(count - 2)
  let host: string | undefined
  let special = 0
  for (let at = 0; at < count - 2; at += 4) {
    const nameAt = spans[at + 2] as number
    const nameSize = spans[at + 3] as number
    const valueAt = spans[at + 4] as number
    let valueSize = spans[at + 5] as number
    if (nameSize + valueSize > limits.fieldBytes)
      throw new GyreError('GYRE_FIELD_TOO_LARGE', `a header field of more than ${limits.fieldBytes} bytes`)
    // RFC 9112 section 5.1: white space behind a value is no part of it; llhttp leaves it there.
    while (valueSize > 0 && isBlank(bytes[valueAt + valueSize - 1] as number)) valueSize--
    records[at] = nameAt - targetAt
    records[at + 1] = nameSize
    records[at + 2] = valueAt - targetAt
    records[at + 3] = valueSize
    if (nameSize !== HOST.length) special |= bitOf(bytes, nameAt, nameSize)
    else if (isName(bytes, nameAt, HOST)) {
      // RFC 9112 section 3.2: more than one Host is refused.
      if (host !== undefined) throw new GyreError('GYRE_BAD_HOST', 'more than one Host')
      host = text.slice(valueAt - targetAt, valueAt - targetAt + valueSize)
      if (limits.anyTarget !== true) checkHost(host)
    }
  }
  const fields = new RequestFields(text, records)
  const head = new RequestHead(method, target, minor, fields)
  if (host === undefined) {
    if (minor === 1 && limits.hostOptional !== true) throw new GyreError('GYRE_BAD_HOST', 'no Host')
    head.hasHost = false
  }
  if ((target !== '/' || method === 'CONNECT') && limits.anyTarget !== true) checkTarget(method, target, host)
  if (special !== 0) readSpecialFields(head, special, limits)
  return head
}

/** The fields that decide where the request ends and how the connection goes on. */
function readSpecialFields(head: RequestHead, special: number, limits: HeadLimits): void {
  const { fields, minor } = head
  if ((special & TYPE) !== 0 && fields.getAll('content-type').length > 1) throw malformed('more than one Content-Type')
  if ((special & (LENGTH | CODING)) !== 0) {
    const lengths = fields.getAll('content-length')
    // Even equal ones: RFC 9110 section 8.6 allows to refuse, and of two readers one may take the other.
    if (lengths.length > 1) throw new GyreError('GYRE_BAD_FRAMING', 'more than one Content-Length')
    const body = frameBody({ minor, transferEncoding: fields.get('transfer-encoding'), contentLength: lengths[0] })
    // RFC 9110 section 9.3.6: what follows a CONNECT is a tunnel to some readers, and a body to others.
    if (head.method === 'CONNECT' && (body.framing === 'chunked' || body.length > 0))
      throw new GyreError('GYRE_BAD_FRAMING', 'CONNECT with a body')
    head.framing = body.framing
    head.contentLength = body.length
  }
  if ((special & CONNECTION) !== 0) {
    const wish = readConnection(fields.get('connection') ?? '')
    head.keepAlive = !wish.close && (minor === 1 || wish.keepAlive)
    head.upgrade = wish.upgrade && minor === 1 && fields.has('upgrade')
  }
  // RFC 9110 section 10.1.1: from an HTTP/1.0 client it is ignored.
  if ((special & EXPECT) !== 0 && minor === 1) {
    head.expectation = trimWhitespace(fields.get('expect') ?? '')
    const isContinue = head.expectation.toLowerCase() === CONTINUE
    if (!isContinue && limits.anyExpectation !== true) throw new GyreError('GYRE_UNKNOWN_EXPECTATION')
    head.expectContinue = isContinue && (head.framing === 'chunked' || head.contentLength > 0)
  }
}

/** Exactly ` HTTP/1.0` or ` HTTP/1.1` and the end of the line. llhttp also takes RTSP, ICE, 0.9, 2.0 and none. */
function readVersion(bytes: Buffer, targetEnd: number): 0 | 1 {
  const at = targetEnd + 1
  let same = 0
  if (bytes[targetEnd] === SP) while (same < HTTP_1_DOT.length && bytes[at + same] === HTTP_1_DOT[same]) same++
  const minor = bytes[at + MINOR_AT] as number
  const lineEnds = bytes[at + MINOR_AT + 1] === CR && bytes[at + MINOR_AT + 2] === LF
  if (same === HTTP_1_DOT.length && lineEnds && (minor === ZERO || minor === ZERO + 1)) return (minor - ZERO) as 0 | 1
  const major = bytes[at + MAJOR_AT] as number
  if (same >= MAJOR_AT && major >= ZERO && major <= NINE && bytes[at + MAJOR_AT + 1] === HTTP_1_DOT[MAJOR_AT + 1])
    throw new GyreError('GYRE_UNKNOWN_VERSION')
  throw malformed('the request line does not end in a version of HTTP')
}

function isName(bytes: Buffer, at: number, name: string): boolean {
  for (let index = 0; index < name.length; index++)
    if (((bytes[at + index] as number) | CASE_BIT) !== name.charCodeAt(index)) return false
  return true
}

function malformed(detail: string): GyreError {
  return new GyreError('GYRE_MALFORMED_HEAD', detail)
}
