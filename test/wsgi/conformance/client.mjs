/*
 * A client that shows what a container really sends: the bytes, when they came, and whether the answer was whole.
 */
import { connect } from 'node:net'

const PATIENCE = 10_000

/**
 * Sends bytes and reads one answer.
 *
 * @param {{host: string, port: number}} target
 * @param {string} request - the head, and the body where it is sent at once
 * @param {{leaveAfter?: number, onData?: (text: string, send: (text: string) => void) => void, method?: string}} how -
 *   leaveAfter: closes the connection once so many bytes have come
 */
export function ask(target, request, how = {}) {
  return new Promise((resolve, reject) => {
    const socket = connect(target)
    socket.setNoDelay(true)
    let text = ''
    const times = []
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no whole answer within ${PATIENCE / 1000} s; so far: ${JSON.stringify(text.slice(0, 200))}`))
    }, PATIENCE)
    let over = false
    const done = () => {
      if (over) return
      over = true
      clearTimeout(timer)
      socket.destroy()
      resolve({ ...parse(text, how.method ?? 'GET', socket.gyreEnded === true), times, text })
    }
    socket.on('connect', () => socket.write(request, 'latin1'))
    socket.on('data', (data) => {
      text += data.toString('latin1')
      times.push({ at: Date.now(), text })
      how.onData?.(text, (more) => socket.write(more, 'latin1'))
      if (how.leaveAfter !== undefined && text.length >= how.leaveAfter) return done()
      if (parse(text, how.method ?? 'GET', false).complete) done()
    })
    socket.on('end', () => {
      socket.gyreEnded = true
      done()
    })
    socket.on('error', done)
    socket.on('close', done)
  })
}

/** Reads an answer, as far as it has come. */
function parse(whole, method, ended) {
  let text = whole
  for (;;) {
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) return { status: 0, reason: '', headers: {}, body: '', complete: false, framing: 'none' }
    const [line, ...lines] = text.slice(0, end).split('\r\n')
    text = text.slice(end + 4)
    const [, status, reason = ''] = /^HTTP\/1\.\d (\d+) ?(.*)$/.exec(line) ?? []
    // An interim answer goes before the final one.
    if (Number(status) < 200) continue
    const headers = {}
    for (const field of lines) {
      const name = field.slice(0, field.indexOf(':')).toLowerCase()
      const value = field.slice(field.indexOf(':') + 1).trim()
      headers[name] = headers[name] === undefined ? value : `${headers[name]}|${value}`
    }
    const head = { status: Number(status), reason, headers }
    if (method === 'HEAD' || status === '204' || status === '304')
      return { ...head, body: '', complete: true, framing: 'none' }
    if (/chunked/i.test(headers['transfer-encoding'] ?? ''))
      return { ...head, ...parseChunks(text), framing: 'chunked' }
    if (headers['content-length'] !== undefined) {
      const length = Number(headers['content-length'])
      return {
        ...head,
        body: text.slice(0, length),
        complete: text.length >= length,
        rest: text.slice(length),
        framing: 'length',
      }
    }
    return { ...head, body: text, complete: ended, framing: 'close' }
  }
}

function parseChunks(text) {
  let body = ''
  for (let at = 0; ;) {
    const line = text.indexOf('\r\n', at)
    if (line < 0) return { body, complete: false }
    const size = Number.parseInt(text.slice(at, line), 16)
    if (size === 0) return { body, complete: text.length >= line + 4, rest: text.slice(line + 4) }
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
    if (at > text.length) return { body, complete: false }
  }
}
