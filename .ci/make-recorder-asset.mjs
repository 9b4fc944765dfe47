/*
 * Writes lib/protocol/http1/recorder.asset.ts: the WebAssembly module of recorder.wat.
 * `node .ci/make-recorder-asset.mjs --print` prints what would be written.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import loadWabt from 'wabt'

const SOURCE = fileURLToPath(new URL('../lib/protocol/http1/recorder.wat', import.meta.url))
const TARGET = SOURCE.replace('.wat', '.asset.ts')

const wabt = await loadWabt()
const module_ = wabt.parseWat('recorder.wat', readFileSync(SOURCE, 'utf8'))
const base64 = Buffer.from(module_.toBinary({}).buffer).toString('base64')
const lines = base64.match(/.{1,100}/g).map((line) => `  '${line}',`)
const text = `/*
 * The WebAssembly module of recorder.wat, as base64. Made by .ci/make-recorder-asset.mjs; do not edit.
 */
export const RECORDER_WASM_BASE64: string = [
${lines.join('\n')}
].join('')
`

if (process.argv.includes('--print')) process.stdout.write(text)
else writeFileSync(TARGET, text)
