/*
 * W1 to W33: what a server of PEP 3333 does, each seen from outside, over a socket, on the application of app.mjs or
 * app.py. A rule throws where it is broken. (s) SHOULD and (m) MAY are held as if they were musts; what is optional
 * altogether may be absent.
 */
import { ask } from './client.mjs'

/** @throws Error with what was found */
function expect(condition, what) {
  if (!condition) throw new Error(what)
}
const show = (value) => JSON.stringify(value)
function same(found, wanted, what) {
  expect(show(found) === show(wanted), `${what}: ${show(found)} instead of ${show(wanted)}`)
}

let count = 0
const newId = () => `${process.pid}-${Date.now()}-${++count}`
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** What a rule works with. */
export class Probe {
  constructor(url) {
    const { hostname, port, pathname } = new URL(url)
    this.target = { host: hostname, port: Number(port || 80) }
    this.prefix = pathname.replace(/\/$/, '')
    this.authority = `${hostname}:${port || 80}`
  }

  get(path, { method = 'GET', version = '1.1', fields = [], body = '', ...how } = {}) {
    const lines = [`${method} ${this.prefix}${path} HTTP/${version}`, `Host: ${this.authority}`, ...fields]
    if (body !== '') lines.push(`Content-Length: ${body.length}`)
    return ask(this.target, `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n${body}`, { ...how, method })
  }

  raw(text, how) {
    return ask(this.target, text, how)
  }

  async environ(path = '/', how = {}) {
    const { status, body } = await this.get(path, how)
    expect(status === 200, `the application was not reached: ${status}`)
    return JSON.parse(body)
  }

  async log(id) {
    return (await this.get(`/log?id=${id}`)).body
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
  }

  /** Waits until something was noted. */
  async logged(id, wanted, what) {
    let found = []
    for (let tries = 0; tries < 100; tries++) {
      found = await this.log(id)
      if (found.length >= wanted.length) break
      await pause(50)
    }
    // Once more: what comes twice comes soon after.
    await pause(50)
    same(await this.log(id), wanted, what)
  }

  async input(steps, body, fields = []) {
    const answer = await this.get(`/input?do=${steps}`, { method: 'POST', body, fields })
    expect(answer.status === 200, `${steps}: ${answer.status}`)
    return JSON.parse(answer.body)
  }
}

async function raises(probe, cases) {
  for (const name of cases) {
    const { status, body, headers } = await probe.get(`/wrong?case=${name}`)
    expect(headers['x-evil'] === undefined, `${name}: a header was smuggled in`)
    expect(
      status === 200 && body === 'raised',
      `${name}: ${body === 'accepted' ? 'was accepted' : `${status} ${body.slice(0, 60)}`}`,
    )
  }
}

/** A failure before the head: an answer of 5xx, or none. */
function isFailure({ status, body }) {
  return status >= 500 || (status === 0 && body === '')
}

