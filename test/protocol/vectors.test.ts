/*
 * The vectors, each of them run whole, byte by byte, cut in two at each place, with strange bytes around it, and with
 * more behind it: the same comes of it every time.
 */
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readMessages } from '../support/messages.ts'
import { readVectors } from '../support/vectors.ts'

const files = readdirSync(new URL('../vectors/http1/', import.meta.url)).sort()
const all = files.map((file) => ({ file, vectors: readVectors(file) }))

/** From here on not every place is tried: all near both ends, and some between. */
const LONG = 1500
const NEAR = 250
const STEP = 97

function places(size: number): number[] {
  const every = Array.from({ length: size }, (_, at) => at + 1)
  return size <= LONG ? every : every.filter((at) => at <= NEAR || at > size - NEAR || at % STEP === 0)
}

const NEXT = Buffer.from('GET /behind HTTP/1.1\r\nHost: a\r\n\r\n')

describe.each(all)('$file', ({ vectors }) => {
  test.each(vectors)('$name', ({ bytes, log }) => {
    expect(readMessages(bytes)).toBe(log)
    expect(
      readMessages(
        bytes,
        Array.from({ length: bytes.length }, (_, at) => at + 1),
      ),
    ).toBe(log)
    for (const at of places(bytes.length)) expect(readMessages(bytes, [at]), `cut at ${at}`).toBe(log)
    for (const around of [0x0a, 0x0d, 0x41]) expect(readMessages(bytes, [], undefined, around)).toBe(log)
    if (/^waiting/m.test(log)) return
    const stopped = /^(?:\d{3} GYRE_\w+|close|tunnel)$/m.test(log)
    const behind = stopped ? log : `${log}\nGET /behind 1.1, none, keepAlive`
    expect(readMessages(Buffer.concat([bytes, NEXT]))).toBe(behind)
    expect(readMessages(Buffer.concat([bytes, NEXT]), [bytes.length])).toBe(behind)
  })
})

test('there are at least 300, no two alike, and each names its rule', () => {
  const vectors = all.flatMap((each) => each.vectors)
  expect(vectors.length).toBeGreaterThan(300)
  expect(new Set(vectors.map(({ bytes }) => bytes.toString('latin1'))).size).toBe(vectors.length)
  for (const { vectors: own } of all) expect(new Set(own.map(({ name }) => name)).size).toBe(own.length)
  for (const { name } of vectors)
    expect(name).toMatch(
      / \((?:(?:H\d+|R[\d.]+|[DFP]\d+|RFC \d+ [\d.]+|CVE-\d+-\d+|GO-[\d-]+|llhttp issue \d+)(?:, |(?=\))))+\)$/,
    )
})
