/*
 * What llhttp reports, written down where JavaScript can read it.
 *
 * llhttp tells of each part of a message by a call. A call from WebAssembly into JavaScript costs some 25 ns, and the
 * head of a browser's request makes thirty; from one module into another it costs next to nothing. So the calls go to
 * a small module (recorder.wat), and its memory is read here when the head is complete.
 */
import { SIZES } from '../../base/index.ts'
import { RECORDER_WASM_BASE64 } from './recorder.asset.ts'
import { instantiate } from './wasm.ts'
import type { Memory } from './wasm.ts'

interface Recorder {
  readonly memory: Memory
  readonly span: unknown
  readonly target: unknown
  readonly ignore: unknown
  readonly ignoreSpan: unknown
  readonly pause: unknown
  readonly pauseAtHead: unknown
}

const recorder = instantiate(RECORDER_WASM_BASE64, {}) as Recorder

// Where its words stand, as numbers of words.
const NEXT = 0
const LAST = 1
const TARGET = 2
const AREA = 3
const SPANS = 4
const WORD = Int32Array.BYTES_PER_ELEMENT
/** A span is two words. */
const SPAN = 2
/** One more than may be in use, so that it is seen where there were too many. */
const MOST = 2 + SIZES.fieldRecords * 4 + SPAN

const words = new Int32Array(recorder.memory.buffer)

/** What llhttp is to call. */
export const imports: object = {
  env: {
    wasm_on_message_begin: recorder.ignore,
    wasm_on_url: recorder.target,
    wasm_on_status: recorder.ignoreSpan,
    wasm_on_header_field: recorder.span,
    wasm_on_header_value: recorder.span,
    wasm_on_headers_complete: recorder.pauseAtHead,
    wasm_on_body: recorder.ignoreSpan,
    wasm_on_message_complete: recorder.pause,
  },
}

/** Two numbers for the target, and four for each field, name and value: where it begins in the input area, and its length. */
export const spans: Int32Array = new Int32Array(recorder.memory.buffer, SPANS * WORD, MOST)

/** Says where the input area lies in the memory of the parser. */
export function setArea(at: number): void {
  words[AREA] = at
}

/** Begins anew, and writes down what comes. */
export function record(): void {
  words[NEXT] = SPANS * WORD
  words[LAST] = (SPANS + MOST - SPAN) * WORD
}

/** Begins anew, and writes nothing down but how long the target is. */
export function skim(): void {
  words[LAST] = 0
  words[TARGET] = 0
}

/** @returns how many numbers of `spans` are in use */
export function spanCount(): number {
  return (words[NEXT] as number) / WORD - SPANS
}

/** @returns whether there were more spans than there is room for */
export function overfull(): boolean {
  return spanCount() + SPAN > MOST
}

/** @returns how much of the target went by since `skim`, in bytes */
export function skimmedTarget(): number {
  return words[TARGET] as number
}