export const RULES = {
  async W1(probe) {
    same((await probe.environ()).arguments, 2, 'arguments')
  },
  async W2(probe) {
    for (let round = 0; round < 3; round++) {
      const { plain, marked, strings } = await probe.environ()
      expect(plain, 'environ is not a plain dictionary')
      expect(!marked && strings.REQUEST_METHOD === 'GET', 'environ was used before')
    }
  },
  async W3(probe) {
    for (const version of ['1.0', '1.1']) {
      const { strings } = await probe.environ('/a?b=c', { version })
      for (const key of ['REQUEST_METHOD', 'SERVER_NAME', 'SERVER_PORT']) expect(strings[key], `${key} is empty`)
      same([strings.SERVER_PROTOCOL, strings.QUERY_STRING], [`HTTP/${version}`, 'b=c'], 'protocol and query')
    }
    const bare = JSON.parse((await probe.raw(`GET ${probe.prefix}/ HTTP/1.0\r\n\r\n`)).body)
    expect(bare.strings.SERVER_NAME, 'SERVER_NAME is empty without Host')
  },
  async W4(probe) {
    for (const path of ['/', '/a', '/a/b/', '/a%20b']) {
      const { SCRIPT_NAME = '', PATH_INFO = '' } = (await probe.environ(path)).strings
      expect(SCRIPT_NAME === '' || /^\/./.test(SCRIPT_NAME), `SCRIPT_NAME is ${show(SCRIPT_NAME)}`)
      same(SCRIPT_NAME + PATH_INFO, decodeURIComponent(probe.prefix + path), 'the path')
    }
  },
  async W5(probe) {
    const { strings } = await probe.environ('/%C3%A9%E2%82%AC', { fields: ['X-Obs: \u00e9'] })
    same([strings.PATH_INFO, strings.HTTP_X_OBS], ['/\u00c3\u00a9\u00e2\u0082\u00ac', '\u00e9'], 'bytes as characters')
    for (const [key, value] of Object.entries(strings))
      expect(!/[^\u0000-\u00ff]/.test(value), `${key} is no native string`)
  },
  async W6(probe) {
    const fields = ['X-Some-Thing: 1', 'Content-Type: text/x', 'X-Forged: honest', 'X_Forged: evil']
    const { strings, keys } = await probe.environ('/', { fields })
    same([strings.HTTP_X_SOME_THING, strings.CONTENT_TYPE], ['1', 'text/x'], 'fields')
    expect(!keys.includes('HTTP_CONTENT_TYPE') && !keys.includes('HTTP_CONTENT_LENGTH'), 'HTTP_CONTENT_*')
    expect(!keys.includes('HTTP_X_OTHER_THING'), 'a field that was not sent')
    same(strings.HTTP_X_FORGED, 'honest', 'X_Forged and X-Forged collide')
  },
  async W7(probe) {
    const { version, strings, input, errors, flags } = await probe.environ()
    same([version, strings['wsgi.url_scheme'], input, errors], [[1, 0], 'http', true, true], 'wsgi.*')
    expect(
      flags.every((flag) => typeof flag === 'boolean'),
      'flags are no booleans',
    )
  },
  async W8(probe) {
    const strange = (await probe.environ()).keys.filter(
      (key) => !/^([A-Z][A-Z0-9_]*|[a-z][a-z0-9_]*\.[a-z0-9_.]+)$/.test(key),
    )
    same(strange, [], 'keys')
  },
  async W9(probe) {
    const body = 'ab\ncd\nef\ngh'
    same(
      await probe.input('read:2,readline,readline:1,readlines:1,iterate,read,read:5,readline', body),
      ['11', ['ab', '\n', 'c', 'd\n', 'ef\n', 'gh', '', '', '']],
      'reads',
    )
    same(await probe.input('read', body), ['11', [body]], 'read() without size')
    same((await probe.input('read,readline', ''))[1], ['', ''], 'reads without a body')
  },
  async W10(probe) {
    same((await probe.get('/errors')).body, 'ok', 'writing to wsgi.errors')
  },
  async W11(probe) {
    same((await probe.get('/write')).body, 'abcd', 'what was written')
  },
  async W12(probe) {
    await raises(probe, [
      'no-reason',
      'number',
      'status-crlf',
      'name-space',
      'name-colon',
      'value-crlf',
      'value-lf',
      'value-control',
    ])
  },
  async W13(probe) {
    await raises(probe, ['connection', 'transfer-encoding', 'upgrade', 'keep-alive'])
  },
  async W14(probe) {
    for (const path of ['/twice', '/twice-after-raise'])
      expect(isFailure(await probe.get(path)), `${path} was answered as if nothing had happened`)
  },
  async W15(probe) {
    const replaced = await probe.get('/replace')
    same(
      [replaced.status, replaced.reason, replaced.body, replaced.headers['x-first']],
      [502, 'Sorry', 'sorry', undefined],
      'replaced',
    )
    const id = newId()
    const late = await probe.get(`/late?id=${id}`)
    expect(late.text.includes('sent') && !late.text.includes('never'), 'after the head was sent the iteration went on')
    expect(late.framing === 'close' || !late.complete, 'the answer ends as if it were whole')
    await probe.logged(id, ['original'], 'the error that is raised again')
  },
  async W16(probe) {
    for (const path of ['/lazy', '/lazy-write']) {
      const { status, reason, body } = await probe.get(path)
      same([status, reason, body], [201, 'Second', 'x'], path)
    }
  },
  async W17(probe) {
    const { status, body } = await probe.get('/step')
    same([status, body], [200, 'late'], 'start_response in the first step')
    expect(isFailure(await probe.get('/nostart')), 'a chunk without start_response was sent')
  },
  async W18(probe) {
    const { times, body } = await probe.get('/slow')
    const asked = Number(/one (\d+) end/.exec(body)?.[1])
    const seen = times.find(({ text }) => text.includes('one '))?.at
    expect(seen <= asked, `the first chunk came ${seen - asked} ms after the second was made`)
    expect(seen <= asked - 200, `the first chunk was held back for ${500 - (asked - seen)} ms`)
  },
  async W19(probe) {
    const { status, body, complete } = await probe.get('/empties')
    same([status, body, complete], [200, 'ab', true], 'an answer with empty chunks')
  },
  async W20(probe) {
    const { body } = await probe.get('/all-bytes')
    same(body, `${String.fromCharCode(...Array.from({ length: 256 }, (_none, at) => at))}\n\r\n`, 'bytes')
    const text = await probe.get('/text-chunk')
    expect(!text.body.includes('texttext') && (isFailure(text) || !text.complete), 'text was taken for bytes')
  },
  async W21(probe) {
    for (const name of ['end', 'error']) {
      const id = newId()
      await probe.get(`/close?case=${name}&id=${id}`)
      await probe.logged(id, ['close'], name)
    }
    const id = newId()
    await probe.get(`/close?case=gone&id=${id}`, { leaveAfter: 1000 })
    await probe.logged(id, ['close'], 'the client has gone')
  },
  async W22(probe) {
    const id = newId()
    same((await probe.get(`/attributes?id=${id}`)).body, 'ab', 'the answer')
    same(await probe.log(id), [], 'attributes that were looked at')
  },
  async W23(probe) {
    const long = await probe.get('/length?announced=3&body=abcdef')
    same([long.body, long.text.endsWith('\r\n\r\nabc')], ['abc', true], 'a body that is too long')
    const id = newId()
    const written = await probe.get(`/length?announced=3&body=abcdef&how=write&id=${id}`)
    expect(written.text.endsWith('\r\n\r\nabc'), `what was written: ${show(written.text.slice(-20))}`)
    same(await probe.log(id), ['raised'], 'write of too much')
    const short = await probe.get('/length?announced=6&body=abc')
    expect(!short.complete, 'a body that is too short ends as if it were whole')
  },
  async W24(probe) {
    const one = await probe.get('/one')
    same([one.body, one.headers['content-length'] ?? '3', one.complete], ['abc', '3', true], 'one chunk')
    const several = await probe.get('/several')
    same([several.body, several.complete], ['abc', true], 'several chunks')
    const old = await probe.get('/several', { version: '1.0' })
    same(
      [old.body, old.complete, old.headers['transfer-encoding']],
      ['abc', true, undefined],
      'several chunks to HTTP/1.0',
    )
  },
  async W25(probe) {
    expect((await probe.get('/one')).headers.date, 'there is no Date')
    const { headers } = await probe.get('/own-date')
    same(
      [headers.date, headers.server],
      ['Thu, 01 Jan 1970 00:00:00 GMT', 'its own'],
      "the application's Date and Server",
    )
  },
  async W26(probe) {
    const head = (version) =>
      `POST ${probe.prefix}/input?do=read HTTP/${version}\r\nHost: ${probe.authority}\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n`
    let sent = false
    const answer = await probe.raw(head('1.1'), {
      onData(text, send) {
        if (sent || !text.startsWith('HTTP/1.1 100 ')) return
        sent = true
        send('abc')
      },
    })
    expect(sent, 'there was no 100 Continue')
    same(JSON.parse(answer.body)[1], ['abc'], 'the body')
    same(answer.text.split('HTTP/1.1 100').length, 2, 'how many 100')
    const old = await probe.raw(`${head('1.0')}abc`)
    expect(!old.text.includes(' 100 '), 'HTTP/1.0 was sent a 100')
  },
  async W27(probe) {
    const { status, body } = await probe.raw(
      `POST ${probe.prefix}/input?do=read HTTP/1.1\r\nHost: ${probe.authority}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n` +
        '3\r\nabc\r\n5;x=y\r\nde\r\nf\r\n0\r\n\r\n',
    )
    expect(status === 200, `${status}`)
    same(JSON.parse(body)[1], ['abcde\r\nf'], 'a body that came in chunks')
  },
  async W28(probe) {
    const { body, complete } = await probe.get('/write')
    same([body, complete], ['abcd', true], 'the order')
  },
  async W29(probe) {
    const early = await probe.get('/raise')
    expect(early.status === 500, `an error before the head: ${early.status}`)
    expect(!early.body.includes('a secret'), 'the message of the error is shown to the client')
    const late = await probe.get('/raise-late')
    expect(
      late.text.includes('begun') && !(late.complete && late.framing !== 'close'),
      'an error after the head ends as if all were well',
    )
  },
  async W30(probe) {
    const { flags } = await probe.environ()
    const id = newId()
    await Promise.all([1, 2, 3].map(() => probe.get(`/overlap?id=${id}`)))
    const words = await probe.log(id)
    same(words.length, 6, 'calls and returns')
    const overlaps = words.some((word, at) => word === 'in' && words[at + 1] === 'in')
    expect(!overlaps || flags[0] || flags[1], 'requests ran in parallel, and environ says that they do not')
  },
  async W31(probe) {
    const id = newId()
    const { body } = await probe.get(`/file?id=${id}`)
    if (body === 'absen') return
    same(body, '23456', 'the file from where it stood, as far as Content-Length')
    // The client has the last byte before the application is told that it was the last.
    let words = []
    for (let tries = 0; tries < 100 && words.at(-1) !== 'close'; tries++) words = await probe.log(id)
    expect(
      words.at(-1) === 'close' && words.filter((word) => word === 'close').length === 1,
      `the file was not closed: ${show(words)}`,
    )
  },
  async W32(probe) {
    const id = newId()
    const { body, complete } = await probe.get(`/middleware?id=${id}`)
    same([body, complete], ['ABCD', true], 'an answer through middleware')
    await probe.logged(id, ['close'], 'close of what is inside')
  },
  async W33(probe) {
    for (const path of ['/url', '/url?a=b%20c&d', '/url?'])
      same(
        (await probe.get(path)).body,
        `http://${probe.authority}${probe.prefix}${path.replace(/\?$/, '')}`,
        'the URL',
      )
    const bare = await probe.raw(`GET ${probe.prefix}/url HTTP/1.0\r\n\r\n`)
    expect(/^http:\/\/[^/:]+(:\d+)?\//.test(bare.body), `without Host: ${bare.body}`)
  },
}

/** Tries one rule. @returns undefined, or what is wrong */
export async function tryRule(name, url) {
  try {
    await RULES[name](new Probe(url))
    return undefined
  } catch (error) {
    return error.message
  }
}
