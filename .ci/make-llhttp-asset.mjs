/*
 * Writes lib/protocol/http1/llhttp.asset.ts: the WebAssembly module of llhttp, out of the installed
 * package llhttp-wasm.
 *
 * The package exports no binary, and its own `createParser` is not fit for sockets (docs/dependencies.md).
 * So the module is taken out of its one JavaScript file, checked against a pinned sum, and shipped as
 * an asset of ours. `node .ci/make-llhttp-asset.mjs --print` prints what would be written.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SHA256 = '259f8302ac0f7fd7d38469e0d16b505e59c6b432cc5eb856be4d012260de0e11'
const TARGET = fileURLToPath(new URL('../lib/protocol/http1/llhttp.asset.ts', import.meta.url))

const require = createRequire(import.meta.url)
const main = require.resolve('llhttp-wasm')
const { version } = JSON.parse(readFileSync(join(dirname(main), '../package.json'), 'utf8'))
const base64 = /binaryString = "([^"]+)"/.exec(readFileSync(main, 'latin1'))?.[1]
if (base64 === undefined) throw new Error(`llhttp-wasm ${version} does not hold its module where it used to`)

const sum = createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex')
if (sum !== SHA256) throw new Error(`the module of llhttp-wasm ${version} has the sum ${sum}, not ${SHA256}`)

const lines = base64.match(/.{1,100}/g).map((line) => `  '${line}',`)
const text = `/*
 * The WebAssembly module of llhttp, as base64. Made by .ci/make-llhttp-asset.mjs from llhttp-wasm
 * ${version}; do not edit.
 * SHA-256 of the module: ${sum}
 *
 * llhttp: Copyright Fedor Indutny, 2018. MIT licence.
 * llhttp-wasm: MIT licence. Both texts stand in NOTICE.
 */
export const LLHTTP_WASM_BASE64: string = [
${lines.join('\n')}
].join('')
`

if (process.argv.includes('--print')) process.stdout.write(text)
else writeFileSync(TARGET, text)
