/*
 * Answers, read strictly: a tool that forgives what a server does wrong cannot test it. No input or
 * output here; bytes are pushed in as they come.
 */
import { GyreError } from '../base/index.ts'
import { ResponseFields } from '../protocol/index.ts'
import { escapeControls } from './recorder.ts'
import { TESTING } from './sizes.ts'

/** An interim answer, such as `100 Continue`. */
export interface InterimAnswer {
  /** The status code. */
  readonly status: number
  /** The reason phrase. */
  readonly reason: string
  /** The header fields, in order. */
  readonly headers: ResponseFields
}

/**
 * A whole answer, as `inject` brings it.
 *
 * @example
 * ```ts
 * const answer = await inject((_request, response) => response.json({ id: 1 }, 201))
 * console.log(answer.status, answer.reason, answer.headers.get('content-type')) // 201 Created application/json
 * console.log(answer.text(), answer.body.length) // {"id":1} 8
 * ```
 */
export class Answer {
  /** Such as `HTTP/1.1`. */
  readonly version: string
  /** The status code. */
  readonly status: number
  /** The reason phrase. */
  readonly reason: string
  /** The header fields, in order. */
  readonly headers: ResponseFields
  /** The body, its transfer coding taken off. */
  readonly body: Buffer
  /** The fields after a chunked body. */
  readonly trailers: ResponseFields
  /** What came before it. */
  readonly interim: readonly InterimAnswer[]

  /** For the parser. @internal */
  constructor(head: AnswerHead, body: Buffer, trailers: ResponseFields, interim: readonly InterimAnswer[]) {
    this.version = head.version
    this.status = head.status
    this.reason = head.reason
    this.headers = head.headers
    this.body = body
    this.trailers = trailers
    this.interim = interim
  }

  /** The body as text of UTF-8. */
  text(): string {
    return this.body.toString('utf8')
  }

  /** The body as JSON. @returns its value @throws SyntaxError where it is none */
  json(): unknown {
    return JSON.parse(this.text())
  }
}

interface AnswerHead extends InterimAnswer {
  readonly version: string
}

type Part = 'head' | 'counted' | 'chunkHead' | 'chunk' | 'chunkEnd' | 'trailers' | 'untilEnd'

