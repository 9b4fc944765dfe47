/*
 * Smuggling cases, made from the rules: every wrong value at every place where it can stand, in the
 * orders and spellings that are the same to HTTP. The numbers of the rules (H1 to H5) are those of
 * CONFORMANCE in the project's plan: framing, Host, whitespace, targets, chunks.
 *
 * Every case has a request hidden behind it or in it, which must never be answered.
 */
import type { Random } from '../random.ts'
import { escapeControls } from '../recorder.ts'

/**
 * What must come of a case: `refused` with 4xx or 5xx and the connection ended; `contained`: the hidden
 * request not served, and the connection ended; `served`, because nothing is wrong with it.
 */
export type SmugglingOutcome = 'refused' | 'contained' | 'served'

export interface SmugglingCase {
  /** The rule, and what is done to it. */
  readonly name: string
  readonly method: string
  readonly bytes: string
  readonly must: SmugglingOutcome
  /** How many answers may come at most; exactly so many where it must be served. */
  readonly answers: number
}

/** A head in the making; what is left out is as it should be. */
interface Draft {
  readonly rule: string
  readonly what: string
  readonly method?: string
  readonly target?: string
  readonly version?: string
  /** Lines of fields, without their ends; the first is Host where `hostless` is not set. */
  readonly fields?: readonly string[]
  readonly hostless?: boolean
  readonly lineEnd?: string
  readonly headEnd?: string
  readonly body?: string
  readonly must?: SmugglingOutcome
  readonly answers?: number
}

const LENGTH = 'Content-Length'
const CODING = 'Transfer-Encoding'
const CHUNKED = `${CODING}: chunked`
/** Ends a chunked body at once; five bytes, so that it fits Content-Length: 5 too. */
const EMPTY_CHUNKED = '0\r\n\r\n'

const BAD_LENGTHS = ['+5', '-5', '0x5', '5_0', '5,5', '5, 5', '5 5', '5;', '"5"', '5.0', '5e0', 'five', '', '\xb25']
const HUGE_LENGTHS = ['18446744073709551621', '99999999999999999999999999', '9007199254740993']
const BAD_CODINGS = [
  '',
  'identity',
  'gzip',
  'cow',
  'xchunked',
  'chunkedx',
  'chun ked',
  '"chunked"',
  'chunked;',
  'chunked, chunked',
  'chunked,chunked',
  'chunked, identity',
  'identity, chunked',
  'gzip, chunked',
  ',chunked',
  'chunked,',
  '\x0bchunked',
  '\x0cchunked',
  '\xa0chunked',
  'chunked\x85',
  'chunked\x0b',
]
const BAD_VERSIONS = ['HTTP/0.9', 'HTTP/2.0', 'HTTP/3.0', 'HTTP/1.10', 'HTTP/01.1', 'HTTP/1', 'HTTP/1.1x', 'http/1.1']
const OTHER_PROTOCOLS = ['RTSP/1.0', 'ICE/1.0', 'HTCPCP/1.0', '']
const BAD_HOSTS = ['a/b', 'a@b', 'a#b', 'a?b', 'a b', 'a:b', 'a, b', '[::1', 'a\\b', 'a<b']
const BAD_TARGETS: readonly [method: string, target: string][] = [
  ['GET', '*'],
  ['GET', 'a'],
  ['GET', '/a#b'],
  ['GET', '/a\\b'],
  ['GET', '/a"b'],
  ['GET', '/a<b>'],
  ['GET', '/a\x01b'],
  ['GET', '/a\x7fb'],
  ['GET', 'http://a@b/'],
  ['GET', 'http://other.example/'],
  ['GET', '/ /'],
  ['OPTIONS', '*x'],
  ['CONNECT', '/a'],
  ['CONNECT', 'a'],
]
/** What can be done to the line of a field so that some readers see it and others do not (H3). */
const BAD_LINES: readonly [what: string, (name: string, value: string) => string][] = [
  ['space before the colon', (name, value) => `${name} : ${value}`],
  ['tab before the colon', (name, value) => `${name}\t: ${value}`],
  ['vertical tab before the colon', (name, value) => `${name}\x0b: ${value}`],
  ['NUL before the colon', (name, value) => `${name}\0: ${value}`],
  ['CR before the colon', (name, value) => `${name}\r: ${value}`],
  ['non-breaking space before the colon', (name, value) => `${name}\xa0: ${value}`],
  ['folded', (name, value) => `${name}:\r\n ${value}`],
  ['folded by a tab', (name, value) => `${name}:\r\n\t${value}`],
  ['folded onto another', (name, value) => `X-Other: x\r\n ${name}: ${value}`],
  ['behind a bare CR', (name, value) => `X-Other: x\r${name}: ${value}`],
  ['behind a bare LF', (name, value) => `X-Other: x\n${name}: ${value}`],
  ['behind NUL', (name, value) => `X-Other: x\0${name}: ${value}`],
  ['NUL in the value', (name, value) => `${name}: ${value}\0`],
  ['bare CR in the value', (name, value) => `${name}: \r${value}`],
  ['bare CR after the value', (name, value) => `${name}: ${value}\r`],
  ['DEL in the value', (name, value) => `${name}: \x7f${value}`],
  ['vertical tab in the value', (name, value) => `${name}: \x0b${value}`],
  ['no name', (_name, value) => `: ${value}`],
  ['no colon', (name) => name],
  ['quoted name', (name, value) => `"${name}": ${value}`],
]
/** Beginnings of a chunk of three bytes that are none (H5). */
const BAD_CHUNK_SIZES = [
  '+3',
  '-3',
  '0x3',
  '3_',
  ' 3',
  '\t3',
  '',
  'g',
  '3g',
  '3 3',
  '3,',
  '"3"',
  '\xb23',
  '10000000000000003',
  'ffffffffffffffff3',
  '3;\0',
  '3;a\x01',
  '3;a="\x7f"',
  '3;a\rb',
  '3\r',
  '3\x0b',
]
const BAD_TRAILERS = ['no colon', ' folded: x', 'A : x', ': x', 'A\0: x', 'A: x\ry', 'A: \x01']

