/*
 * The application that the rules are tried on: one path for each situation. app.py beside it is its twin, for
 * containers of Python. What a check must know that no answer can tell (was close called?) is noted in files of the
 * folder WSGI_CONFORMANCE_LOG, because threads and processes share nothing else.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = process.env.WSGI_CONFORMANCE_LOG ?? join(tmpdir(), 'wsgi-conformance')
const TEXT = [['Content-Type', 'text/plain']]
const bytes = (text) => Buffer.from(text, 'latin1')

function note(id, word) {
  mkdirSync(folder, { recursive: true })
  appendFileSync(join(folder, id), `${word}\n`)
}

/** Stands still, as synchronous code does. */
function wait(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

class Closing {
  constructor(id, chunks) {
    this.id = id
    this.chunks = chunks
  }
  [Symbol.iterator]() {
    return this.chunks[Symbol.iterator]()
  }
  close() {
    note(this.id, 'close')
  }
}

function shown(environ, argumentCount) {
  const strings = {}
  for (const [key, value] of Object.entries(environ)) if (typeof value === 'string') strings[key] = value
  const input = environ['wsgi.input']
  const errors = environ['wsgi.errors']
  const has = (object, names) => names.every((name) => typeof object[name] === 'function')
  const seen = {
    arguments: argumentCount,
    plain: Object.getPrototypeOf(environ) === Object.prototype && !Object.isFrozen(environ),
    marked: 'test.mark' in environ,
    keys: Object.keys(environ),
    strings,
    version: environ['wsgi.version'],
    flags: ['wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once'].map((key) => environ[key]),
    input: has(input, ['read', 'readline', 'readlines']) && (Symbol.iterator in input || 'each' in input),
    errors: has(errors, ['write', 'writelines', 'flush']),
  }
  environ['test.mark'] = true
  environ.REQUEST_METHOD = 'CHANGED'
  return seen
}

/** Calls start_response wrongly in one way. */
const WRONG = {
  'no-reason': (start) => start('200', TEXT),
  number: (start) => start(200, TEXT),
  'status-crlf': (start) => start('200 OK\r\nX-Evil: 1', TEXT),
  'name-space': (start) => start('200 OK', [['X Y', 'a']]),
  'name-colon': (start) => start('200 OK', [['X:', 'a']]),
  'value-crlf': (start) => start('200 OK', [['X-A', 'a\r\nX-Evil: 1']]),
  'value-lf': (start) => start('200 OK', [['X-A', 'a\nb']]),
  'value-control': (start) => start('200 OK', [['X-A', 'a\x01b']]),
  connection: (start) => start('200 OK', [['Connection', 'close']]),
  'transfer-encoding': (start) => start('200 OK', [['Transfer-Encoding', 'chunked']]),
  upgrade: (start) => start('200 OK', [['Upgrade', 'x']]),
  'keep-alive': (start) => start('200 OK', [['Keep-Alive', 'x']]),
}

const SITUATIONS = {
  '/errors'(environ, start) {
    environ['wsgi.errors'].write('')
    environ['wsgi.errors'].writelines(['', '\u00e9'.slice(1)])
    environ['wsgi.errors'].flush()
    start('200 OK', TEXT)
    return [bytes('ok')]
  },
  '/wrong'(_environ, start, query) {
    let outcome = 'accepted'
    try {
      WRONG[query.get('case')](start)
    } catch (error) {
      outcome = 'raised'
      start('200 OK', TEXT, error)
      return [bytes(outcome)]
    }
    return [bytes(outcome)]
  },
  '/twice'(_environ, start) {
    start('200 OK', TEXT)
    start('200 OK', TEXT)
    return [bytes('never')]
  },
  '/twice-after-raise'(_environ, start) {
    try {
      start('no status', TEXT)
    } catch {
      start('200 OK', TEXT)
    }
    return [bytes('never')]
  },
  '/replace'(_environ, start) {
    start('200 OK', [['X-First', 'yes']])
    start('502 Sorry', TEXT, new Error('replaced'))
    return [bytes('sorry')]
  },
  *'/late'(_environ, start, query) {
    start('200 OK', TEXT)
    yield bytes('sent')
    try {
      start('500 Late', TEXT, new Error('original'))
    } catch (error) {
      note(query.get('id'), error.message)
      throw error
    }
    yield bytes('never')
  },
  *'/lazy'(_environ, start) {
    start('200 First', TEXT)
    yield bytes('')
    start('201 Second', TEXT, new Error('changed'))
    yield bytes('x')
  },
  '/lazy-write'(_environ, start) {
    start('200 First', TEXT)
    const write = start('201 Second', TEXT, new Error('changed'))
    write(bytes(''))
    write(bytes('x'))
    return []
  },
  *'/step'(_environ, start) {
    start('200 OK', TEXT)
    yield bytes('late')
  },
  '/nostart'() {
    return [bytes('never')]
  },
  *'/slow'(_environ, start) {
    start('200 OK', TEXT)
    yield bytes('one ')
    wait(500)
    yield bytes(`${Date.now()} `)
    yield bytes('end')
  },
  *'/empties'(_environ, start) {
    yield bytes('')
    start('200 OK', TEXT)
    for (const chunk of ['', 'a', '', '', 'b', '']) yield bytes(chunk)
  },
  '/all-bytes'(_environ, start) {
    start('200 OK', [['Content-Type', 'application/octet-stream']])
    return [Buffer.from(Array.from({ length: 256 }, (_none, at) => at)), bytes('\n\r\n')]
  },
  '/text-chunk'(_environ, start) {
    start('200 OK', TEXT)
    return ['text', 'text']
  },
  '/close'(_environ, start, query) {
    const id = query.get('id')
    start('200 OK', TEXT)
    if (query.get('case') === 'end') return new Closing(id, [bytes('a'), bytes('b')])
    if (query.get('case') === 'error')
      return new Closing(
        id,
        (function* () {
          yield bytes('a')
          throw new Error('broken')
        })(),
      )
    return new Closing(
      id,
      (function* () {
        for (let left = 4000; left > 0; left--) yield Buffer.alloc(50_000, 'x')
      })(),
    )
  },
  '/attributes'(_environ, start, query) {
    start('200 OK', TEXT)
    return new Proxy(
      { [Symbol.iterator]: () => [bytes('a'), bytes('b')][Symbol.iterator]() },
      {
        get(target, name) {
          if (![Symbol.iterator, 'close', 'length', Symbol.toStringTag].includes(name))
            note(query.get('id'), String(name))
          return target[name]
        },
      },
    )
  },
  '/length'(_environ, start, query) {
    const write = start('200 OK', [...TEXT, ['Content-Length', query.get('announced')]])
    const body = bytes(query.get('body'))
    if (query.get('how') !== 'write')
      return (function* () {
        for (const byte of body) yield Buffer.of(byte)
      })()
    try {
      write(body)
    } catch {
      note(query.get('id'), 'raised')
      write(body.subarray(0, Number(query.get('announced'))))
    }
    return []
  },
  '/one'(_environ, start) {
    start('200 OK', TEXT)
    return [bytes('abc')]
  },
  '/several'(_environ, start) {
    start('200 OK', TEXT)
    return [bytes('ab'), bytes('c')]
  },
  '/own-date'(_environ, start) {
    start('200 OK', [...TEXT, ['Date', 'Thu, 01 Jan 1970 00:00:00 GMT'], ['Server', 'its own']])
    return [bytes('abc')]
  },
  '/write'(_environ, start) {
    const write = start('200 OK', TEXT)
    write(bytes('a'))
    write(bytes('b'))
    return [bytes('c'), bytes('d')]
  },
  '/raise'() {
    throw new Error('a secret')
  },
  *'/raise-late'(_environ, start) {
    start('200 OK', TEXT)
    yield bytes('begun')
    throw new Error('a secret')
  },
  '/overlap'(_environ, start, query) {
    const id = query.get('id')
    note(id, 'in')
    wait(200)
    note(id, 'out')
    start('200 OK', TEXT)
    return [bytes('ok')]
  },
  '/file'(environ, start, query) {
    const wrap = environ['wsgi.file_wrapper']
    start('200 OK', [...TEXT, ['Content-Length', '5']])
    if (wrap === undefined) return [bytes('absen')]
    let at = 2
    const file = {
      read(size) {
        note(query.get('id'), 'read')
        const block = bytes('0123456789').subarray(at, at + size)
        at += block.length
        return block
      },
      close: () => note(query.get('id'), 'close'),
    }
    return wrap(file, 3)
  },
  '/middleware'(_environ, start, query) {
    const inner = new Closing(query.get('id'), [bytes('a'), bytes(''), bytes('b'), bytes('c'), bytes('d')])
    start('200 OK', TEXT)
    const upper = (function* () {
      let held = ''
      for (const chunk of inner) {
        held += String(chunk).toUpperCase()
        if (held.length < 2) yield bytes('')
        else {
          yield bytes(held)
          held = ''
        }
      }
    })()
    return { [Symbol.iterator]: () => upper, close: () => inner.close() }
  },
  '/url'(environ, start) {
    const quote = (text) =>
      text.replace(
        /[^A-Za-z0-9\-._~/]/g,
        (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
      )
    let url = `${environ['wsgi.url_scheme']}://`
    if (environ.HTTP_HOST) url += environ.HTTP_HOST
    else url += `${environ.SERVER_NAME}:${environ.SERVER_PORT}`
    url += quote(environ.SCRIPT_NAME ?? '') + quote(environ.PATH_INFO ?? '')
    if (environ.QUERY_STRING) url += `?${environ.QUERY_STRING}`
    start('200 OK', TEXT)
    return [bytes(url)]
  },
  '/log'(_environ, start, query) {
    const path = join(folder, query.get('id'))
    start('200 OK', TEXT)
    return [existsSync(path) ? readFileSync(path) : Buffer.alloc(0)]
  },
}

/** The steps of /input, as `read:2,readline,iterate`. */
function readSteps(query) {
  return query
    .get('do')
    .split(',')
    .map((step) => step.split(':'))
}

/** Reads where reads answer at once. */
function read(environ, start, query) {
  const input = environ['wsgi.input']
  const results = []
  for (const [method, size] of readSteps(query)) {
    if (method === 'iterate') results.push(...input)
    else if (method === 'readlines')
      results.push(...(size === undefined ? input.readlines() : input.readlines(Number(size))))
    else results.push(size === undefined ? input[method]() : input[method](Number(size)))
  }
  start('200 OK', TEXT)
  return [bytes(JSON.stringify([environ.CONTENT_LENGTH ?? null, results.map((part) => part.toString('latin1'))]))]
}

/** The same where they are waited for. */
function* readWaiting(environ, start, query) {
  const input = environ['wsgi.input']
  const results = []
  for (const [method, size] of readSteps(query)) {
    if (method === 'iterate') yield* input.each((line) => void results.push(line))
    else if (method === 'readlines')
      results.push(...(yield* size === undefined ? input.readlines() : input.readlines(Number(size))))
    else results.push(yield* size === undefined ? input[method]() : input[method](Number(size)))
  }
  start('200 OK', TEXT)
  yield bytes(JSON.stringify([environ.CONTENT_LENGTH ?? null, results.map((part) => part.toString('latin1'))]))
}

function makeApp(reading) {
  return function (...given) {
    const [environ, start] = given
    const query = new URLSearchParams(environ.QUERY_STRING)
    if (environ.PATH_INFO === '/input') return reading(environ, start, query)
    const situation = SITUATIONS[environ.PATH_INFO]
    if (situation !== undefined) return situation(environ, start, query)
    const seen = shown(environ, given.length)
    start('200 OK', [['Content-Type', 'application/json']])
    return [
      bytes(
        JSON.stringify(seen).replace(
          /[\u007f-\uffff]/g,
          (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
        ),
      ),
    ]
  }
}

export default makeApp(read)
export const taskApp = makeApp(readWaiting)
