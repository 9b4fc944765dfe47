/*
 * Writes the WebAssembly module of a text in lib/protocol/http1: of recorder.wat, recorder.asset.ts, and so on.
 * `node .ci/make-wat-asset.mjs recorder --print` prints what would be written.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import loadWabt from 'wabt'

const name = process.argv[2]
const SOURCE = fileURLToPath(new URL(`../lib/protocol/http1/${name}.wat`, import.meta.url))
const TARGET = SOURCE.replace('.wat', '.asset.ts')

const wabt = await loadWabt()
const module_ = wabt.parseWat(`${name}.wat`, readFileSync(SOURCE, 'utf8'))
const base64 = Buffer.from(module_.toBinary({}).buffer).toString('base64')
const lines = base64.match(/.{1,100}/g).map((line) => `  '${line}',`)
const text = `/*
 * The WebAssembly module of ${name}.wat, as base64. Made by .ci/make-wat-asset.mjs; do not edit.
 */
export const ${name.toUpperCase()}_WASM_BASE64: string = [
${lines.join('\n')}
].join('')
`

if (process.argv.includes('--print')) process.stdout.write(text)
else writeFileSync(TARGET, text)
