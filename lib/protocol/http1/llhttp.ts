/*
 * llhttp: the one file that holds its WebAssembly module. Nothing else sees it.
 *
 * Bytes are read straight into the module's memory, into the input area, and parsed where they lie.
 * The module reports each part of a message as a span (recorder.ts). Strings are made later, if at all.
 *
 * Every head stops the parser (`PAUSED`), so that what follows it is ours to decide: framing, upgrade
 * and keep-alive are read from the fields by our own rules, not from the parser's flags (llhttp before
 * 9.4.2 overlooks `Connection: close<TAB>`).
 *
 * A parser is a few dozen bytes in the module's memory. One, shared, parses all heads that arrive
 * whole; heads that come in pieces borrow one each for as long as they last. Chunked bodies have a decoder of
 * their own (chunked.ts).
 */
import { SIZES, latin1Text } from '../../base/index.ts'
import { InputArea } from './input-area.ts'
import { LLHTTP_WASM_BASE64 } from './llhttp.asset.ts'
import { imports, record, setArea, skim } from './recorder.ts'
import { SCANNED_BEHIND, SCANNER_SIZE, Scanner } from './scanner.ts'
import { instantiate } from './wasm.ts'
import type { Memory } from './wasm.ts'

/** `llhttp_execute` has taken everything and wants more. */
export const OK = 0
/** It stopped where we asked it to. */
export const PAUSED = 21
/** It met the preface of HTTP/2. */
export const HTTP2_PREFACE = 23
/** It met a version that it does not know. */
export const INVALID_VERSION = 9

const TYPE_REQUEST = 1

interface Module {
  readonly memory: Memory
  _initialize(): void
  malloc(size: number): number
  llhttp_alloc(type: number): number
  llhttp_reset(parser: number): void
  llhttp_execute(parser: number, at: number, length: number): number
  llhttp_get_errno(parser: number): number
  llhttp_get_error_pos(parser: number): number
  llhttp_get_error_reason(parser: number): number
  llhttp_get_method(parser: number): number
  llhttp_method_name(method: number): number
}

const module_ = instantiate(LLHTTP_WASM_BASE64, imports) as Module
module_._initialize()
const areaAt = module_.malloc(SIZES.input + SCANNED_BEHIND)
const wordsAt = module_.malloc(SCANNER_SIZE)
setArea(areaAt)

/** Where bytes are read to, and parsed. */
export const input: InputArea = new InputArea(Buffer.from(module_.memory.buffer, areaAt, SIZES.input))

/** Reads plain heads, which the parser need not see. */
export const scanner: Scanner = new Scanner(module_.memory, areaAt, wordsAt)

/** Memory that grows detaches every view of it: to be called after whatever may have made it grow. */
function renewView(): void {
  if (input.view.length > 0) return
  input.view = Buffer.from(module_.memory.buffer, areaAt, SIZES.input)
  scanner.renew()
}

function textAt(at: number): string {
  const memory = Buffer.from(module_.memory.buffer)
  return latin1Text(memory, at, memory.indexOf(0, at))
}

/** The names of the methods, by the parser's numbers. */
const METHOD_COUNT = 47
const methodNames: string[] = []
for (let method = 0; method < METHOD_COUNT; method++) methodNames.push(textAt(module_.llhttp_method_name(method)))

const shared = module_.llhttp_alloc(TYPE_REQUEST)
const spare: number[] = []

/** Parses `input.bytes[start, end)` as the beginning of a message. @returns `OK`, `PAUSED` at the end of a head, or an error */
export function executeHead(start: number, end: number): number {
  record()
  module_.llhttp_reset(shared)
  return module_.llhttp_execute(shared, areaAt + start, end - start)
}

/** @returns where the shared parser stopped */
export function stoppedAt(): number {
  return module_.llhttp_get_error_pos(shared) - areaAt
}

/** @returns the method of the head that the shared parser has read */
export function methodName(): string {
  return methodNames[module_.llhttp_get_method(shared)] ?? ''
}

/** @returns the shared parser's own words for why it refuses */
export function refusalReason(): string {
  return textAt(module_.llhttp_get_error_reason(shared))
}

/** A parser of its own, for a message that comes in pieces. To be given back with `release`. */
export class PieceParser {
  private parser: number

  constructor() {
    this.parser = spare.pop() ?? module_.llhttp_alloc(TYPE_REQUEST)
    renewView()
    module_.llhttp_reset(this.parser)
  }

  /** Parses on without writing anything down. @returns as `executeHead` */
  skim(start: number, end: number): number {
    skim()
    return module_.llhttp_execute(this.parser, areaAt + start, end - start)
  }

  /** Where it stopped; meaningful only after another result than `OK`. */
  get stoppedAt(): number {
    return module_.llhttp_get_error_pos(this.parser) - areaAt
  }

  get reason(): string {
    return textAt(module_.llhttp_get_error_reason(this.parser))
  }

  release(): void {
    if (this.parser !== 0) spare.push(this.parser)
    this.parser = 0
  }
}