const HEAD_END = '\r\n\r\n'
const LINE_END = '\r\n'
const STATUS_LINE = /^(HTTP\/1\.[01]) ([1-5]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/
const CHUNK_HEAD = /^([0-9A-Fa-f]{1,12})(?:;[\t\x20-\x7e\x80-\xff]*)?$/
const SWITCHING = 101
const FIRST_FINAL = 200
const NO_CONTENT = 204
const NOT_MODIFIED = 304

/** Cuts what a server sends into answers (RFC 9112 section 6.3). */
export class AnswerParser {
  /** Whole answers, in order. */
  readonly answers: Answer[] = []
  /** Interim answers before the one that is still to come. */
  interim: InterimAnswer[] = []
  private readonly methodOf: (index: number) => string
  private held: Buffer = Buffer.alloc(0)
  private part: Part = 'head'
  private head: AnswerHead | null = null
  private pieces: Buffer[] = []
  private trailers = new ResponseFields()
  private remaining = 0

  /** @param methodOf - the method of the request that the answer of an index belongs to: HEAD has no body */
  constructor(methodOf: (index: number) => string = () => 'GET') {
    this.methodOf = methodOf
  }

  /** True between two answers. */
  get atRest(): boolean {
    return this.part === 'head' && this.held.length === 0
  }

  /** Takes bytes. @throws GyreError `GYRE_ANSWER_BROKEN` for what is no answer */
  push(bytes: Buffer): void {
    this.held = this.held.length === 0 ? bytes : Buffer.concat([this.held, bytes])
    while (this.step());
  }

  /**
   * The server has ended its side.
   *
   * @throws GyreError `GYRE_ANSWER_BROKEN` where that cuts an answer short
   */
  end(): void {
    if (this.part === 'untilEnd') this.finish()
    else if (!this.atRest) throw broken(`the connection ended in the middle of an answer (${this.part})`)
  }

  /** @returns false where more must come first */
  private step(): boolean {
    switch (this.part) {
      case 'head':
        return this.readHead()
      case 'counted':
      case 'chunk':
        return this.readCounted()
      case 'chunkHead':
        return this.readChunkHead()
      case 'chunkEnd':
        return this.readChunkEnd()
      case 'trailers':
        return this.readTrailer()
      case 'untilEnd':
        if (this.held.length > 0) this.pieces.push(this.held)
        this.held = Buffer.alloc(0)
        return false
    }
  }

  private readHead(): boolean {
    const text = this.takeUntil(HEAD_END)
    if (text === undefined) return false
    const [line = '', ...lines] = text.split(LINE_END)
    const matched = STATUS_LINE.exec(line)
    if (matched === null) throw broken(`"${shown(line)}" is no status line`)
    const [, version = '', status = '', reason = ''] = matched
    const headers = new ResponseFields()
    for (const field of lines) addField(headers, field)
    const head = { version, status: Number(status), reason, headers }
    if (head.status < FIRST_FINAL && head.status !== SWITCHING) this.interim.push(head)
    else this.beginBody(head)
    return true
  }

  private beginBody(head: AnswerHead): void {
    const { status, headers } = head
    this.head = head
    const codings = headers.get('Transfer-Encoding')
    const lengths = headers.getAll('Content-Length')
    if (codings !== undefined && lengths.length > 0) throw broken('both Content-Length and Transfer-Encoding')
    if (lengths.length > 1 || lengths.some((length) => !/^\d{1,15}$/.test(length)))
      throw broken(`Content-Length: ${shown(lengths.join(', '))}`)
    const bodiless = this.methodOf(this.answers.length) === 'HEAD' || status === NO_CONTENT || status === NOT_MODIFIED
    // What follows a 101 is the other protocol's, whatever the method was.
    if (status === SWITCHING) this.part = 'untilEnd'
    else if (bodiless) this.finish()
    else if (codings !== undefined) {
      if (codings.toLowerCase() !== 'chunked') throw broken(`Transfer-Encoding: ${shown(codings)}`)
      this.part = 'chunkHead'
    } else if (lengths[0] !== undefined) {
      this.remaining = Number(lengths[0])
      if (this.remaining === 0) this.finish()
      else this.part = 'counted'
    } else this.part = 'untilEnd'
  }

  private readCounted(): boolean {
    if (this.held.length === 0) return false
    const count = Math.min(this.held.length, this.remaining)
    this.pieces.push(this.held.subarray(0, count))
    this.held = this.held.subarray(count)
    this.remaining -= count
    if (this.remaining > 0) return false
    if (this.part === 'chunk') this.part = 'chunkEnd'
    else this.finish()
    return true
  }

  private readChunkHead(): boolean {
    const line = this.takeUntil(LINE_END)
    if (line === undefined) return false
    const size = CHUNK_HEAD.exec(line)?.[1]
    if (size === undefined) throw broken(`"${shown(line)}" is no beginning of a chunk`)
    this.remaining = Number.parseInt(size, 16)
    this.part = this.remaining === 0 ? 'trailers' : 'chunk'
    return true
  }

  private readChunkEnd(): boolean {
    if (this.held.length < LINE_END.length) return false
    if (this.held.toString('latin1', 0, LINE_END.length) !== LINE_END) throw broken('a chunk is longer than it says')
    this.held = this.held.subarray(LINE_END.length)
    this.part = 'chunkHead'
    return true
  }

  private readTrailer(): boolean {
    const line = this.takeUntil(LINE_END)
    if (line === undefined) return false
    if (line === '') this.finish()
    else addField(this.trailers, line)
    return true
  }

  private finish(): void {
    this.answers.push(new Answer(this.head as AnswerHead, Buffer.concat(this.pieces), this.trailers, this.interim))
    this.part = 'head'
    this.head = null
    this.pieces = []
    this.trailers = new ResponseFields()
    this.interim = []
  }

  /** @returns what comes before the mark, which is taken too; undefined where the mark has not come */
  private takeUntil(mark: string): string | undefined {
    const at = this.held.indexOf(mark, 0, 'latin1')
    if (at > TESTING.answerHead || (at < 0 && this.held.length > TESTING.answerHead))
      throw broken(`more than ${TESTING.answerHead} bytes of ${this.part}`)
    if (at < 0) return undefined
    const text = this.held.toString('latin1', 0, at)
    this.held = this.held.subarray(at + mark.length)
    return text
  }
}

function addField(fields: ResponseFields, line: string): void {
  const matched = FIELD.exec(line)
  if (matched === null) throw broken(`"${shown(line)}" is no header field`)
  fields.append(matched[1] as string, matched[2] as string)
}

function shown(text: string): string {
  return escapeControls(text.slice(0, TESTING.kept))
}

function broken(detail: string): GyreError {
  return new GyreError('GYRE_ANSWER_BROKEN', `what came back is not a whole answer: ${detail}`)
}