function framing(): Draft[] {
  const drafts: Draft[] = []
  const add = (what: string, fields: readonly string[], more: Partial<Draft> = {}): void =>
    void drafts.push({ rule: 'H1', what, fields, body: EMPTY_CHUNKED, ...more })
  const good = `${LENGTH}: 5`
  for (const value of [...BAD_LENGTHS, ...HUGE_LENGTHS]) {
    const bad = `${LENGTH}: ${value}`
    add(bad, [bad])
    add(`${bad}, then a good one`, [bad, good])
    add(`${bad}, after a good one`, [good, bad])
    add(`${bad}, beside chunked`, [bad, CHUNKED])
  }
  add('two lengths that differ', [good, `${LENGTH}: 6`])
  add('two lengths that are the same', [good, good])
  add('two lengths far apart', [good, 'X-Between: x', 'X-More: x', `${LENGTH}: 0`])
  for (const value of BAD_CODINGS) {
    const bad = `${CODING}: ${value}`
    add(bad, [bad])
    add(`${bad}, then a length`, [bad, good])
    add(`${bad}, after a length`, [good, bad])
    add(`${bad}, then chunked`, [bad, CHUNKED])
    add(`${bad}, after chunked`, [CHUNKED, bad])
  }
  for (const length of ['0', '5', '400'])
    for (const method of ['POST', 'GET', 'PUT', 'OPTIONS']) {
      add(`${method} with length ${length}, then chunked`, [`${LENGTH}: ${length}`, CHUNKED], { method })
      add(`${method} with chunked, then length ${length}`, [CHUNKED, `${LENGTH}: ${length}`], { method })
    }
  add('chunked twice', [CHUNKED, CHUNKED])
  for (const more of [[], ['Connection: keep-alive'], [good]])
    add(`chunked in HTTP/1.0 with ${more.join() || 'nothing else'}`, [CHUNKED, ...more], { version: 'HTTP/1.0' })
  for (const version of [...BAD_VERSIONS, ...OTHER_PROTOCOLS])
    for (const frame of [good, CHUNKED]) add(`version "${version}" with ${frame}`, [frame], { version })
  add('no version, and bare LF', [good], { version: '', lineEnd: '\n' })
  return drafts
}

