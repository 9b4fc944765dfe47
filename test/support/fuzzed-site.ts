/*
 * A site whose pages do with a request whatever a handler may do, and the requests that a strict reader finds in bytes:
 * what servers under fuzz serve, and what they are held against.
 */
import { sleep } from '../../lib/index.ts'
import type { Coroutine, Handler, Limits, LogEvent, Request, Response } from '../../lib/index.ts'
import { MessageReader } from './messages.ts'
import type { FoundRequest } from './messages.ts'

/** Reads all of the body and says what it was. */
export function* echo(request: Request, response: Response): Coroutine<void> {
  request.bodyLimit = Infinity
  let size = 0
  for (let piece; (piece = yield* request.read()) !== null;) size += piece.length
  response.text(`${request.method} ${request.target} ${size}`)
}

async function inPromises(request: Request, response: Response): Promise<void> {
  for await (const piece of request) await response.write(piece)
  await response.write('.')
}

export const site: Handler = function (request, response) {
  if (request.path === '/async') return inPromises(request, response)
  return pages(request, response)
}

function* pages(request: Request, response: Response): Coroutine<void> {
  switch (request.path) {
    case '/echo':
      yield* echo(request, response)
      break
    case '/ignore':
      response.text('x'.repeat(3_000))
      break
    case '/sleep':
      yield* sleep(50)
      response.text(yield* request.text())
      break
    case '/stream':
      for (let piece = 0; piece < 5; piece++) {
        yield* response.write(Buffer.alloc(20_000, 'x'))
        if (piece % 2 === 0) yield* sleep(1)
      }
      break
    case '/throw':
      yield* request.read()
      throw new Error('on purpose')
    case '/late':
      yield* response.write('begun')
      throw new Error('on purpose')
    case '/upgrade': {
      if (request.upgrade.length === 0) break
      const stream = yield* response.upgrade('echo')
      stream.tryWrite(Buffer.from('other'), 0, 5)
      break
    }
    case '/trailers':
      response.trailers.set('X-Sum', '1')
      response.end(yield* request.bytes())
      break
    default:
      response.json({ path: request.path, fields: request.headers })
  }
}

/** What bytes mean to our own parser: the requests, and what ends them. */
export interface Meaning {
  readonly requests: readonly FoundRequest[]
  /** The status of the refusal that ends them. */
  readonly refused: number | undefined
  /** Something was begun that has no end. */
  readonly waiting: boolean
  /** The last request asks for the end of the connection. */
  readonly closing: boolean
}

/** @param limits - those that the server has */
export function meaningOf(bytes: Buffer, limits?: Limits): Meaning {
  const reader = new MessageReader(limits)
  reader.push(bytes)
  reader.end()
  const last = reader.log.at(-1) ?? ''
  const refused = /^\d{3} GYRE_/.test(last) ? Number.parseInt(last, 10) : undefined
  return { requests: reader.requests, refused, waiting: last.startsWith('waiting'), closing: last === 'close' }
}

/** What handlers of the site do to themselves: limits that are tight, and an upgrade over an unread body. */
const OWN: readonly string[] = ['GYRE_HANDLER_TIMEOUT', 'GYRE_NO_UPGRADE']

/** @returns the events that the site has no reason for, as text */
export function surprises(events: readonly LogEvent[]): string[] {
  return events
    .filter(({ blame, reason, code }) => blame !== 'client' && !OWN.includes(code) && !reason.endsWith('on purpose'))
    .map(({ code, reason }) => `${code} ${reason}`)
}
