/*
 * The request vectors of llhttp against our reader: is taken what it takes, and refused what it refuses, whole and
 * cut in two at each place?
 *
 * llhttp knows nothing of Host, so a request of HTTP/1.1 that has none is given one. Cases of its lenient flags
 * are left out: we set none.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { readMessages } from '../support/messages.ts'
import { deviationsOf } from './deviations.ts'

const folder = join(process.env['GYRE_OUTSIDE'] ?? '', 'test/request')

interface Case {
  name: string
  isLenient: boolean
  input: string
  log: string
}

/** A remark may stand between the two blocks. */
const CASE = /<!-- meta=(\{.*?\}) -->\s*```http\n([^]*?)\n```\n[^`]*```log\n([^]*?)```/g

function readCases(file: string): Case[] {
  const text = readFileSync(join(folder, file), 'utf8')
  const cases: Case[] = []
  for (const found of text.matchAll(CASE)) {
    const [, meta = '{}', input = '', log = ''] = found
    const heading = [...text.slice(0, found.index).matchAll(/^(?:#+ (.+)|(.+)\n={3,}$)/gm)].at(-1)
    const base = `${file}: ${(heading?.[1] ?? heading?.[2] ?? '').trim()}`
    const before = cases.filter(({ name }) => name === base || name.startsWith(`${base} (`)).length
    const { type } = JSON.parse(meta) as { type: string }
    cases.push({
      name: before === 0 ? base : `${base} (${before + 1})`,
      isLenient: type.includes('lenient'),
      input: withHost(unescape(input)),
      log,
    })
  }
  return cases
}

/** The notation of llhttp's vectors, as its own runner reads it. */
function unescape(text: string): string {
  return text
    .replace(/\\(\r\n|\r|\n)/g, '')
    .replace(/\r\n|\r|\n/g, '\r\n')
    .replaceAll('\\r', '\r')
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t')
    .replaceAll('\\f', '\f')
    .replace(/\\x([0-9a-fA-F]+)/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\([0-7]{1,3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
    .replace(/\$\{(.+?)\}/g, (_all, code: string) => String(runInNewContext(code)))
}

function withHost(text: string): string {
  return text.replace(
    /^([A-Z-]+ (\S+) HTTP\/1\.1\r\n)((?:.+\r\n)*)/gm,
    (all: string, line: string, target: string, fields: string) =>
      /^host[ \t]*:/im.test(fields)
        ? all
        : `${line}Host: ${/^[a-z]+:\/\/([^/?]*)/i.exec(target)?.[1] ?? 'a'}\r\n${fields}`,
  )
}

/** llhttp stops for an upgrade, and does not go on behind a close; neither is refusing. */
const UPGRADE = 22
const BEHIND_CLOSE = 5

type Verdict = 'taken' | 'refused'

function verdictOf(log: string): Verdict {
  const code = Number(/error code=(\d+)/.exec(log)?.[1] ?? 0)
  return code === 0 || code === UPGRADE || code === BEHIND_CLOSE ? 'taken' : 'refused'
}

/** What follows an upgrade is another protocol's. Our reader leaves the stop to its caller, and reads on here. */
function ourVerdict(log: string): Verdict {
  return log.replace(/^(.*, upgrade\n(?:(?:field|body) .*\n)*)[^]*/m, '$1').includes(' GYRE_') ? 'refused' : 'taken'
}

const named = deviationsOf('llhttp')
const files = readdirSync(folder).filter((file) => file.endsWith('.md'))
const all = files.map((file) => ({ file, cases: readCases(file) }))

describe.each(all)('$file', ({ cases }) => {
  for (const { name, isLenient, input, log } of cases) {
    test.skipIf(isLenient)(name, () => {
      const bytes = Buffer.from(input, 'latin1')
      const ours = readMessages(bytes)
      for (let at = 1; at < bytes.length; at++) expect(readMessages(bytes, [at]), `cut at ${at}`).toBe(ours)
      const verdict = ourVerdict(ours)
      if (named.has(name))
        expect(verdict, `docs/http1.md names it, and it is as llhttp has it`).not.toBe(verdictOf(log))
      else expect(verdict, `${JSON.stringify(input)}\n${ours}\n${log}`).toBe(verdictOf(log))
    })
  }
})

test('there are as many cases as there are inputs, and every name in docs/http1.md is a case', () => {
  const names = all.flatMap(({ cases }) => cases.map(({ name }) => name))
  const blocks = files.map((file) => readFileSync(join(folder, file), 'utf8').match(/^```http$/gm)?.length ?? 0)
  expect(names.length).toBe(blocks.reduce((sum, count) => sum + count, 0))
  expect(names.length).toBeGreaterThan(150)
  expect([...named.keys()].filter((name) => !names.includes(name))).toEqual([])
})