function hosts(): Draft[] {
  const drafts: Draft[] = [{ rule: 'H2', what: 'no Host', hostless: true }]
  for (const host of BAD_HOSTS)
    drafts.push({ rule: 'H2', what: `Host: ${host}`, hostless: true, fields: [`Host: ${host}`] })
  for (const second of ['localhost', 'other.example', ''])
    drafts.push({ rule: 'H2', what: `a second Host "${second}"`, fields: ['X-Between: x', `Host: ${second}`] })
  drafts.push({
    rule: 'H2',
    what: 'two Content-Types',
    fields: ['Content-Type: text/plain', 'Content-Type: application/json', `${LENGTH}: 5`],
    body: EMPTY_CHUNKED,
  })
  return drafts
}

function lines(): Draft[] {
  const drafts: Draft[] = []
  for (const [what, write] of BAD_LINES) {
    for (const [name, value] of [
      [LENGTH, '5'],
      [CODING, 'chunked'],
      ['X-Plain', 'x'],
    ] as const)
      drafts.push({ rule: 'H3', what: `${name}, ${what}`, fields: [write(name, value)], body: EMPTY_CHUNKED })
    drafts.push({
      rule: 'H3',
      what: `${CODING} beside a length, ${what}`,
      fields: [`${LENGTH}: 5`, write(CODING, 'chunked')],
      body: EMPTY_CHUNKED,
    })
  }
  const ends: [what: string, Partial<Draft>][] = [
    ['lines end in a bare LF', { lineEnd: '\n', headEnd: '\n' }],
    ['lines end in a bare CR', { lineEnd: '\r', headEnd: '\r' }],
    ['lines end in CR CR LF', { lineEnd: '\r\r\n' }],
    ['lines end in LF CR', { lineEnd: '\n\r' }],
    ['the head ends in CR LF CR X', { headEnd: '\rX' }],
    ['the head ends in a bare LF', { headEnd: '\n' }],
    ['the first field is folded', { fields: [` ${LENGTH}: 5`], hostless: true }],
  ]
  for (const [what, part] of ends)
    for (const frame of [`${LENGTH}: 5`, CHUNKED])
      drafts.push({ rule: 'H3', what: `${what} (${frame})`, fields: [frame], body: EMPTY_CHUNKED, ...part })
  return drafts
}

function targets(): Draft[] {
  return BAD_TARGETS.map(([method, target]) => ({ rule: 'H4', what: `${method} ${target}`, method, target }))
}

function chunks(): Draft[] {
  const drafts: Draft[] = []
  const add = (what: string, body: string, more: Partial<Draft> = {}): void =>
    void drafts.push({ rule: 'H5', what, fields: [CHUNKED], body, must: 'contained', answers: 1, ...more })
  for (const size of BAD_CHUNK_SIZES) {
    add(`chunk size "${size}"`, `${size}\r\nabc\r\n0\r\n\r\n`)
    add(`chunk size "${size}" after a good one`, `1\r\nx\r\n${size}\r\nabc\r\n0\r\n\r\n`)
  }
  for (const end of ['\n', '\r', '\r\r\n', '\n\r', '\rX'])
    add(`a size line that ends otherwise (${end})`, `3${end}abc\r\n0\r\n\r\n`)
  for (const end of ['', '\n', '\r', 'XX', '\r\r\n', 'd\r\n', '\n\r'])
    add(`chunk data followed by "${end}"`, `3\r\nabc${end}0\r\n\r\n`)
  add('a last chunk "-0"', '3\r\nabc\r\n-0\r\n\r\n')
  add('an extension that ends in a bare LF', '3;a\nabc\r\n0\r\n\r\n')
  add('an extension with a request behind a bare LF', '1;a\nx\r\n0\r\n\r\n')
  // The end of the body is not there: the hidden request stands where a trailer would.
  add('the body does not end', '3\r\nabc\r\n0\r\n')
  for (const trailer of BAD_TRAILERS) add(`trailer "${trailer}"`, `0\r\n${trailer}\r\n\r\n`)
  for (const trailer of [`${LENGTH}: 60`, CHUNKED])
    // Dropping such a trailer is as good as refusing it; obeying it is not.
    add(`trailer ${trailer}`, `0\r\n${trailer}\r\n\r\n`, { answers: 2 })
  return drafts
}

