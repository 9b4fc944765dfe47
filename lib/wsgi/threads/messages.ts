/*
 * What is told across: a request to a thread, a head and a failure back. As text of lines, because nothing in a
 * request line, a header field or a status line can hold a line end; taking those apart costs less than JSON.
 */
import {
  ERRORS,
  GyreError,
  SIZES,
  describeError,
  latin1Text,
  stackOf,
  statusOf,
  writeLatin1,
} from '../../base/index.ts'
import type { ErrorCode } from '../../base/index.ts'
import { splitTarget } from '../../protocol/index.ts'
import type { ResponseFields } from '../../protocol/index.ts'
import type { Request, Response } from '../../server/index.ts'
import type { EnvironFacts } from '../environ.ts'
import { giveBack, takeAll } from '../start-response.ts'

/** A slot: request number, length of the head, length of the body as far as it lies here, and how long it is. */
const HEADER_BYTES = 24
const AT = { job: 0, head: 4, held: 8, length: 16 } as const
const NO_BODY = -1

/** A request as a thread gets it. */
export interface ToldRequest {
  readonly job: number
  readonly facts: EnvironFacts
  /** The length of the body; undefined where there is none. */
  readonly length: number | undefined
  /** What is there of the body already; the rest is to be asked for. */
  readonly held: Buffer
}

/**
 * Writes a request into a slot.
 *
 * @returns whether there was room
 */
export function tellRequest(
  slot: Buffer,
  job: number,
  request: Request,
  held: Buffer,
  length: number | undefined,
): boolean {
  const { remote, local, headers } = request
  let text =
    `${request.method}\n${request.target}\n${request.mountPath}\n${request.httpVersion}\n` +
    `${request.secure ? 's' : ''}\n${remote.address}\n${remote.port}\n${local.address}\n${local.port}`
  for (let at = 0; at < headers.count; at++) text += `\n${headers.nameAt(at)}\n${headers.valueAt(at)}`
  if (HEADER_BYTES + text.length + held.length > slot.length) return false
  slot.writeInt32LE(job, AT.job)
  slot.writeInt32LE(text.length, AT.head)
  slot.writeInt32LE(held.length, AT.held)
  slot.writeDoubleLE(length ?? NO_BODY, AT.length)
  writeLatin1(slot, text, HEADER_BYTES)
  if (held.length > 0) held.copy(slot, HEADER_BYTES + text.length)
  return true
}

/** What a body may have to be told with its request. */
export const TOLD_BODY: number = SIZES.wsgiInput / 2

const FACTS = 9

/** Reads a request out of a slot. */
export function hearRequest(slot: Buffer): ToldRequest {
  const bodyAt = HEADER_BYTES + slot.readInt32LE(AT.head)
  const lines = latin1Text(slot, HEADER_BYTES, bodyAt).split('\n')
  const [method, target, mountPath, httpVersion, secure, remoteAddress, remotePort, localAddress, localPort] =
    lines as [string, string, string, '1.0' | '1.1', string, string, string, string, string]
  const heldLength = slot.readInt32LE(AT.held)
  const length = slot.readDoubleLE(AT.length)
  const held = Buffer.allocUnsafe(heldLength)
  slot.copy(held, 0, bodyAt, bodyAt + heldLength)
  return {
    job: slot.readInt32LE(AT.job),
    length: length === NO_BODY ? undefined : length,
    held,
    facts: {
      method,
      target,
      mountPath,
      httpVersion,
      ...splitTarget(target),
      secure: secure !== '',
      remote: { address: remoteAddress, port: Number(remotePort) },
      local: { address: localAddress, port: Number(localPort) },
      headers: {
        count: (lines.length - FACTS) / 2,
        nameAt: (index) => lines[FACTS + 2 * index] as string,
        valueAt: (index) => lines[FACTS + 2 * index + 1] as string,
      },
    },
  }
}

/** A head on its way to the loop. */
export function tellHead(status: number, reason: string | undefined, headers: ResponseFields): Buffer {
  let text = `${status}\n${reason ?? ''}`
  for (let at = 0; at < headers.count; at++) text += `\n${headers.nameAt(at)}\n${headers.valueAt(at)}`
  return Buffer.from(text, 'latin1')
}

/** Puts a head into a response. */
export function hearHead(bytes: Buffer, start: number, end: number, response: Response): void {
  const lines = latin1Text(bytes, start, end).split('\n')
  const outer = response.ownHeaders === null ? [] : takeAll(response.headers)
  response.status = Number(lines[0])
  response.reason = lines[1]
  for (let at = 2; at < lines.length; at += 2) response.headers.append(lines[at] as string, lines[at + 1] as string)
  giveBack(response.headers, outer)
}

/** Characters of a message and of a stack: both must fit into one record, where JSON makes six bytes of one. */
const LONGEST_TEXT = SIZES.wsgiOutput / 32

/** What is told of a failure. */
interface ToldFailure {
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
  readonly status: number
  /** Whether the client may read the message; undefined where the error is not meant as an answer. */
  readonly expose: boolean | undefined
}

/** A failure on its way to the loop, cut to what has room: a message may be made of what a client has sent. */
export function tellFailure(error: unknown): Buffer {
  const told: ToldFailure = {
    message: describeError(error).slice(0, LONGEST_TEXT),
    stack: error instanceof Error ? stackOf(error).slice(0, LONGEST_TEXT) : undefined,
    code: error instanceof GyreError ? error.code : undefined,
    status: statusOf(error),
    expose: exposeOf(error),
  }
  return Buffer.from(JSON.stringify(told))
}

function exposeOf(error: unknown): boolean | undefined {
  try {
    const expose = error instanceof Error && 'expose' in error ? error.expose : undefined
    return typeof expose === 'boolean' ? expose : undefined
  } catch {
    // A getter of the application's that fails.
    return undefined
  }
}

/** @returns the error as it was in the thread, as far as that can be told */
export function hearFailure(bytes: Buffer): Error {
  const told = JSON.parse(bytes.toString()) as ToldFailure
  const error =
    told.code !== undefined && Object.hasOwn(ERRORS, told.code)
      ? new GyreError(told.code as ErrorCode, told.message)
      : Object.assign(
          new Error(told.message),
          { status: told.status },
          told.expose === undefined ? {} : { expose: told.expose },
        )
  if (told.stack !== undefined) error.stack = told.stack
  return error
}