/** What is right, and must not be refused for looking unusual. */
function rightOnes(): Draft[] {
  const right = (what: string, fields: readonly string[], body: string, method = 'POST'): Draft => ({
    rule: 'right',
    what,
    method,
    fields,
    body,
    must: 'served',
    answers: 2,
  })
  return [
    right('a length', [`${LENGTH}: 5`], 'abcde'),
    right('a length of 0', [`${LENGTH}: 0`], ''),
    right('chunked', [CHUNKED], '3\r\nabc\r\n0\r\n\r\n'),
    right('chunked in capitals', [`${CODING}: CHUNKED`], '3\r\nabc\r\n0\r\n\r\n'),
    right('chunk size with zeros before', [CHUNKED], '0003\r\nabc\r\n000\r\n\r\n'),
    right('chunk extensions', [CHUNKED], '3;a=b;c="d e"\r\nabc\r\n0;x\r\n\r\n'),
    right('a trailer', [CHUNKED], '3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n'),
    right('a body of GET', [`${LENGTH}: 5`], 'abcde', 'GET'),
    right('spaces after values', ['X-Plain: x  ', `${LENGTH}: 5 `], 'abcde'),
    right('no value', ['X-Empty:', `${LENGTH}: 5`], 'abcde'),
  ]
}

/**
 * Spellings that are the same to HTTP: the case of names, and spaces and tabs before values. None after
 * them: a server that is too strict there would refuse a case for a reason that is not the one meant.
 */
function respell(line: string, random: Random): string {
  const parsed = /^(Content-Length|Transfer-Encoding|Host): (.*)$/s.exec(line)
  if (parsed === null) return line
  const [, name = '', value = ''] = parsed
  const spelled = random.pick([name, name.toLowerCase(), name.toUpperCase()])
  return `${spelled}:${random.pick(['', ' ', '  ', '\t'])}${value}`
}

function write(draft: Draft, host: string, path: string, random: Random): SmugglingCase {
  const { method = 'POST', target = path, version = 'HTTP/1.1', lineEnd = '\r\n', must = 'refused' } = draft
  const { fields = [], hostless = false, headEnd = '\r\n', body = '', answers = 1 } = draft
  const filler = random.pick([[], [], ['X-Filler: x'], ['Accept: */*', 'Cookie: a=b']])
  const all = [...(hostless ? [] : [`Host: ${host}`]), ...fields.map((line) => respell(line, random)), ...filler]
  // What stands after a head end of its own kind must stay right behind it.
  const head = [`${method} ${target}${version === '' ? '' : ` ${version}`}`, ...all].join(lineEnd)
  const hidden = `GET ${must === 'served' ? path : '/hidden'} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
  return {
    name: `smuggling ${draft.rule}: ${escapeControls(draft.what)}`,
    method,
    bytes: `${head}${lineEnd}${headEnd}${body}${hidden}`,
    must,
    answers,
  }
}

/**
 * All cases. The seed changes spellings and fillers; which faults there are does not depend on it.
 *
 * @param host - the value of Host
 * @param path - what a plain request asks for
 */
export function smugglingCases(host: string, path: string, random: Random): SmugglingCase[] {
  const drafts = [...framing(), ...hosts(), ...lines(), ...targets(), ...chunks(), ...rightOnes()]
  return drafts.map((draft) => write(draft, host, path, random))
}
